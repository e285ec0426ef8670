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
    look: float = wait(0.5, floor=0.05)
    """Between two looks at the modem because of what it says by itself: mostly several lines at once."""
    action: float = wait(1800.0, floor=60.0)
    """What one action may take; beyond it the watchdog is not fed any more."""

    probe: float = wait(10.0, floor=0.5)
    """What one probe target is given to answer."""

    card_retry: float = wait(30.0)
    """No card: until it is looked for again; doubles up to card_retry_max."""
    card_retry_max: float = wait(3600.0)
    grace: float = wait(120.0)
    """A lost link may come back by itself for this long before the first remedy."""
    grace_refused: float = wait(60.0)
    """The same where the network said no: that seldom passes."""
    reattach: float = wait(60.0)
    """What a re-attach is given to show that it helped."""
    bearer: float = wait(60.0)
    """The same for a new bearer."""
    radio_cycle: float = wait(120.0)
    """The same for radio off and on: the modem looks for networks anew."""
    reset: float = wait(180.0)
    """The same for a reset of the modem, after which it may have to search all bands."""
    remedy_max: float = wait(3600.0)
    """Cap of grace and of the remedies' waits, which double with each round of the ladder in vain."""
    settle: float = wait(120.0)
    """A link that was back for less is still the same loss: the ladder goes on where it was."""
    steady: float = wait(24 * 3600.0)
    """A profile that was lost again within this time after a return counts as a trial that failed."""
    trial: float = wait(300.0)
    """After a switch: by when the new profile must have proven itself."""
    other_after: float = wait(1800.0)
    """The bootstrap profile has no link either: from the fallback to a trial of the profile that it left;
    doubles up to return_max. Up to a quarter less, by jitter."""
    return_after: float = wait(6 * 3600.0)
    """From a fallback to the first trial of a return; doubles up to return_max. Up to a quarter less, by
    jitter."""
    return_max: float = wait(48 * 3600.0)
    """Cap of return_after."""
    budget: float = wait(24 * 3600.0)
    """Within any time of this length, the gateway switches by itself at most rows.SWITCHES times."""
    emergency_look: float = wait(300.0)
    """While an Emergency Profile is enabled: between two looks at whether it still is."""
    emergency_max: float = wait(12 * 3600.0)
    """After this, whoever enabled the Emergency Profile is taken to have forgotten it: it is disabled."""
    probe_interval: float = wait(3600.0)
    """Between two probes of a link that looks well."""
    probe_retry: float = wait(30.0)
    """Between two looks at a link that is lost; doubles up to probe_retry_max, and starts anew with each
    remedy."""
    probe_retry_max: float = wait(900.0)
    poll_start: float = wait(300.0)
    """The first poll after a start is spread over this time."""
    poll_spread: float = wait(300.0)
    """A poll because the link is back, or after a switch that no eIM waits for, is spread over this time."""
    poll_min: float = wait(900.0)
    """Two polls of the same eIM are at least this far apart, unless somebody asks or a trial needs it."""
    poll_interval: float = wait(24 * 3600.0)
    """Between two polls when nothing happens; jittered by a tenth."""
    poll_retry: float = wait(60.0)
    """After a poll that failed; doubles up to poll_retry_max, jittered by a half."""
    poll_retry_max: float = wait(6 * 3600.0)
    download_retry: float = wait(60.0)
    """After a download that the network broke off; doubles up to download_retry_max, jittered by a half."""
    download_retry_max: float = wait(6 * 3600.0)
    notification_retry: float = wait(900.0)
    """What an eIM refused to take is offered again after this; doubles up to notification_retry_max."""
    notification_retry_max: float = wait(24 * 3600.0)
