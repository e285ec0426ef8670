"""ESipa's functions of a download in both bindings: what is asked, what is understood, what is refused."""

import json
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ipad.asn1 import decode, find, member, tlvs, value, wrap
from ipad.asn1.schema import named_numbers
from ipad.eim import EimConfiguration
from ipad.errors import DecodeError, PeerRefused, Unreachable
from ipad.esipa.client import Esipa
from ipad.esipa.model import (
    AuthenticateClientOkDp,
    AuthenticateClientOkDs,
    DownloadTrigger,
    GetBoundProfilePackageOk,
    InitiateAuthenticationOk,
)
from ipad.esipa.refusal import _ADVICE, _CODES
from ipad.esipa.settings import EsipaSettings
from ipad.net.http import Uplink
from ipad.waits import Waits
from tests.agent.eim_answers import Asn1Says, JsonSays, Says, base64
from tests.agent.https_peer import EID, Identity, MakeEsipa, Peer, http_answer, key_of, read_request
from tests.rsp.server_answers import (
    BPP,
    CERTIFICATE,
    CHALLENGE,
    EUICC_INFO1,
    KEY_ID,
    METADATA,
    SERVER_SIGNED1,
    SIGNATURE,
    SMDP_SIGNED2,
    TRANSACTION,
)

VECTORS = json.loads((Path(__file__).parents[1] / "data" / "sgp32-v1.2.json").read_text("utf-8"))

CTX_PARAMS1 = wrap(0xA0, wrap(0xA1, bytes.fromhex("800435290611A100")))
TRIGGER = bytes.fromhex("BF5409A00780056131246224")

INITIATED: dict[str, bytes | None] = {
    "transactionId": TRANSACTION,
    "serverSigned1": SERVER_SIGNED1,
    "serverSignature1": SIGNATURE,
    "euiccCiPKIdentifierToBeUsed": KEY_ID,
    "serverCertificate": CERTIFICATE,
    "matchingId": b"M-\xc3\xa4",
    "ctxParams1": CTX_PARAMS1,
}
AUTHENTICATED: dict[str, bytes | None] = {
    "transactionId": TRANSACTION,
    "profileMetadata": METADATA,
    "smdpSigned2": SMDP_SIGNED2,
    "smdpSignature2": SIGNATURE,
    "smdpCertificate": CERTIFICATE,
    "hashCc": wrap(0x04, bytes(32)),
}
BOUND: dict[str, bytes | None] = {"transactionId": TRANSACTION, "boundProfilePackage": BPP}


@pytest.fixture(params=[Asn1Says(), JsonSays()], ids=["asn1", "json"])
def eim(request: pytest.FixtureRequest) -> Says:
    says: Says = request.param
    return says


def initiated(eim: Says, **other: bytes | None) -> InitiateAuthenticationOk:
    return eim.binding.initiate_authentication_ok(eim.ok("initiateAuthentication", INITIATED | other))


def authenticated(eim: Says, **other: bytes | None) -> object:
    return eim.binding.authenticate_client_ok(eim.ok("authenticateClient", AUTHENTICATED | other))


def bound(eim: Says, **other: bytes | None) -> GetBoundProfilePackageOk:
    return eim.binding.get_bound_profile_package_ok(eim.ok("getBoundProfilePackage", BOUND | other))


# requests


def asked(name: str, body: bytes) -> dict[str, Any]:
    arm, request = decode("EsipaMessageFromIpaToEim", body)
    assert arm == name
    members: dict[str, Any] = request
    return members


