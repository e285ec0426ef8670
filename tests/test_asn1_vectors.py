"""The schema against DER values of an independent ASN.1 compiler (tests/data/sgp32-v1.2.json)."""

import json
from pathlib import Path

import pytest

from ipad import asn1
from ipad.asn1 import schema
from ipad.asn1.schema_parsed import MODULES

VECTORS = json.loads((Path(__file__).parent / "data" / "sgp32-v1.2.json").read_text("utf-8"))

LEFT_OUT: dict[str, str] = {}
"""Types of the vectors that the schema does not have, each with the reason. There is none."""


def name_of(vector: dict[str, str]) -> str:
    return ("sgp22:" if vector["module"] == "RSPDefinitions" else "") + vector["type"]


@pytest.mark.parametrize("vector", [v for v in VECTORS if name_of(v) not in LEFT_OUT], ids=name_of)
def test_each_value_decodes_and_encodes_back_to_the_same_octets(vector: dict[str, str]) -> None:
    der = bytes.fromhex(vector["der"])
    assert asn1.encode(name_of(vector), asn1.decode(name_of(vector), der)) == der


def test_the_vectors_are_of_every_type_that_they_were_made_for() -> None:
    types = {name_of(vector) for vector in VECTORS}
    assert len([name for name in types if not name.startswith("sgp22:")]) == 105
    assert len([name for name in types if name.startswith("sgp22:")]) == 77
    assert not set(LEFT_OUT) - types


def test_every_type_of_the_schema_compiles() -> None:
    for name in MODULES["SGP32Definitions"]:
        schema.compiled(name)
    for name in MODULES["RSPDefinitions"]:
        schema.compiled(f"sgp22:{name}")


@pytest.mark.parametrize(
    ("name", "value", "der"),
    [
        # A tagged CHOICE takes the member's tag: no BF41 inside the A1.
        (
            "CancelSessionRequestEsipa",
            {"transactionId": b"\x07", "cancelSessionResponse": ("cancelSessionResponseError", 5)},
            "bf4108800107a103810105",
        ),
        (
            "CancelSessionRequestEs9",
            {"transactionId": b"\x07", "cancelSessionResponse": ("cancelSessionResponseError", 127)},
            "bf4108800107a10381017f",
        ),
        ("CancelSessionResponse", ("cancelSessionResponseError", 5), "bf4103810105"),
        # [81] on a member whose type is [81] CHOICE: BF51 once.
        (
            "EimPackageResult",
            ("euiccPackageResult", ("euiccPackageErrorUnsigned", {"eimId": "e"})),
            "bf5105a203800165",
        ),
        (
            "EimPackageResult",
            (
                "ePRAndNotifications",
                {
                    "euiccPackageResult": ("euiccPackageErrorUnsigned", {"eimId": "e"}),
                    "notificationList": [],
                },
            ),
            "300abf5105a203800165a000",
        ),
        (
            "ProfileRollbackResponse",
            {"cmdResult": 0, "eUICCPackageResult": ("euiccPackageErrorUnsigned", {"eimId": "e"})},
            "bf580b020100bf5105a203800165",
        ),
        # IoT and consumer: other tags, other options.
        ("EuiccMemoryResetRequest", {"resetOptions": (b"\x84", 6)}, "bf640482020284"),
        ("sgp22:EuiccMemoryResetRequest", {"resetOptions": (b"\xa0", 3)}, "bf3404820205a0"),
        ("sgp22:EuiccMemoryResetResponse", {"resetResult": 1}, "bf3403800101"),
        ("SetDefaultDpAddressRequest", {"defaultDpAddress": "dp"}, "bf650480026470"),
        ("sgp22:SetDefaultDpAddressRequest", {"defaultDpAddress": "dp"}, "bf3f0480026470"),
        ("sgp22:SetDefaultDpAddressResponse", {"setDefaultDpAddressResult": 0}, "bf3f03800100"),
        ("sgp22:RetrieveNotificationsListRequest", {"searchCriteria": ("seqNumber", 3)}, "bf2b05a003800103"),
        (
            "RetrieveNotificationsListRequest",
            {"searchCriteria": ("euiccPackageResults", None)},
            "bf2b04a0028200",
        ),
        (
            "sgp22:ProfileInfoListResponse",
            ("profileInfoListOk", [{"profileState": 1}]),
            "bf2d08a006e3049f700101",
        ),
        ("sgp22:ProfileInfoListResponse", ("profileInfoListError", 1), "bf2d03810101"),
        # A consumer's EnableProfile (SGP.22 5.7.16), and what GetEID asks.
        (
            "EnableProfileRequest",
            {"profileIdentifier": ("iccid", bytes.fromhex("98103254769810325476")), "refreshFlag": True},
            "bf3111a00c5a0a981032547698103254768101ff",
        ),
        ("GetEuiccDataRequest", {"tagList": b"\x5a"}, "bf3e035c015a"),
        # A tag before an open type is explicit (X.680 31.2.7).
        (
            "VendorSpecificExtension",
            [{"vendorOid": "2.999", "vendorSpecificData": b"\x04\x01\x07"}],
            "300b300980028837a103040107",
        ),
        # DER trims named bits: 0780 install, 0640 enable, 0520 disable, 0410 delete.
        ("NotificationEvent", (b"\x80", 4), "03020780"),
        ("NotificationEvent", (b"\x40", 4), "03020640"),
        ("NotificationEvent", (b"\x20", 8), "03020520"),
        ("NotificationEvent", (b"\x1f", 4), "03020410"),
        ("NotificationEvent", (b"", 0), "030100"),
        # DEFAULT values are left out.
        ("ProfileInfo", {"profileState": 0, "fallbackAttribute": False}, "e3049f700100"),
        ("ProfileInfo", {"profileState": 0, "fallbackAttribute": True}, "e3089f7001009f2601ff"),
        # 2.999 is the first OBJECT IDENTIFIER whose first two arcs need more than one octet.
        ("DpProprietaryData", {"dpOid": "2.999.10"}, "3005800388370a"),
    ],
)
def test_shapes_that_the_vectors_do_not_show(name: str, value: object, der: str) -> None:
    assert asn1.encode(name, value).hex() == der
    assert asn1.encode(name, asn1.decode(name, bytes.fromhex(der))).hex() == der


