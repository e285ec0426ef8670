"""What the host has set by AT commands; gone at each start of the modem."""

from dataclasses import dataclass, field

REGISTRATION_MODES = {"+CREG": 2, "+CGREG": 2, "+CEREG": 3, "+C5GREG": 2}
"""The registration commands, and the highest <n> of each."""


@dataclass
class Settings:
    """The values after a start."""

    echo: bool = True
    cmee: int = 0
    operator_format: int = 0
    """<format> of +COPS: 0 long, 1 short, 2 numeric."""
    registration: dict[str, int] = field(default_factory=lambda: dict.fromkeys(REGISTRATION_MODES, 0))
    """<n> of each registration command."""
    text_mode: int = 0
    character_set: str = "IRA"
    contexts: dict[int, str] = field(default_factory=dict)
    """+CGDCONT: what follows each <cid>. The same at each start: the modem keeps them."""