def test_initiate_authentication_says_what_the_eim_does_not_know() -> None:
    everything = (CHALLENGE, "smdp.example", EUICC_INFO1, TRANSACTION)
    asn1, json_ = Asn1Says.binding, JsonSays.binding
    body = asn1.initiate_authentication(*everything).body
    assert [tag for tag, _ in tlvs(value(body))] == [0x81, 0x83, 0xBF20, 0x82]
    assert asked("initiateAuthenticationRequestEsipa", body) == {
        "euiccChallenge": CHALLENGE,
        "smdpAddress": "smdp.example",
        "euiccInfo1": decode("EUICCInfo1", EUICC_INFO1),
        "eimTransactionId": TRANSACTION,
    }
    body = asn1.initiate_authentication(CHALLENGE, None, None, None).body
    assert asked("initiateAuthenticationRequestEsipa", body) == {"euiccChallenge": CHALLENGE}
    call = json_.initiate_authentication(*everything)
    assert call.path == "/gsma/rsp2/esipa/initiateAuthentication"
    assert json.loads(call.body) == {
        "euiccChallenge": "AAECAwQFBgcICQoLDA0ODw==",
        "smdpAddress": "smdp.example",
        "euiccInfo1": base64(EUICC_INFO1),
        "eimTransactionId": "0A1B2C3D",
    }
    call = json_.initiate_authentication(CHALLENGE, None, None, None)
    assert json.loads(call.body) == {"euiccChallenge": "AAECAwQFBgcICQoLDA0ODw=="}


@pytest.mark.parametrize(
    ("make", "tag", "path", "name", "response"),
    [
        (
            lambda b, r: b.authenticate_client(TRANSACTION, r),
            0xBF3B,
            "authenticateClient",
            "authenticateServerResponse",
            bytes.fromhex("BF3807A1058001010201") + b"\x7f",
        ),
        (
            lambda b, r: b.get_bound_profile_package(TRANSACTION, r),
            0xBF3A,
            "getBoundProfilePackage",
            "prepareDownloadResponse",
            bytes.fromhex("BF2108A106800101020105"),
        ),
    ],
)
def test_what_the_card_signed_is_passed_on_as_it_came(
    make: Callable[..., Any], tag: int, path: str, name: str, response: bytes
) -> None:
    assert make(Asn1Says.binding, response).body == wrap(tag, wrap(0x80, TRANSACTION), response)
    call = make(JsonSays.binding, response)
    assert call.path == f"/gsma/rsp2/esipa/{path}"
    assert json.loads(call.body) == {"transactionId": "0A1B2C3D", name: base64(response)}


@pytest.mark.parametrize("arm", ["810105", "A0053000 5F3700", "A2053000 5F3700"])
def test_cancel_session_has_its_tag_in_the_place_of_the_cards(arm: str) -> None:
    response = wrap(0xBF41, bytes.fromhex(arm))
    body = Asn1Says.binding.cancel_session(TRANSACTION, response).body
    assert body == wrap(0xBF41, wrap(0x80, TRANSACTION), wrap(0xA1, bytes.fromhex(arm)))
    call = JsonSays.binding.cancel_session(TRANSACTION, response)
    assert call.path == "/gsma/rsp2/esipa/cancelSession"
    assert json.loads(call.body) == {"transactionId": "0A1B2C3D", "cancelSessionResponse": base64(response)}


def test_requests_are_the_vectors() -> None:
    binding = Asn1Says.binding
    made = 0
    for vector in VECTORS:
        der = bytes.fromhex(vector["der"])
        transaction = find(der, 0xBF3B, 0x80) or find(der, 0xBF3A, 0x80)
        match vector["type"]:
            case "AuthenticateClientRequestEsipa":
                assert transaction is not None
                call = binding.authenticate_client(value(transaction), member(der, 0xBF3B, 0xBF38))
            case "GetBoundProfilePackageRequestEsipa":
                assert transaction is not None
                call = binding.get_bound_profile_package(value(transaction), member(der, 0xBF3A, 0xBF21))
            case "InitiateAuthenticationRequestEsipa":
                said = decode("InitiateAuthenticationRequestEsipa", der)
                call = binding.initiate_authentication(
                    said["euiccChallenge"],
                    said.get("smdpAddress"),
                    find(der, 0xBF39, 0xBF20),
                    said.get("eimTransactionId"),
                )
            case _:
                continue
        assert call.body == der
        made += 1
    assert made == 9


# answers


def test_initiate_authentications_answer_is_taken_apart(eim: Says) -> None:
    assert initiated(eim) == InitiateAuthenticationOk(
        TRANSACTION,
        "smdp.example",
        SERVER_SIGNED1,
        SIGNATURE,
        KEY_ID,
        CERTIFICATE,
        "M-ä",
        CTX_PARAMS1,
    )
    least = initiated(eim, transactionId=None, matchingId=None, ctxParams1=None)
    assert (least.transaction_id, least.matching_id, least.ctx_params1) == (TRANSACTION, None, None)


