"""The cellular network as the mock modem sees it: announce an IMSI, be told how that one is served."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class NetworkStatus:
    """How the network serves the IMSI announced last."""

    registration: int
    """<stat> of +CEREG (TS 27.007 10.1.22): 0 no, 1 home, 2 searching, 3 denied, 4 unknown, 5 roaming."""
    plmn: str | None = None
    """MCC and MNC of the serving operator as digits; None when not registered."""
    cause: int | None = None
    """Reject cause when denied (TS 24.301 annex A)."""
    tech: int = 7
    """<AcT> of +COPS (TS 27.007 7.3): 0 GSM, 2 UTRAN, 7 E-UTRAN."""
    rssi: int | None = None
    """Received signal in dBm; None when nothing is heard."""
    address: str | None = None
    """The bearer's IP address; None without a bearer."""


SEARCHING = NetworkStatus(registration=2)
"""What status() says from register() until the network has answered it."""
NOT_REGISTERED = NetworkStatus(registration=0)


class Network(Protocol):
    """What a mock modem needs of a network. All is called from the modem's one thread; nothing blocks."""

    def register(self, imsi: str | None) -> None:
        """Announces the SIM's IMSI; None: no SIM, or the radio is off. A former announcement ends."""
        ...

    def status(self) -> NetworkStatus:
        """The network's last word on the IMSI announced last; SEARCHING until it has spoken."""
        ...

    def fileno(self) -> int:
        """Readable when pump() has something to read; -1 if the status never changes by itself.

        Asked again after every call, so that a connection may be made anew.
        """
        ...

    def pump(self) -> None:
        """Reads what the network said; status() is up to date afterwards."""
        ...


class AlwaysOn:
    """A network that takes everybody: at home on the IMSI's own operator (five-digit PLMN)."""

    def __init__(self) -> None:
        self._status = NOT_REGISTERED

    def register(self, imsi: str | None) -> None:
        self._status = (
            NOT_REGISTERED
            if imsi is None
            else NetworkStatus(registration=1, plmn=imsi[:5], rssi=-71, address="10.64.0.2")
        )

    def status(self) -> NetworkStatus:
        return self._status

    def fileno(self) -> int:
        return -1

    def pump(self) -> None:
        return