def test_decoded_values_are_as_the_module_describes_them() -> None:
    assert asn1.decode("ProfileInfo", bytes.fromhex("e3049f700101")) == {
        "profileState": 1,
        "fallbackAttribute": False,
    }
    assert asn1.decode("DpProprietaryData", bytes.fromhex("3005800388370a")) == {"dpOid": "2.999.10"}
    assert asn1.decode("Psmo", bytes.fromhex("a600")) == ("getRAT", {})
    assert asn1.decode("NotificationEvent", bytes.fromhex("03020480")) == (b"\x80", 1)


def test_a_certificate_stays_as_it_came_under_its_own_tag_and_under_another() -> None:
    der = bytes.fromhex("300c300302010530020500030100")
    value = asn1.certificate_value(der)
    assert value == {
        "tbsCertificate": bytes.fromhex("3003020105"),
        "signatureAlgorithm": bytes.fromhex("30020500"),
        "signatureValue": bytes.fromhex("030100"),
    }
    assert asn1.certificate_der(value) == der
    certs = asn1.encode("GetCertsResponse", ("certs", {"eumCertificate": value, "euiccCertificate": value}))
    assert asn1.value(asn1.member(certs, 0xBF56, 0xA0, 0xA5)) == asn1.value(der)
    _, decoded = asn1.decode("GetCertsResponse", certs)
    assert asn1.certificate_der(decoded["euiccCertificate"]) == der


@pytest.mark.parametrize("der", ["3000", "300c300302010530020500030100".replace("0301", "0401"), "30020500"])
def test_what_is_not_a_certificate_is_refused(der: str) -> None:
    with pytest.raises(asn1.DecodeError):
        asn1.certificate_value(bytes.fromhex(der))


@pytest.mark.parametrize("name", ["Nothing", "sgp22:Nothing", "sgp32:Iccid", "sgp22:EuiccPackageRequest", ""])
def test_an_unknown_type_is_a_key_error(name: str) -> None:
    with pytest.raises(KeyError):
        asn1.decode(name, b"\x05\x00")
    with pytest.raises(KeyError):
        asn1.encode(name, None)
