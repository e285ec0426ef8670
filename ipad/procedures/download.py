"""A profile is downloaded and installed (SGP.32 3.2.3, SGP.22 3.1.3), directly or through the eIM.

What an eIM has ordered is in the journal until its result is owed to that eIM, in one transaction. While card
and server have a session, it is the journal's step: after an interruption the card says whether the profile
was installed; if not, the session is cancelled and the download begun anew.
"""

import hashlib
from contextlib import closing
from dataclasses import replace

from ipad import asn1
from ipad.connectivity.state import Download, Downloaded
from ipad.errors import DecodeError, EuiccRefused, IpadError, NoAnswer, PeerRefused, Unreachable
from ipad.esipa import arms
from ipad.esipa.model import DownloadTrigger
from ipad.esipa.package import read
from ipad.euicc import bpp, es10b
from ipad.euicc.model import InstallationResult
from ipad.euicc.read import installation_result
from ipad.journal import Step
from ipad.procedures import authentication, cancellation, event, immediate, package, policy, servers, source
from ipad.procedures.authentication import BrokenOff
from ipad.procedures.gateway import Gateway, Progress
from ipad.procedures.source import Order, Source
from ipad.server_answers import AuthenticateClientOkDp, InitiateAuthenticationOk
from modem.errors import CardRefused

MOST_TRIES = 8
"""Of a download that the network breaks off, or that is interrupted; then the eIM is told that it failed."""

_ECALL_ACTIVE, _UNDEFINED = 104, 127


def run(gateway: Gateway, action: Download) -> Downloaded:
    """The download that somebody at the gateway wants, or the oldest that an eIM has ordered.

    Returns how it ended, also where it was refused: then the eIM that ordered it is owed the error. Raises
    Unreachable where the network broke it off, to be tried again, and what the way to the card raises.
    """
    cancellation.send_what_was_left(gateway)
    order = _order(gateway, action)
    if order is None:
        servers.run(gateway)
        return Downloaded(None, None, gateway.card().view(), again=servers.soonest(gateway))
    try:
        installed, with_server = _download(gateway, order)
    except Unreachable as problem:
        if order.wanted_id is None or _tries(gateway) < MOST_TRIES:
            raise
        return _failed(gateway, order, f"given up after {MOST_TRIES} tries: {problem}")
    except PeerRefused as refusal:
        # A server that was started anew, or answered into a connection that broke, knows the session no more.
        if refusal.name == "invalidTransactionId" and order.wanted_id and _tries(gateway) < MOST_TRIES:
            raise
        return _failed(gateway, order, str(refusal))
    except NoAnswer:
        raise
    except CardRefused as refusal:
        if refusal.executed or not package.for_good(refusal):
            raise
        return _failed(gateway, order, str(refusal))
    except EuiccRefused as refusal:
        return _failed(gateway, order, str(refusal), response=refusal.answer)
    except IpadError as problem:
        return _failed(gateway, order, str(problem))
    finally:
        gateway.progress(None)
    return _conclude(gateway, order, installed, direct=with_server.direct)


def _order(gateway: Gateway, action: Download) -> Order | None:
    if action.trigger is not None:
        return Order(_trigger(action.trigger), confirmation_code=action.confirmation_code)
    return wanted(gateway)


def wanted(gateway: Gateway) -> Order | None:
    """What an eIM has ordered, the oldest of it."""
    row = gateway.journal.wanted()
    return None if row is None else Order(_trigger(row.trigger), row.eim_id, wanted_id=row.id)


def _trigger(octets: bytes) -> DownloadTrigger:
    found = read(octets)
    if not isinstance(found, DownloadTrigger):
        raise DecodeError("what was ordered is no ProfileDownloadTriggerRequest")
    return found


def _tries(gateway: Gateway) -> int:
    row = gateway.journal.wanted()
    return 0 if row is None else row.tries


