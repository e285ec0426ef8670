"""What each ESipa exchange costs: AT+CSIM exchanges for it, and octets at the socket, TLS's own included.

In both bindings, in full and in compact forms (minimizeEsipaBytes), on a connection that is up.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

from ipad.asn1 import wrap
from ipad.errors import IpadError
from ipad.esipa.client import Esipa
from ipad.esipa.model import (
    AuthenticateClientOkDp,
    DataRequest,
    DownloadTrigger,
    EimPackage,
    EuiccPackage,
    InitiateAuthenticationOk,
)
from ipad.esipa.settings import EsipaSettings
from ipad.euicc import es10b
from ipad.euicc.model import PackageResult
from ipad.procedures import data, switch
from ipad.testbed.bench.parts import Parts
from ipad.testbed.bench.world import World
from ipad.testbed.smdp import Smdp
from ipad.testbed.smdp.profiles import ProfileOrder
from ipad.waits import Waits
from modem.bcd import luhn_digit

T = TypeVar("T")

FORMS = (("asn1", False), ("asn1", True), ("json", False), ("json", True))
"""Binding, and whether compact forms are sent."""
_DEVICE_INFO = bytes.fromhex("800435290611A100")


@dataclass(slots=True)
class Exchanged:
    """One exchange: what it needed of the card, and its octets in each of FORMS, sent and received."""

    function: str
    what: str
    apdus: int
    octets: list[tuple[int, int]] = field(default_factory=list)


class _Run:
    """One run through all functions, in one of FORMS."""

    def __init__(self, world: World, parts: Parts, binding: str, minimize: bool) -> None:
        self.world = world
        self.isdr = parts.gateway.isdr
        self.gateway = parts.gateway
        self.minimize = minimize
        self._traffic = parts.uplink.traffic
        self.eim_id = parts.eim.eim_id
        settings = EsipaSettings(binding=binding, minimize=minimize)
        self.esipa = Esipa(parts.eim, parts.gateway.card().eid, Waits(), parts.uplink, settings)
        self.lines: list[Exchanged] = []
        self._apdus = 0

    def card(self, call: Callable[[], T]) -> T:
        """Something of the card's that the next exchange needs."""
        self.world.tally()
        answer = call()
        self._apdus += self.world.tally().exchanges
        return answer

    def exchange(self, function: str, what: str, call: Callable[[], T]) -> T:
        sent, received = self._traffic.sent, self._traffic.received
        answer = call()
        octets = self._traffic.sent - sent, self._traffic.received - received
        self.lines.append(Exchanged(function, what, self._apdus, [octets]))
        self._apdus = 0
        return answer

    def pass_over(self, _function: str, _what: str, call: Callable[[], T]) -> T:
        """The same, of one that has been measured already."""
        answer = call()
        self._apdus = 0
        return answer


def measure(world: World, parts: Parts) -> list[Exchanged]:
    """Every function of ESipa in each of FORMS."""
    parts.gateway.card_changed()
    whole: list[Exchanged] = []
    for number, (binding, minimize) in enumerate(FORMS):
        run = _Run(world, parts, binding, minimize)
        _packages(run)
        _notification(run)
        _download(run, number)
        _cancelled_download(run, number)
        run.esipa.close()
        for one, line in zip(whole, run.lines, strict=False):
            one.octets += line.octets
        whole = whole or run.lines
    return whole


def _packages(run: _Run) -> None:
    run.esipa.get_eim_package()  # brings the connection up
    run.exchange("GetEimPackage", "none", run.esipa.get_eim_package)
    run.world.order({"listProfileInfo": {}})
    package = _of(EuiccPackage, run.exchange("GetEimPackage", "listProfileInfo", run.esipa.get_eim_package))
    result: PackageResult = run.card(lambda: run.gateway.iot.load_euicc_package(package.der))
    run.exchange(
        "ProvideEimPackageResult",
        "its result",
        lambda: run.esipa.provide_eim_package_result(result.der),
    )
    assert result.seq is not None
    es10b.remove_notification(run.isdr, result.seq)
    run.world.admin("POST", "/packages", {"eid": run.world.eid, "data": {"tagList": "BF20BF22A5A6A8A9"}})
    request = _of(DataRequest, run.exchange("GetEimPackage", "data request", run.esipa.get_eim_package))
    answer = run.card(lambda: data.answer(run.gateway, request, run.eim_id, run.minimize))
    run.exchange(
        "ProvideEimPackageResult",
        "EUICCInfo, certificates, capabilities",
        lambda: run.esipa.provide_eim_package_result(answer),
    )


def _notification(run: _Run) -> None:
    """A switch, for the sake of its notifications."""
    other = next(p.iccid for p in run.gateway.iot.profiles() if not p.enabled and not p.fallback)
    result = _executed(run, {"enable": other})
    switch.settle(run.gateway, other)
    run.esipa.provide_eim_package_result(result.der)
    waiting = run.card(lambda: es10b.notifications(run.isdr))
    run.exchange("HandleNotification", "of a switch", lambda: run.esipa.handle_notification(waiting[-1].der))
    _clear(run, result)