def test_authenticate_clients_answer_is_taken_apart(eim: Says) -> None:
    expected = AuthenticateClientOkDp(
        TRANSACTION, SMDP_SIGNED2, SIGNATURE, CERTIFICATE, True, METADATA, bytes(32)
    )
    assert authenticated(eim) == expected
    least = authenticated(eim, transactionId=None, profileMetadata=None, hashCc=None)
    assert least == AuthenticateClientOkDp(TRANSACTION, SMDP_SIGNED2, SIGNATURE, CERTIFICATE, True)


def test_an_sm_ds_answers_with_a_trigger_or_without(eim: Says) -> None:
    members: dict[str, bytes | None] = {"transactionId": TRANSACTION, "profileDownloadTrigger": TRIGGER}
    trigger = DownloadTrigger(TRIGGER, None, "activationCode", "a1$b$")
    for given, expected in ((members, trigger), (members | {"profileDownloadTrigger": None}, None)):
        body = eim.ok("authenticateClient", given)
        assert eim.binding.authenticate_client_ok(body) == AuthenticateClientOkDs(TRANSACTION, expected)
    bad: list[dict[str, bytes | None]] = [
        {"transactionId": None},
        {"profileDownloadTrigger": b"\xbf\x54\x02\xa0\x00"},
    ]
    for wrong in bad:
        with pytest.raises(DecodeError):
            eim.binding.authenticate_client_ok(eim.ok("authenticateClient", members | wrong))


def test_the_package_is_passed_on_without_a_look_inside(eim: Says) -> None:
    assert bound(eim) == GetBoundProfilePackageOk(BPP, TRANSACTION)
    assert bound(eim, transactionId=None) == GetBoundProfilePackageOk(BPP)


def test_a_session_is_cancelled_by_a_word_of_success(eim: Says) -> None:
    eim.binding.cancel_session_ok(eim.cancelled())


def test_the_vectors_of_answers_are_read_or_refused_by_name() -> None:
    binding = Asn1Says.binding
    read: dict[str, Callable[[bytes], object]] = {
        "InitiateAuthenticationResponseEsipa": binding.initiate_authentication_ok,
        "AuthenticateClientResponseEsipa": binding.authenticate_client_ok,
        "GetBoundProfilePackageResponseEsipa": binding.get_bound_profile_package_ok,
        "CancelSessionResponseEsipa": binding.cancel_session_ok,
    }
    results = []
    for vector in VECTORS:
        if vector["type"] in read:
            try:
                results.append(type(read[vector["type"]](bytes.fromhex(vector["der"]))).__name__)
            except (DecodeError, PeerRefused) as refusal:
                results.append(str(refusal).partition(" (")[0])
    # A generator made the vectors: two name another transaction inside than outside.
    other = "transactionId is not the one that the server signed"
    assert results == [
        "AuthenticateClientOkDs",
        "AuthenticateClientOkDs",
        other,
        "NoneType",
        "CancelSession: euiccSignatureInvalid(2)",
        "CancelSession: undefinedError(127)",
        "GetBoundProfilePackageOk",
        "GetBoundProfilePackageOk",
        "GetBoundProfilePackageOk",
        "InitiateAuthentication: ciPKIdNotSupported(3)",
        "InitiateAuthenticationOk",
        other,
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        {"transactionId": b"\x01"},
        {"transactionId": bytes(17)},
        {"serverSigned1": SMDP_SIGNED2},
        {"serverSigned1": None},
        {"serverSignature1": b"\x5f\x37\x7f"},
        {"serverSignature1": KEY_ID},
        {"serverSignature1": None},
        {"euiccCiPKIdentifierToBeUsed": b""},
        {"euiccCiPKIdentifierToBeUsed": SIGNATURE},
        {"serverCertificate": b"\x30\x00"},
        {"serverCertificate": None},
        {"ctxParams1": b"\xa0\x00"},
        {"ctxParams1": b""},
    ],
)
def test_an_answer_with_a_part_that_is_none_is_malformed(eim: Says, wrong: dict[str, bytes | None]) -> None:
    with pytest.raises(DecodeError):
        initiated(eim, **wrong)