def _download(gateway: Gateway, order: Order) -> tuple[InstallationResult, Source]:
    """From the look for a server to the ProfileInstallationResult, which may be an error's."""
    if _ecall_active(gateway):
        raise IpadError("an Emergency Profile is enabled")
    if order.wanted_id is not None:
        if _tries(gateway) >= MOST_TRIES:
            raise IpadError(f"given up: it was begun {MOST_TRIES} times and interrupted each time")
        gateway.journal.tried(order.wanted_id)
    trigger = order.trigger
    smds = trigger.kind == "smds"
    code = event.run(gateway, trigger.address) if smds else source.code_of(gateway, trigger)
    where = source.of(gateway, order, code)
    with closing(where.server):
        gateway.note("download", f"from {where.name}")
        gateway.progress(Progress(where.name, None))
        called, oid = (code.address, code.oid) if code else (None, "")
        server = authentication.initiate(gateway, called, oid, where.initiate)
        session = cancellation.Session(server.transaction_id, order.eim_id, where)
        enabled = gateway.card().enabled
        gateway.journal.begin(Step("download", enabled, enabled, order.eim_id, session.octets))
        gateway.card_changed()
        try:
            return _in_session(gateway, order, where, server), where
        except Unreachable:
            cancellation.cancel(gateway, session, "timeout", tell=False)
            gateway.journal.finish()
            raise
        except CardRefused as refusal:
            if refusal.executed:
                raise
            cancellation.cancel(gateway, session, "loadBppExecutionError")
            gateway.journal.finish()
            raise
        except NoAnswer:
            raise  # the card may have installed it: when it is read, that will be seen
        except IpadError as problem:
            # A server that said no by name has ended its session itself.
            over = isinstance(problem, PeerRefused) and problem.code is not None
            cancellation.cancel(gateway, session, _reason(problem), tell=not over)
            gateway.journal.finish()
            raise


def _ecall_active(gateway: Gateway) -> bool:
    return any(p.ecall and p.enabled for p in gateway.card().profiles)


def _reason(problem: IpadError) -> str:
    return problem.reason if isinstance(problem, BrokenOff) else "undefinedReason"


def _in_session(
    gateway: Gateway, order: Order, where: Source, server: InitiateAuthenticationOk
) -> InstallationResult:
    profile = _offered(gateway, where, server)
    name = _look_at(gateway, where, profile)
    response = _prepared(gateway, where, profile, _hash_cc(order, profile))
    gateway.progress(Progress(where.name, name))
    bound = where.server.get_bound_profile_package(server.transaction_id, response)
    _compare(profile, bound)
    return _load(gateway, Progress(where.name, name), bound)


def _offered(gateway: Gateway, where: Source, server: InitiateAuthenticationOk) -> AuthenticateClientOkDp:
    """AuthenticateServer and AuthenticateClient: what the server has for this card."""
    matching_id = where.code.matching_id if where.code else ""
    response = authentication.authenticate(gateway, server, matching_id, where.server.authenticate_client)
    client = where.server.authenticate_client(server.transaction_id, response)
    if not isinstance(client, AuthenticateClientOkDp):
        raise BrokenOff(f"{where.name} answers as an SM-DS, where a profile is expected")
    authentication.dates(gateway, client.certificate)
    return client


def _look_at(gateway: Gateway, where: Source, profile: AuthenticateClientOkDp) -> str | None:
    """The go-ahead: what is offered is told, and must be allowed here. Returns its name.

    Without metadata the eIM has looked at it (eimProfileMetadataVerification).
    """
    if profile.metadata is None:
        return None
    told = asn1.decode("StoreMetadataRequest", profile.metadata)
    name: str = told["profileName"] or told["serviceProviderName"]
    gateway.note("download", f"{where.name} offers {name!r} of {told['serviceProviderName']!r}")
    classes = [p.profile_class for p in gateway.card().profiles]
    forbidden = policy.forbids(profile.metadata, es10b.get_rat(gateway.isdr), classes)
    if forbidden is not None:
        raise BrokenOff(f"the card's rules do not allow a profile of which {forbidden}", "pprNotAllowed")
    return name


def _hash_cc(order: Order, profile: AuthenticateClientOkDp) -> bytes | None:
    """The hashed confirmation code (SGP.22 3.1.3.2), where one is wanted."""
    if not profile.confirmation_code_required:
        return None
    if profile.hash_cc is not None:
        return profile.hash_cc
    if not order.confirmation_code:
        raise BrokenOff(
            "the profile wants a confirmation code, which an eIM cannot give: ipad download CODE "
            "--confirmation-code",
            "postponed",
        )
    inner = hashlib.sha256(order.confirmation_code.encode()).digest()
    return hashlib.sha256(inner + profile.transaction_id).digest()


