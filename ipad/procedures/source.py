"""Where a profile comes from, and by which way: its SM-DP+ directly, or the eIM (SGP.32 3.2.3).

Both ways have the same functions with the same answers; what differs is the first one, and what may be
missing because the eIM has it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from ipad.eim import EimConfiguration
from ipad.errors import IpadError
from ipad.esipa.client import Esipa
from ipad.esipa.model import DownloadTrigger
from ipad.euicc import es10a
from ipad.procedures.gateway import Gateway
from ipad.rsp import activation_code
from ipad.rsp.activation_code import ActivationCode
from ipad.rsp.es9 import Es9
from ipad.server_answers import InitiateAuthenticationOk


@dataclass(frozen=True, slots=True)
class Source:
    """One server, for one download."""

    server: Es9 | Esipa
    initiate: Callable[[bytes, bytes], InitiateAuthenticationOk]
    """InitiateAuthentication, with euiccChallenge and EUICCInfo1 (BF20…)."""
    name: str
    """For messages."""
    code: ActivationCode | None
    """Where the profile waits; None: only the eIM knows."""

    @property
    def direct(self) -> bool:
        return isinstance(self.server, Es9)


@dataclass(frozen=True, slots=True)
class Order:
    """A download, whoever wants it."""

    trigger: DownloadTrigger = field(repr=False)
    eim_id: str | None = None
    """The eIM that ordered it; None: somebody at the gateway did."""
    confirmation_code: str = field(default="", repr=False)
    wanted_id: int | None = None
    """Of its row in the journal."""


def of(gateway: Gateway, order: Order, code: ActivationCode | None) -> Source:
    """The source for an order whose activation code, default SM-DP+ or event is known to be `code`.

    Through the eIM if it has the data, if the card has it noted as an eIM of indirect downloads, or if no
    SM-DP+ could be trusted here; else directly. Raises IpadError if neither way is open.
    """
    eim = _eim(gateway, order)
    if code is None:
        if eim is None:
            raise IpadError("the order names no server, and there is no eIM that could know one")
        return _through(gateway, eim, order, None)
    if eim is not None and (eim.indirect_download or not gateway.servers.trusted()):
        return _through(gateway, eim, order, code)
    server = gateway.servers.es9(code.address)
    return Source(server, server.initiate_authentication, code.address, code)


def _eim(gateway: Gateway, order: Order) -> EimConfiguration | None:
    if order.eim_id is None:
        return None
    eim = gateway.card().eim(order.eim_id)
    if eim is None:
        raise IpadError(f"the card is not associated with {order.eim_id} any more")
    return eim


def _through(gateway: Gateway, eim: EimConfiguration, order: Order, code: ActivationCode | None) -> Source:
    esipa = gateway.esipa(eim, gateway.card().eid)
    address = None if code is None else code.address

    def initiate(challenge: bytes, info1: bytes) -> InitiateAuthenticationOk:
        return esipa.initiate_authentication(challenge, address, info1, order.trigger.transaction_id)

    name = eim.eim_id if address is None else f"{address} through {eim.eim_id}"
    return Source(esipa, initiate, name, code)


def code_of(gateway: Gateway, trigger: DownloadTrigger) -> ActivationCode | None:
    """Where the trigger says that the profile waits, if not at an SM-DS; None: the eIM knows.

    Raises DecodeError for a wrong activation code, IpadError if the card has no default SM-DP+.
    """
    match trigger.kind:
        case "activationCode":
            return activation_code.parse(trigger.address or "")
        case "defaultSmdp":
            address = es10a.configured_addresses(gateway.isdr).default_smdp
            if not address:
                raise IpadError("the card has no default SM-DP+ address: set one, or give an activation code")
            return ActivationCode(address)
        case _:
            return None