def test_a_matching_id_that_is_no_text_is_malformed() -> None:
    with pytest.raises(DecodeError, match="not UTF-8"):
        initiated(Asn1Says(), matchingId=b"\xff")
    body = JsonSays().ok("initiateAuthentication", INITIATED | {"matchingId": b"#"})
    with pytest.raises(DecodeError, match="half a character"):
        JsonSays.binding.initiate_authentication_ok(body.replace(b'"#"', b'"\\ud800"'))


@pytest.mark.parametrize(
    "wrong",
    [
        {"transactionId": b"\x01"},
        {"profileMetadata": b"\xbf\x25\x00"},
        {"profileMetadata": SIGNATURE},
        {"smdpSigned2": SERVER_SIGNED1},
        {"smdpSignature2": None},
        {"smdpCertificate": b"\x30\x00"},
        {"hashCc": wrap(0x04, bytes(31))},
        {"hashCc": SIGNATURE},
    ],
)
def test_an_offer_with_a_part_that_is_none_is_malformed(eim: Says, wrong: dict[str, bytes | None]) -> None:
    with pytest.raises(DecodeError):
        authenticated(eim, **wrong)


@pytest.mark.parametrize("bpp", [None, b"", b"\xbf\x36", BPP + b"\x00", SIGNATURE])
def test_a_package_that_is_none_is_malformed(eim: Says, bpp: bytes | None) -> None:
    with pytest.raises(DecodeError):
        bound(eim, boundProfilePackage=bpp)


def test_every_octet_that_is_missing_is_missed(eim: Says) -> None:
    """Cut off anywhere, an answer is a DecodeError and nothing else."""
    for function, read, members in (
        ("initiateAuthentication", eim.binding.initiate_authentication_ok, INITIATED),
        ("authenticateClient", eim.binding.authenticate_client_ok, AUTHENTICATED),
        ("getBoundProfilePackage", eim.binding.get_bound_profile_package_ok, BOUND),
    ):
        body = eim.ok(function, members)
        for end in range(len(body)):
            with pytest.raises(DecodeError):
                read(body[:end])
    for end in range(len(eim.cancelled())):
        with pytest.raises(DecodeError):
            eim.binding.cancel_session_ok(eim.cancelled()[:end])


# refusals

ERRORS = {
    "initiateAuthentication": {
        1: "8.8.1/3.8", 2: "8.8.3/3.1", 3: "8.8.4/3.7", 50: "8.8.1/3.10", 51: "8.8/3.10", 52: "8.10.1/3.9",
    },
    "authenticateClient": {
        1: "8.1.2/6.1", 2: "8.1.2/6.3", 3: "8.1.3/6.1", 4: "8.1.3/6.3", 5: "8.1/6.1", 6: "8.2.6/3.8",
        7: "8.1.1/3.8", 8: "8.2.5/4.3", 9: "8.11.1/3.9", 10: "8.10.1/3.9", 11: "8.1/4.8",
        50: "8.2.8/3.8", 56: "8.9.5/3.9",
    },
    "getBoundProfilePackage": {
        1: "8.1/6.1", 2: "8.2.7/2.2", 3: "8.2.7/3.8", 4: "8.2.7/6.4", 5: "8.2/3.7", 6: "8.8.5/4.10",
        50: "8.2.9/3.10", 95: "8.10.1/3.9",
    },
    "cancelSession": {1: "8.10.1/3.9", 2: "8.1/6.1"},
}  # fmt: skip


@pytest.mark.parametrize("function", ERRORS)
def test_each_named_error_comes_as_itself_with_what_to_do(eim: Says, function: str) -> None:
    read = {
        "initiateAuthentication": eim.binding.initiate_authentication_ok,
        "authenticateClient": eim.binding.authenticate_client_ok,
        "getBoundProfilePackage": eim.binding.get_bound_profile_package_ok,
        "cancelSession": eim.binding.cancel_session_ok,
    }[function]
    title = function[0].upper() + function[1:]
    names = dict(named_numbers(*_CODES[title]))
    assert names.pop(127) == "undefinedError"
    assert set(names) == set(ERRORS[function])
    for code, name in names.items():
        with pytest.raises(PeerRefused) as refused:
            read(eim.refusal(function, code, ERRORS[function][code]))
        said = (refused.value.function, refused.value.name, refused.value.code, refused.value.status)
        assert said == (title, name, code, None)
        assert refused.value.advice == _ADVICE[name] != ""
    with pytest.raises(PeerRefused, match=r"undefinedError\(127\)"):
        read(eim.refusal(function, 127, "8.1/4.2"))