def _prepared(
    gateway: Gateway, where: Source, profile: AuthenticateClientOkDp, hash_cc: bytes | None
) -> bytes:
    try:
        return es10b.prepare_download(
            gateway.isdr, profile.smdp_signed2, profile.smdp_signature2, profile.certificate, hash_cc
        )
    except EuiccRefused as refusal:
        answer = refusal.answer
        authentication.told(
            gateway, lambda: where.server.get_bound_profile_package(profile.transaction_id, answer)
        )
        raise


def _compare(profile: AuthenticateClientOkDp, bound: bytes) -> None:
    """The package must bring what was announced (SGP.22 3.1.3.3)."""
    try:
        stored = bpp.metadata(bound)
    except DecodeError as problem:
        raise BrokenOff(str(problem), "loadBppExecutionError") from None
    if profile.metadata is not None and stored != profile.metadata:
        raise BrokenOff("the package has other metadata than were announced", "metadataMismatch")


def _load(gateway: Gateway, progress: Progress, bound: bytes) -> InstallationResult:
    def tell(done: int, total: int) -> None:
        gateway.progress(replace(progress, done=done, total=total))

    return es10b.load_bound_profile_package(gateway.isdr, bound, tell)


def _failed(gateway: Gateway, order: Order, problem: str, response: bytes = b"") -> Downloaded:
    """There is no ProfileInstallationResult: the eIM is told of the error."""
    gateway.note("download", f"not installed: {problem}")
    reason = _ECALL_ACTIVE if _ecall_active(gateway) else _UNDEFINED
    arm = arms.download_error(order.trigger.transaction_id, reason, response)
    gateway.downloaded(order.wanted_id, _owed(order, arm))
    return Downloaded(None, problem, gateway.card().view(), eim_id=order.eim_id, again=0.0)


def _owed(order: Order, arm: bytes) -> tuple[str, bytes] | None:
    return None if order.eim_id is None else (order.eim_id, arm)


def _conclude(gateway: Gateway, order: Order, installed: InstallationResult, *, direct: bool) -> Downloaded:
    """The card has its ProfileInstallationResult: whoever wants to know it is owed it.

    direct: the SM-DP+ hears it from the agent, and not from the eIM.
    """
    if direct:
        servers.remember(gateway, installed.address)
    problem = installed.error and f"the card: {installed.error} ({installed.command})"
    gateway.note("download", f"not installed: {problem}" if problem else f"{installed.iccid} is installed")
    arm = arms.downloaded(order.trigger.transaction_id, installed.der)
    step = None if problem else immediate.step(gateway, installed)
    gateway.downloaded(order.wanted_id, _owed(order, arm), step)
    trial = None if step is None else immediate.run(gateway, step)
    if trial is None:
        gateway.read_card()
    iccid = None if problem else installed.iccid
    return Downloaded(iccid, problem or None, gateway.card().view(), trial, order.eim_id, again=0.0)


def resume(gateway: Gateway, step: Step) -> Downloaded | None:
    """Brings an interrupted download to its end. None: the profile is not installed, and it begins anew."""
    transaction_id, address = cancellation.transaction_and_address(step.octets or b"")
    installed = _result_of(gateway, transaction_id)
    if installed is not None:
        order = wanted(gateway) if step.eim_id is not None else None
        order = order or Order(DownloadTrigger(b""), step.eim_id)
        return _conclude(gateway, order, installed, direct=address is not None)
    cancellation.after_interruption(gateway, step)
    gateway.journal.finish()
    return None


def _result_of(gateway: Gateway, transaction_id: bytes) -> InstallationResult | None:
    """The card keeps it as a notification."""
    waiting = es10b.notifications(gateway.isdr, event="install")
    results = (installation_result(n.der) for n in waiting if asn1.find(n.der, 0xBF37) is not None)
    return next((result for result in results if result.transaction_id == transaction_id), None)
