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
    package: float = wait(600.0, floor=10.0)
    """The same for the one that brings a bound profile package, 100 KB and more over a narrow link."""

    idle: float = wait(300.0, floor=5.0)
    """The longest sleep of the loop without a watchdog; with one it is half of that one's patience."""
    action: float = wait(1800.0, floor=60.0)
    """What one action may take; beyond it the watchdog is not fed any more."""

    probe: float = wait(10.0, floor=0.5)
    """What one probe target is given to answer."""

    card_retry: float = wait(30.0)
    """No card: until it is looked for again; doubles up to card_retry_max."""
    card_retry_max: float = wait(3600.0)
    grace: float = wait(90.0)
    """A lost link may come back by itself for this long before the first remedy."""
    remedy: float = wait(90.0)
    """What a remedy is given to show that it helped, before the next one."""
    remedy_max: float = wait(3600.0)
    """Cap of grace and remedy, which double with each round of the ladder that did not help."""
    trial: float = wait(300.0)
    """After a switch: by when the new profile must have proven itself."""
    return_after: float = wait(6 * 3600.0)
    """From a fallback to the first trial of a return; doubles up to return_max."""
    return_max: float = wait(48 * 3600.0)
    """Cap of return_after."""
    probe_interval: float = wait(900.0)
    """Between two probes of a link that looks well."""
    probe_retry: float = wait(30.0)
    """Between two probes of a link without traffic."""
    poll_start: float = wait(60.0)
    """The first poll after a start is spread over this time."""
    poll_min: float = wait(60.0)
    """Two polls of the same eIM are at least this far apart, unless somebody asks."""
    poll_interval: float = wait(24 * 3600.0)
    """Between two polls when nothing happens; jittered by a tenth."""
    poll_retry: float = wait(15.0)
    """After a poll that failed; doubles up to poll_retry_max, jittered by a half."""
    poll_retry_max: float = wait(6 * 3600.0)
    download_retry: float = wait(60.0)
    """After a download that the network broke off; doubles up to download_retry_max, jittered by a half."""
    download_retry_max: float = wait(6 * 3600.0)
    notification_retry: float = wait(900.0)
    """What an eIM refused to take is offered again after this; doubles up to notification_retry_max."""
    notification_retry_max: float = wait(24 * 3600.0)