# the client


@pytest.mark.parametrize("binding", ["asn1", "json"])
def test_an_answer_to_another_transaction_is_malformed(
    binding: str, server: Identity, make_esipa: MakeEsipa
) -> None:
    says: Says = Asn1Says() if binding == "asn1" else JsonSays()
    bodies = [
        says.ok("authenticateClient", AUTHENTICATED),
        says.ok("getBoundProfilePackage", BOUND),
        says.ok("getBoundProfilePackage", BOUND | {"transactionId": None}),
    ]

    def behave(connection: ssl.SSLSocket, _number: int) -> None:
        for body in bodies:
            read_request(connection)
            connection.sendall(http_answer(body, media_type=says.binding.media_type))

    with Peer(server, behave) as peer:
        esipa = make_esipa(peer, key_of(server), binding=binding)
        with pytest.raises(DecodeError, match="AuthenticateClient: the eIM's answer is of another"):
            esipa.authenticate_client(b"\x01", b"\xbf\x38\x00")
        with pytest.raises(DecodeError, match="GetBoundProfilePackage: the eIM's answer is of another"):
            esipa.get_bound_profile_package(b"\x01", b"\xbf\x21\x00")
        assert esipa.get_bound_profile_package(b"\x01", b"\xbf\x21\x00") == BPP


@pytest.mark.parametrize("binding", ["asn1", "json"])
def test_what_is_wrong_with_an_answer_is_said_with_the_functions_name(
    binding: str, server: Identity, make_esipa: MakeEsipa
) -> None:
    says: Says = Asn1Says() if binding == "asn1" else JsonSays()

    def behave(connection: ssl.SSLSocket, _number: int) -> None:
        while read_request(connection):
            connection.sendall(http_answer(b"\x30\x00", media_type=says.binding.media_type))

    with Peer(server, behave) as peer:
        esipa = make_esipa(peer, key_of(server), binding=binding)
        for name, ask in (
            ("GetEimPackage", esipa.get_eim_package),
            ("ProvideEimPackageResult", lambda: esipa.provide_eim_package_result(b"\xa0\x00")),
            ("InitiateAuthentication", lambda: esipa.initiate_authentication(bytes(16))),
            ("AuthenticateClient", lambda: esipa.authenticate_client(b"\x01", b"\xbf\x38\x00")),
            ("GetBoundProfilePackage", lambda: esipa.get_bound_profile_package(b"\x01", b"\xbf\x21\x00")),
            ("CancelSession", lambda: esipa.cancel_session(b"\x01", b"\xbf\x41\x00")),
        ):
            with pytest.raises(DecodeError, match=f"^{name}: the eIM's answer: "):
                ask()


def test_a_package_may_take_longer_than_anything_else(server: Identity) -> None:
    says = JsonSays()

    def slow(connection: ssl.SSLSocket, _number: int) -> None:
        while read_request(connection):
            time.sleep(1.0)
            body = says.ok("getBoundProfilePackage", BOUND)
            connection.sendall(http_answer(body, media_type="application/json"))

    waits = Waits(connect=20.0, http=0.3, package=20.0)
    with Peer(server, slow) as peer:
        config = EimConfiguration("eim.example", f"localhost:{peer.port}", tls_anchor=key_of(server))
        esipa = Esipa(config, EID, waits, Uplink(), EsipaSettings(binding="json"))
        assert esipa.get_bound_profile_package(TRANSACTION, b"\xbf\x21\x00") == BPP
        with pytest.raises(Unreachable, match="took too long"):
            esipa.cancel_session(TRANSACTION, b"\xbf\x41\x00")
        esipa.close()
