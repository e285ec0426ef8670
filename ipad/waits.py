"""Every wait of the project, in seconds, in one frozen object (the modem layer's are inherited)."""

from dataclasses import dataclass

import modem.waits
from modem.waits import wait


@dataclass(frozen=True)
class Waits(modem.waits.Waits):
    """The agent's waits, in powered seconds. A field without a floor scales freely."""

    cat_busy: float = wait(5.0, floor=0.05)
    """Between two tries of a function that the card answers with catBusy(5)."""
    connect: float = wait(30.0, floor=2.0)
    """Name, TCP and TLS together, to an eIM."""
    http: float = wait(60.0, floor=5.0)
    """One HTTP exchange, from the first octet sent to the last received."""
