"""What an SM-DP+ must not forget: download orders and what cards told it, in one JSON file."""

from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from ipad.errors import ConfigError
from ipad.testbed.files import read_json, write_json

from .profiles import ProfileOrder

RELEASED, DOWNLOADED, INSTALLED, ERROR = "released", "downloaded", "installed", "error"
"""States of an order (SGP.22 3.1.6)."""


@dataclass
class Download:
    """A BoundProfilePackage that was given out, and by which certificate its result is checked."""

    eid: str
    euicc_certificate: str
    result: str | None = None
    """The ProfileInstallationResult, hexadecimal, once it came."""


@dataclass
class Order:
    """One profile, waiting to be downloaded."""

    matching_id: str
    """Empty: for the default SM-DP+ use case, found by its EID alone."""
    profile: ProfileOrder
    eid: str | None = None
    """The only card that may have it; set by the first download if the order does not say."""
    confirmation_hash: str | None = None
    """SHA-256 of the confirmation code, hexadecimal: the code itself is not kept."""
    expires: str | None = None
    """ISO 8601."""
    rebinding: bool = True
    """Whether the profile may be bound again, to another one-time key of the card."""
    state: str = RELEASED
    attempts: int = 0
    wrong_codes: int = 0
    downloads: dict[str, Download] = field(default_factory=dict)
    """By transactionId, hexadecimal."""

    def expired(self, now: datetime) -> bool:
        """Whether its time is over."""
        return self.expires is not None and now >= datetime.fromisoformat(self.expires)


@dataclass
class Told:
    """A verified OtherSignedNotification."""

    eid: str
    seq: int
    events: list[str]
    iccid: str | None


@dataclass
class Orders:
    """The SM-DP+'s memory."""

    orders: list[Order] = field(default_factory=list)
    notifications: list[Told] = field(default_factory=list)

    def find(self, matching_id: str, eid: str) -> Order | None:
        """The order with this matching id; without one, that of this card (SGP.22 5.6.3)."""
        for order in self.orders:
            if order.matching_id == matching_id and (matching_id or order.eid == eid):
                return order
        return None

    def download(self, transaction_id: bytes) -> tuple[Order, Download] | None:
        """What was given out in this transaction."""
        for order in self.orders:
            found = order.downloads.get(transaction_id.hex())
            if found is not None:
                return order, found
        return None


def load(path: Path) -> Orders:
    """Reads the file; an empty memory if there is none. ConfigError if it is not readable."""
    raw = read_json(path)
    if raw is None:
        return Orders()
    try:
        return Orders([_order(order) for order in raw["orders"]], [Told(**t) for t in raw["notifications"]])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError(f"{path}: no readable state of an SM-DP+: {error!r}") from error


def store(path: Path, orders: Orders) -> None:
    """Writes the file, whole or not at all."""
    raw = asdict(orders)
    for order in raw["orders"]:
        order["profile"]["http_params"] = order["profile"]["http_params"].hex()
    write_json(path, raw)


def _order(raw: dict[str, Any]) -> Order:
    profile = dict(raw["profile"])
    profile["http_params"] = bytes.fromhex(profile["http_params"])
    profile["policy_rules"] = tuple(profile["policy_rules"])
    profile["notify"] = tuple((tuple(events), address) for events, address in profile["notify"])
    downloads = {key: Download(**download) for key, download in raw["downloads"].items()}
    return Order(**{**raw, "profile": ProfileOrder(**profile), "downloads": downloads})
