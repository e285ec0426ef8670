"""Every wait of the modem layer, in seconds. The agent's `ipad.waits.Waits` adds its own to these."""

from dataclasses import dataclass, field, fields, replace
from typing import Self


def wait(seconds: float, floor: float | None = None) -> float:
    """A field of Waits. `floor` is where scaling stops: for deadlines that real I/O has to meet."""
    value: float = field(default=seconds, metadata={"floor": 0.0 if floor is None else floor})
    return value


@dataclass(frozen=True)
class Waits:
    """Waits of the modem layer, in seconds."""

    at_command: float = wait(5.0, floor=2.0)
    """An ordinary AT command's deadline."""
    at_slow: float = wait(60.0, floor=5.0)
    """Commands that make the modem work: CFUN, COPS, CGATT, CGACT."""
    apdu: float = wait(240.0, floor=15.0)
    """AT+CSIM/CGLA with a command that may make the card compute or install."""
    at_sync: float = wait(0.5, floor=0.3)
    """Silence that means the line is quiet, and the time one bare AT may take while resynchronising."""
    reset_begins: float = wait(10.0, floor=1.5)
    """From a reset's OK until the modem has gone down, for modems that do not show when they do."""
    modem_boot: float = wait(90.0, floor=10.0)
    """From a reset until the modem answers AT again."""
    sim_ready: float = wait(30.0, floor=8.0)
    """From a reset or REFRESH until +CPIN says READY."""
    refresh: float = wait(20.0, floor=1.5)
    """How long a modem may take to act on a REFRESH before it is reset."""
    carrier: float = wait(60.0, floor=4.0)
    """How long a model that may keep the former operator's configuration is given to find the new network."""
    registration_poll: float = wait(60.0, floor=0.5)
    """Between two looks at the registration, where the modem does not tell of changes by itself."""
    poll_ready: float = wait(0.5, floor=0.05)
    """Between two looks while waiting for the modem or card to come up."""

    def scaled(self, factor: float) -> Self:
        """All waits times `factor`, none below its floor."""
        return replace(
            self,
            **{
                f.name: max(getattr(self, f.name) * factor, min(getattr(self, f.name), f.metadata["floor"]))
                for f in fields(self)
                if "floor" in f.metadata
            },
        )
