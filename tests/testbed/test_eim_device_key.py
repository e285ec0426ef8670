"""Cards whose agent signs package results with a key of its own."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ipad.asn1 import decode, encode, wrap
from ipad.errors import PeerRefused
from ipad.testbed import cli
from ipad.testbed.signature import sign
from tests.testbed.eim_world import EMPTY, UNDEFINED, World

LIST: dict[str, object] = {"listProfileInfo": {}}
NO_TOKEN = bytes.fromhex("840100")
CONSUMER = "89" * 16


@pytest.fixture(params=["asn1", "json"])
def binding(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def spki(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def reasons(here: World) -> list[str]:
    return [result["reason"] for result in here.admin.get("/results") if not result["accepted"]]


def signed(here: World, eid: str, key: ec.EllipticCurvePrivateKey, kind: str = "result") -> bytes:
    """What an agent makes of the package that the eIM has for it."""
    package = decode("GetEimPackageResponse", here.ipa.get_package(eid))[1]["euiccPackageSigned"]
    data: dict[str, Any] = {
        "eimId": package["eimId"],
        "counterValue": package["counterValue"],
        "eimTransactionId": package["eimTransactionId"],
    }
    if kind == "result":
        data |= {"seqNumber": 1, "euiccResult": [("enableResult", 0)]}
        octets, arm = encode("EuiccPackageResultDataSigned", data), 0xA0
    else:
        octets, arm = encode("EuiccPackageErrorDataSigned", data | {"euiccPackageErrorCode": 4}), 0xA1
    return wrap(0xBF51, wrap(arm, octets, wrap(0x5F37, sign(key, octets + NO_TOKEN))))


@pytest.mark.parametrize(
    ("kind", "answer", "state"),
    [("result", ("eimAcknowledgements", [1]), "done"), ("error", EMPTY, "failed")],
)
def test_a_registered_device_key_signs_for_its_card(
    here: World, key: ec.EllipticCurvePrivateKey, kind: str, answer: Any, state: str
) -> None:
    shown = here.admin.post("/euiccs", {"eid": CONSUMER, "deviceKey": spki(key).hex()})
    assert (shown["certificates"], shown["deviceKey"]) == (False, spki(key).hex().upper())
    number = here.admin.post("/packages", {"eid": CONSUMER, "operations": [LIST]})["id"]
    assert here.ipa.provide(CONSUMER, signed(here, CONSUMER, key, kind)) == answer
    assert here.admin.package(number)["state"] == state


def test_without_the_key_such_a_result_is_refused_and_says_why(
    here: World, key: ec.EllipticCurvePrivateKey
) -> None:
    number = here.order(LIST)
    result = signed(here, here.eid, key)
    assert here.provide(result) == UNDEFINED
    assert reasons(here) == ["the signature is not the eUICC's, and no device key is known for it"]
    here.admin.post("/euiccs", {"eid": here.eid, "deviceKey": spki(key).hex()})
    assert here.provide(result)[0] == "eimAcknowledgements"
    assert here.admin.package(number)["state"] == "done"


def test_with_a_device_key_neither_another_key_nor_the_card_signs(
    here: World, key: ec.EllipticCurvePrivateKey
) -> None:
    here.admin.post("/euiccs", {"eid": here.eid, "deviceKey": spki(key).hex()})
    here.order(LIST)
    assert here.provide(signed(here, here.eid, ec.generate_private_key(ec.SECP256R1()))) == UNDEFINED
    assert here.provide(here.load(here.fetch())) == UNDEFINED
    assert reasons(here) == ["the signature is not that of the device key"] * 2


def test_a_device_key_is_kept_with_token_and_certificates(
    here: World, key: ec.EllipticCurvePrivateKey
) -> None:
    here.admin.post("/euiccs", {"eid": here.eid, "token": 7})
    shown = here.admin.post("/euiccs", {"eid": here.eid, "deviceKey": spki(key).hex()})
    assert (shown["token"], shown["certificates"]) == (7, True)
    assert here.admin.post("/euiccs", {"eid": here.eid, "token": 8})["deviceKey"] == spki(key).hex().upper()


@pytest.mark.parametrize(
    "body",
    [
        {"eid": CONSUMER, "deviceKey": "00"},
        {"eid": CONSUMER, "deviceKey": "XY"},
        {"eid": CONSUMER, "deviceKey": 5},
        {"eid": CONSUMER, "deviceKey": spki(ec.generate_private_key(ec.SECP384R1())).hex()},
        {"eid": "89", "deviceKey": spki(ec.generate_private_key(ec.SECP256R1())).hex()},
        {"deviceKey": spki(ec.generate_private_key(ec.SECP256R1())).hex()},
    ],
)
def test_a_key_that_is_none_is_refused(here: World, body: dict[str, Any]) -> None:
    with pytest.raises(PeerRefused) as refused:
        here.admin.post("/euiccs", body)
    assert refused.value.code == 400
    assert [euicc["eid"] for euicc in here.admin.get("/euiccs")] == [here.eid]


@pytest.mark.parametrize("encoding", [Encoding.DER, Encoding.PEM])
def test_a_device_key_is_registered_by_the_command(
    here: World, key: ec.EllipticCurvePrivateKey, encoding: Encoding, tmp_path: Path
) -> None:
    file = tmp_path / "device.pub"
    file.write_bytes(key.public_key().public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo))
    command = ["eim", "register", "--eid", CONSUMER, "--device-key", str(file), "--admin", here.admin.url]
    assert cli.main(command) == 0
    shown = next(euicc for euicc in here.admin.get("/euiccs") if euicc["eid"] == CONSUMER)
    assert shown["deviceKey"] == spki(key).hex().upper()
    file.write_bytes(b"nothing")
    ended = subprocess.run(
        [sys.executable, "-m", "ipad.testbed.cli", *command], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, str(file) in ended.stderr) == (1, True)
