"""Common mutual authentication (SGP.22 3.0.1): card and server show each other who they are.

The card checks the server's chain, signature and challenge; the agent checks here what the card can't: that
it is the server that was called and that the activation code names, and that its certificate's days are not
over.
"""

from collections.abc import Callable

from ipad import asn1
from ipad.errors import EuiccRefused, IpadError, PeerRefused
from ipad.euicc import es10b
from ipad.procedures import capabilities
from ipad.procedures.gateway import Gateway
from ipad.rsp import server_check
from ipad.server_answers import InitiateAuthenticationOk


class BrokenOff(IpadError):
    """The agent ends the download: something is not as it should be. reason: of CancelSessionReason."""

    def __init__(self, text: str, reason: str = "undefinedReason") -> None:
        self.reason = reason
        super().__init__(text)


def initiate(
    gateway: Gateway,
    called: str | None,
    oid: str,
    ask: Callable[[bytes, bytes], InitiateAuthenticationOk],
) -> InitiateAuthenticationOk:
    """InitiateAuthentication, and the agent's look at who answered.

    called: the server's address; None: only the eIM knows. oid: of the activation code, or empty. ask: the
    function of the server, with euiccChallenge and EUICCInfo1. Raises BrokenOff, before the card has a
    session, and what `ask` and the way to the card raise.
    """
    challenge = es10b.challenge(gateway.isdr)
    server = ask(challenge, es10b.info1(gateway.isdr))
    _report(gateway, server_check.server(called or server.server_address, oid, server))
    return server


def dates(gateway: Gateway, certificate: bytes) -> None:
    """The same for the days of another certificate of the server. Raises BrokenOff."""
    _report(gateway, server_check.dates(certificate))


def _report(gateway: Gateway, findings: list[server_check.Finding]) -> None:
    for finding in findings:
        if finding.refuses:
            raise BrokenOff(f"{finding.name}: {finding.text}")
        gateway.note("download", finding.text)


def authenticate(
    gateway: Gateway,
    server: InitiateAuthenticationOk,
    matching_id: str,
    tell: Callable[[bytes, bytes], object],
) -> bytes:
    """AuthenticateServer: the AuthenticateServerResponse (BF38…) for the server's AuthenticateClient.

    matching_id: for ctxParams1, where the eIM has not made them. tell: AuthenticateClient, which is told of
    a refusal of the card as well, before EuiccRefused is raised.
    """
    context = server.ctx_params1 or _ctx_params1(gateway, server.matching_id or matching_id)
    try:
        return es10b.authenticate_server(
            gateway.isdr,
            server.server_signed1,
            server.server_signature1,
            server.ci_pk_id,
            server.certificate,
            context,
        )
    except EuiccRefused as refusal:
        answer = refusal.answer
        told(gateway, lambda: tell(server.transaction_id, answer))
        raise


def told(gateway: Gateway, tell: Callable[[], object]) -> None:
    """The server hears that it is over. It says no to that, or nothing at all: nobody waits for it."""
    try:
        tell()
    except PeerRefused:
        pass
    except IpadError as problem:
        gateway.note("download", f"the server could not be told that it is over: {problem}")


def _ctx_params1(gateway: Gateway, matching_id: str) -> bytes:
    """CtxParams1 (A0…) with what the device is."""
    device = capabilities.device_info(gateway) or capabilities.unknown_device()
    named = asn1.wrap(0x80, matching_id.encode()) if matching_id else b""
    return asn1.wrap(0xA0, named, asn1.wrap(0xA1, asn1.value(device)))