def _download(run: _Run, number: int) -> None:
    digits = f"89001010000000010{number}"
    iccid = digits + luhn_digit(digits)
    transaction, offered = _begun(run, iccid, f"BENCH-{number}", run.exchange)
    prepared = run.card(
        lambda: es10b.prepare_download(
            run.isdr, offered.smdp_signed2, offered.smdp_signature2, offered.certificate, offered.hash_cc
        )
    )
    package = run.exchange(
        "GetBoundProfilePackage",
        "a small profile",
        lambda: run.esipa.get_bound_profile_package(transaction, prepared),
    )
    installed = run.card(lambda: es10b.load_bound_profile_package(run.isdr, package))
    run.exchange(
        "HandleNotification", "its installation", lambda: run.esipa.handle_notification(installed.der)
    )
    es10b.remove_notification(run.isdr, installed.seq)
    # The next form's list of profiles is to be as long as this one's.
    deleted = _executed(run, {"delete": iccid})
    run.esipa.provide_eim_package_result(deleted.der)
    _clear(run, deleted)


def _executed(run: _Run, operation: dict[str, Any]) -> PackageResult:
    """A package of the eIM's, whose way nobody measures."""
    run.world.order(operation)
    package = _of(EuiccPackage, run.esipa.get_eim_package())
    return run.gateway.iot.load_euicc_package(package.der)


def _clear(run: _Run, result: PackageResult) -> None:
    """It was delivered: neither it nor a notification stays on the card."""
    for seq in (result.seq, *(n.seq for n in es10b.notifications(run.isdr))):
        if seq is not None:
            es10b.remove_notification(run.isdr, seq)


def _cancelled_download(run: _Run, number: int) -> None:
    """One that goes no further than AuthenticateClient; what came before has been measured already."""
    digits = f"89001010000000020{number}"
    iccid = digits + luhn_digit(digits)
    transaction, _ = _begun(run, iccid, f"CANCEL-{number}", run.pass_over)
    response = run.card(lambda: es10b.cancel_session(run.isdr, transaction, "endUserRejection"))
    run.exchange("CancelSession", "", lambda: run.esipa.cancel_session(transaction, response))


def _begun(
    run: _Run, iccid: str, matching_id: str, exchange: Callable[[str, str, Callable[[], Any]], Any]
) -> tuple[bytes, AuthenticateClientOkDp]:
    """A download through the eIM up to AuthenticateClient: its transaction, and what is offered."""
    assert isinstance(run.world.smdp, Smdp)
    run.world.smdp.order(ProfileOrder(iccid), matching_id=matching_id)
    order = {"eid": run.world.eid, "download": {"eim": True, "matchingId": matching_id, "ctxParams": True}}
    run.world.admin("POST", "/packages", order)
    offered = exchange("GetEimPackage", "download trigger", run.esipa.get_eim_package)
    trigger = _of(DownloadTrigger, offered)
    challenge = run.card(lambda: es10b.challenge(run.isdr))
    server: InitiateAuthenticationOk = exchange(
        "InitiateAuthentication",
        "",
        lambda: run.esipa.initiate_authentication(challenge, eim_transaction_id=trigger.transaction_id),
    )
    matching = wrap(0x80, (server.matching_id or "").encode())
    context = server.ctx_params1 or wrap(0xA0, matching, wrap(0xA1, _DEVICE_INFO))
    signed = (server.server_signed1, server.server_signature1, server.ci_pk_id, server.certificate)
    response = run.card(lambda: es10b.authenticate_server(run.isdr, *signed, context))
    profile = exchange(
        "AuthenticateClient", "", lambda: run.esipa.authenticate_client(server.transaction_id, response)
    )
    return server.transaction_id, _of(AuthenticateClientOkDp, profile)


def _of(kind: type[T], offered: EimPackage | object) -> T:
    if not isinstance(offered, kind):
        raise IpadError(f"the eIM gave {offered} in place of a {kind.__name__}")
    return offered


def lines(exchanged: Sequence[Exchanged]) -> list[str]:
    """The table, for people."""
    width = max(len(f"{e.function}: {e.what}") for e in exchanged)
    head = [f"{binding} compact" if minimize else binding for binding, minimize in FORMS]
    printed = ["", "ESipa exchanges: AT+CSIM exchanges for each; octets sent + received, in each form"]
    printed.append(f"  {'':<{width}}  {'APDUs':>5}" + "".join(f"  {name:>14}" for name in head))
    for e in exchanged:
        name = f"{e.function}: {e.what}" if e.what else e.function
        octets = "".join(f"  {f'{sent} + {received}':>14}" for sent, received in e.octets)
        printed.append(f"  {name:<{width}}  {e.apdus:>5}{octets}")
    sums = [
        (sum(e.octets[n][0] for e in exchanged), sum(e.octets[n][1] for e in exchanged)) for n in range(4)
    ]
    octets = "".join(f"  {f'{sent} + {received}':>14}" for sent, received in sums)
    printed.append(f"  {'all of them':<{width}}  {sum(e.apdus for e in exchanged):>5}{octets}")
    return printed


def values(exchanged: Sequence[Exchanged]) -> list[dict[str, Any]]:
    """The same for programs."""
    return [asdict(one) for one in exchanged]
