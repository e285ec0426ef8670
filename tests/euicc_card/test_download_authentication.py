"""AuthenticateServer, PrepareDownload, CancelSession: good ones, and every way to be refused."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from ipad.asn1 import decode, member, value, wrap
from ipad.testbed import pki
from ipad.testbed.euicc import VirtualEuicc
from ipad.testbed.euicc import state as memory
from ipad.testbed.pki import Identity

from .rsp_server import ADDRESS, CC_HASH, CTX_PARAMS1, Server
from .world import Terminal, Verifier

OK = "authenticateResponseOk"
INVALID_CERTIFICATE, INVALID_SIGNATURE, UNSUPPORTED_CURVE, NO_SESSION_CONTEXT = 1, 2, 3, 4
INVALID_OID, EUICC_CHALLENGE_MISMATCH, CI_PK_UNKNOWN, UNDEFINED = 5, 6, 7, 127
INVALID_TRANSACTION_ID = 5


@pytest.fixture
def server(terminal: Terminal, pki_dir: Path) -> Server:
    return Server(terminal, pki_dir)


def refused(server: Server, answer: tuple[str, object]) -> object:
    """The code in an error answer, whose transactionId must be that of the request."""
    name, error = answer
    assert name in ("authenticateResponseError", "downloadResponseError")
    assert isinstance(error, dict)
    assert error["transactionId"] == server.transaction_id
    return error.get("authenticateErrorCode", error.get("downloadErrorCode"))


@pytest.fixture(scope="module")
def other_ci(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    where = pki.make_euicc_chain(tmp_path_factory.mktemp("other"))
    return pki.read_identity(where.ci, where.ci_key)


def test_a_server_is_authenticated_and_what_it_said_is_signed(server: Server, card: VirtualEuicc) -> None:
    name, answer = server.authenticate()
    assert name == OK
    signed = answer["euiccSigned1"]
    assert signed["transactionId"] == server.transaction_id
    assert (signed["serverAddress"], signed["serverChallenge"]) == (ADDRESS, bytes(16))
    assert signed["ctxParams1"] == decode("CtxParams1", CTX_PARAMS1)
    assert signed["euiccInfo2"]["iotSpecificInfo"]
    assert card.eid


def test_an_sm_ds_is_authenticated_too_but_prepares_no_download(server: Server) -> None:
    ds = pki.make_rsp_server(server.ci, pki.ROLE_DS_AUTH)
    assert server.authenticate(signer=ds)[0] == OK
    assert refused(server, server.prepare()) == INVALID_CERTIFICATE


def test_a_forged_signature(server: Server) -> None:
    assert refused(server, server.authenticate(forged=True)) == INVALID_SIGNATURE


def test_a_signature_of_somebody_elses_key(server: Server) -> None:
    assert (
        refused(server, server.authenticate(signer=server.pb, certificate=server.auth)) == INVALID_SIGNATURE
    )


def test_another_challenge(server: Server) -> None:
    server.challenge()
    assert refused(server, server.authenticate(bytes(16))) == EUICC_CHALLENGE_MISMATCH


def test_no_challenge_was_asked_for(server: Server) -> None:
    assert refused(server, server.authenticate(bytes(16))) == NO_SESSION_CONTEXT


def test_a_challenge_is_good_once(server: Server) -> None:
    challenge = server.challenge()
    assert server.authenticate(challenge)[0] == OK
    assert refused(server, server.authenticate(challenge)) == NO_SESSION_CONTEXT


def test_a_failed_attempt_uses_the_challenge_up(server: Server) -> None:
    challenge = server.challenge()
    assert refused(server, server.authenticate(challenge, forged=True)) == INVALID_SIGNATURE
    assert refused(server, server.authenticate(challenge)) == NO_SESSION_CONTEXT


def test_a_challenge_does_not_outlive_a_reset(server: Server) -> None:
    challenge = server.challenge()
    server.terminal.start()
    assert refused(server, server.authenticate(challenge)) == NO_SESSION_CONTEXT


def test_a_ci_that_the_card_does_not_know(server: Server) -> None:
    assert refused(server, server.authenticate(ci=bytes(20))) == CI_PK_UNKNOWN


def test_a_certificate_under_another_ci(server: Server, other_ci: Identity) -> None:
    stranger = pki.make_rsp_server(other_ci, pki.ROLE_DP_AUTH)
    assert refused(server, server.authenticate(signer=stranger)) == INVALID_CERTIFICATE


def test_certificates_that_are_not_a_servers(server: Server, pki_dir: Path) -> None:
    where = pki.paths(pki_dir)
    euicc = pki.read_identity(where.euicc, where.euicc_key)
    assert refused(server, server.authenticate(signer=euicc)) == INVALID_CERTIFICATE
    assert refused(server, server.authenticate(signer=server.ci)) == INVALID_CERTIFICATE


@pytest.mark.parametrize("role", [pki.ROLE_DP_PB, pki.ROLE_DP_TLS, pki.ROLE_DS_TLS])
def test_a_certificate_for_another_role(server: Server, role: str) -> None:
    other = pki.make_rsp_server(server.ci, role)
    assert refused(server, server.authenticate(signer=other)) == INVALID_OID


def test_a_curve_that_is_not_the_standards(server: Server) -> None:
    other = pki.make_rsp_server(server.ci, pki.ROLE_DP_AUTH, curve=ec.SECP384R1())
    assert refused(server, server.authenticate(signer=server.auth, certificate=other)) == UNSUPPORTED_CURVE


def test_a_server_on_brainpools_curve_is_taken(server: Server) -> None:
    brainpool = pki.make_rsp_server(server.ci, pki.ROLE_DP_AUTH, curve=ec.BrainpoolP256R1())
    assert server.authenticate(signer=brainpool)[0] == OK


def test_the_card_does_not_look_at_dates(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pki, "_NOT_AFTER", pki._NOT_BEFORE.replace(year=2021))
    expired = pki.make_rsp_server(server.ci, pki.ROLE_DP_AUTH)
    assert server.authenticate(signer=expired)[0] == OK


def emergency(card: VirtualEuicc, tmp_path: Path, pki_dir: Path) -> VirtualEuicc:
    """The same card with its Emergency Profile enabled."""
    state = memory.load(tmp_path)
    state.profiles[0].ecall = True
    memory.store(tmp_path, state)
    assert card.eid == state.eid
    return VirtualEuicc.open(tmp_path, pki_dir)


def test_while_the_emergency_profile_is_enabled_nothing_is_downloaded(
    card: VirtualEuicc, tmp_path: Path, pki_dir: Path
) -> None:
    server = Server(Terminal(emergency(card, tmp_path, pki_dir)), pki_dir)
    assert refused(server, server.authenticate()) == UNDEFINED
    server.terminal.run(wrap(0xA3))
    assert server.terminal.sw == 0x6985


def test_a_download_is_prepared_with_a_fresh_key_each(server: Server) -> None:
    keys = set()
    for _ in range(2):
        server.authenticate()
        name, answer = server.prepare()
        assert name == "downloadResponseOk"
        assert answer["euiccSigned2"]["transactionId"] == server.transaction_id
        assert "hashCc" not in answer["euiccSigned2"]
        keys.add(answer["euiccSigned2"]["euiccOtpk"])
    assert [len(key) for key in keys] == [65, 65]


def test_the_key_is_on_the_curve_of_the_servers_certificate(server: Server) -> None:
    brainpool = pki.make_rsp_server(server.ci, pki.ROLE_DP_PB, curve=ec.BrainpoolP256R1())
    server.authenticate()
    _, answer = server.prepare(signer=brainpool)
    ec.EllipticCurvePublicKey.from_encoded_point(ec.BrainpoolP256R1(), answer["euiccSigned2"]["euiccOtpk"])


def test_the_hashed_confirmation_code_is_signed_if_it_is_wanted(server: Server) -> None:
    server.authenticate()
    _, answer = server.prepare(cc=True, hash_cc=CC_HASH)
    assert answer["euiccSigned2"]["hashCc"] == CC_HASH
    server.authenticate()
    _, answer = server.prepare(hash_cc=CC_HASH)
    assert "hashCc" not in answer["euiccSigned2"]
    server.authenticate()
    assert refused(server, server.prepare(cc=True)) == UNDEFINED


def test_a_key_that_a_package_is_bound_to_is_found_again_even_after_a_power_cut(server: Server) -> None:
    server.authenticate()
    _, answer = server.prepare()
    otpk = answer["euiccSigned2"]["euiccOtpk"]
    server.terminal.start()
    server.authenticate()
    _, answer = server.prepare(otpk=otpk)
    assert answer["euiccSigned2"]["euiccOtpk"] == otpk
    server.authenticate()
    _, answer = server.prepare(otpk=b"\x04" + bytes(64))
    assert answer["euiccSigned2"]["euiccOtpk"] not in (otpk, b"\x04" + bytes(64))


def test_the_bound_key_is_for_that_server_alone(server: Server) -> None:
    server.authenticate()
    _, answer = server.prepare()
    otpk = answer["euiccSigned2"]["euiccOtpk"]
    auth, pb = (
        pki.make_rsp_server(server.ci, role, oid="2.999.11") for role in (pki.ROLE_DP_AUTH, pki.ROLE_DP_PB)
    )
    server.authenticate(signer=auth)
    _, answer = server.prepare(signer=pb, otpk=otpk)
    assert answer["euiccSigned2"]["euiccOtpk"] != otpk


def test_no_download_without_an_authenticated_server(server: Server) -> None:
    assert refused(server, server.prepare()) == NO_SESSION_CONTEXT
    server.authenticate()
    server.terminal.start()
    assert refused(server, server.prepare()) == NO_SESSION_CONTEXT


def test_another_transaction(server: Server) -> None:
    server.authenticate()
    name, error = server.prepare(transaction_id=b"other")
    assert (name, error["downloadErrorCode"]) == ("downloadResponseError", INVALID_TRANSACTION_ID)
    assert error["transactionId"] == b"other"


def test_a_signature_that_is_not_over_the_cards_own(server: Server) -> None:
    server.authenticate()
    assert refused(server, server.prepare(over=wrap(0x5F37, bytes(64)))) == INVALID_SIGNATURE


def test_a_package_signer_that_is_not_the_certificates(server: Server) -> None:
    server.authenticate()
    answer = server.prepare(signer=server.auth, certificate=server.pb)
    assert refused(server, answer) == INVALID_SIGNATURE


def test_a_package_signer_of_another_company(server: Server) -> None:
    other = pki.make_rsp_server(server.ci, pki.ROLE_DP_PB, oid="2.999.11")
    server.authenticate()
    assert refused(server, server.prepare(signer=other)) == INVALID_CERTIFICATE


def test_a_package_signer_with_the_authentication_certificate(server: Server) -> None:
    server.authenticate()
    assert refused(server, server.prepare(signer=server.auth)) == INVALID_CERTIFICATE


def test_a_package_signer_under_another_ci(server: Server, other_ci: Identity) -> None:
    server.authenticate()
    stranger = pki.make_rsp_server(other_ci, pki.ROLE_DP_PB)
    assert refused(server, server.prepare(signer=stranger)) == INVALID_CERTIFICATE


def test_a_package_signer_on_another_curve(server: Server) -> None:
    server.authenticate()
    other = pki.make_rsp_server(server.ci, pki.ROLE_DP_PB, curve=ec.SECP384R1())
    assert refused(server, server.prepare(signer=server.pb, certificate=other)) == UNSUPPORTED_CURVE


def test_a_refused_download_ends_the_session(server: Server) -> None:
    server.authenticate()
    assert refused(server, server.prepare(over=b"\x5f\x37\x00")) == INVALID_SIGNATURE
    assert refused(server, server.prepare()) == NO_SESSION_CONTEXT


def test_a_session_is_cancelled_with_a_signed_reason(server: Server, verifier: Verifier) -> None:
    server.authenticate()
    answer = server.cancel(3)
    signed = member(answer, 0xBF41, 0xA0, 0x30)
    verifier.check(signed, value(member(answer, 0xBF41, 0xA0, 0x5F37)))
    assert decode("EuiccCancelSessionSigned", signed) == {
        "transactionId": server.transaction_id,
        "smdpOid": pki.SMDP_OID,
        "reason": 3,
    }
    assert refused(server, server.prepare()) == NO_SESSION_CONTEXT
    assert server.cancel(3) == bytes.fromhex("BF4103810105")


def test_a_session_that_there_is_not_cannot_be_cancelled(server: Server) -> None:
    assert server.cancel() == bytes.fromhex("BF4103810105")
    server.authenticate()
    assert server.cancel(transaction_id=b"other") == bytes.fromhex("BF4103810105")
    assert server.prepare()[0] == "downloadResponseOk"


@pytest.mark.parametrize("tag", [0xBF38, 0xBF21, 0xBF41])
def test_what_cannot_be_read_changes_nothing(server: Server, tag: int) -> None:
    server.authenticate()
    for command in wrap(tag), wrap(tag, b"\x30\x00"), wrap(tag, b"\xff"):
        server.terminal.run(command)
        assert server.terminal.sw == 0x6A80
    assert server.prepare()[0] == "downloadResponseOk"
