"""Octets from others: whatever is wrong with them is a DecodeError, and nothing else ever happens."""

import pytest

from ipad import asn1
from ipad.asn1 import tlv, wrap

EID = bytes.fromhex("89044045" + "00" * 12)

# What the structure alone gives away, whatever the type.
BROKEN = {
    "nothing": "",
    "a tag and no length": "bf4f",
    "half a tag": "bf",
    "cut off in its contents": "bf4f030201",
    "cut off in its length": "bf4f82",
    "an inner element longer than the outer one": "bf4f0302020101",
    "octets left over behind the message": "bf4f0302010100",
    "a second element behind the message": "bf4f030201010500",
    "an indefinite length": "bf4f800201010000",
    "a length in two octets that fits in one": "bf4f8103020101",
    "a length with a leading zero": "bf4f820003020101",
    "a length of gigabytes": "bf4f84ffffffff020101",
    "a length of a hundred octets": "bf4fe4" + "ff" * 100,
    "a tag that goes on": "bfffffffffff0103020101",
    "a high tag for a low number": "bf1e03020101",
    "a high tag with a leading zero": "bf804f03020101",
    "end of contents": "0000",
}


@pytest.mark.parametrize("der", BROKEN.values(), ids=BROKEN)
def test_broken_structure_is_a_decode_error(der: str) -> None:
    with pytest.raises(asn1.DecodeError):
        tlv.check(bytes.fromhex(der))
    with pytest.raises(asn1.DecodeError, match=r"^GetEimPackageResponse: "):
        asn1.decode("GetEimPackageResponse", bytes.fromhex(der))


def test_broken_structure_is_found_where_the_type_would_not_look() -> None:
    in_a_certificate = wrap(0x30, wrap(0x30, bytes.fromhex("30800000")), b"\x30\x00", b"\x03\x01\x00")
    with pytest.raises(asn1.DecodeError, match="indefinite"):
        asn1.decode("Certificate", in_a_certificate)
    in_an_unknown_member = wrap(0xE3, wrap(0x5A, bytes(10)), wrap(0xBF64, b"\x30\x80\x00\x00"))
    with pytest.raises(asn1.DecodeError, match="indefinite"):
        asn1.decode("ProfileInfo", in_an_unknown_member)


# Well-formed, but not what the type says.
NOT_THE_TYPE = {
    "another tag": ("GetEimPackageResponse", wrap(0xBF50, b"\x02\x01\x01")),
    "nothing inside a tagged CHOICE": ("GetEimPackageResponse", wrap(0xBF4F)),
    "two elements inside a tagged CHOICE": ("GetEimPackageResponse", wrap(0xBF4F, b"\x02\x01\x01" * 2)),
    "a SEQUENCE with a primitive tag": ("EimIdInfo", wrap(0x10, b"\x80\x01e")),
    "an OCTET STRING in pieces": ("Iccid", wrap(0x7A, wrap(0x04, bytes(10)))),
    "a member missing": ("EimIdInfo", wrap(0x30, b"\x82\x01\x01")),
    "a member twice": ("EimIdInfo", wrap(0x30, b"\x80\x01e", b"\x80\x01f")),
    "an INTEGER of no octets": ("EimIdInfo", wrap(0x30, b"\x80\x01e", b"\x82\x00")),
    "an INTEGER of seventeen octets": ("EimIdInfo", wrap(0x30, b"\x80\x01e", wrap(0x82, bytes(17)))),
    "a BOOLEAN of two octets": ("ProfileRollbackRequest", wrap(0xBF58, b"\x80\x02\xff\xff")),
    "a BOOLEAN of no octets": ("ProfileRollbackRequest", wrap(0xBF58, b"\x80\x00")),
    "a NULL with contents": ("GetEimPackageRequest", wrap(0xBF4F, wrap(0x5A, EID), b"\x80\x01\x00")),
    "a NULL with an element in it": (
        "GetEimPackageRequest",
        wrap(0xBF4F, wrap(0x5A, EID), b"\x80\x02\x85\x00"),
    ),
    "a BIT STRING of no octets": ("NotificationEvent", b"\x03\x00"),
    "a BIT STRING with nine unused bits": ("NotificationEvent", b"\x03\x02\x09\x80"),
    "a BIT STRING with unused bits of nothing": ("NotificationEvent", b"\x03\x01\x01"),
    "an OBJECT IDENTIFIER of no octets": ("DpProprietaryData", wrap(0x30, b"\x80\x00")),
    "an OBJECT IDENTIFIER without its end": ("DpProprietaryData", wrap(0x30, b"\x80\x02\x88\xb7")),
    "an OBJECT IDENTIFIER with a leading zero": ("DpProprietaryData", wrap(0x30, b"\x80\x03\x2a\x80\x01")),
    "an OBJECT IDENTIFIER of 65 octets": ("DpProprietaryData", wrap(0x30, wrap(0x80, b"\x01" * 65))),
    "text that is not UTF-8": ("EimIdInfo", wrap(0x30, b"\x80\x02\xc3\x28")),
    "text with half a character at its end": ("EimIdInfo", wrap(0x30, b"\x80\x02\xe2\x82")),
    "text shorter than its SIZE": ("EimIdInfo", wrap(0x30, b"\x80\x00")),
    "text longer than its SIZE": ("EimIdInfo", wrap(0x30, wrap(0x80, b"e" * 129))),
    "an ICCID of nine octets": ("Iccid", wrap(0x5A, bytes(9))),
    "an EID of fifteen octets": ("GetEuiccDataResponse", wrap(0xBF3E, wrap(0x5A, bytes(15)))),
    "a transaction identifier of seventeen octets": ("TransactionId", wrap(0x04, bytes(17))),
    "a certificate with a fourth member": ("Certificate", bytes.fromhex("3009300030000301000500")),
}


@pytest.mark.parametrize(("name", "der"), NOT_THE_TYPE.values(), ids=NOT_THE_TYPE)
def test_well_formed_octets_that_are_not_the_type_are_a_decode_error(name: str, der: bytes) -> None:
    tlv.check(der)
    with pytest.raises(asn1.DecodeError, match=f"^{name}: "):
        asn1.decode(name, der)


# asn1tools' own decoders, each with what it does there.
@pytest.mark.parametrize("name", ["RulesAuthorisationTable", "EuiccPackageResultList"])
def test_a_list_with_a_wrong_element_ends(name: str) -> None:
    """The DER decoder never comes back, and takes memory all the while."""
    with pytest.raises(asn1.DecodeError, match=r"octet 2: a tag 02 where (30|BF51) is expected"):
        asn1.decode(name, bytes.fromhex("3004020200ff"))


def test_nesting_has_a_limit() -> None:
    """Recursion has none there: RecursionError."""
    der = b""
    for _ in range(2000):
        der = wrap(0x30, der)
    with pytest.raises(asn1.DecodeError, match="inside one another"):
        asn1.decode("EuiccPackageResultList", der)


def test_nesting_up_to_the_limit_is_accepted() -> None:
    der = b""
    for _ in range(tlv.MAX_DEPTH - 1):
        der = wrap(0x30, der)
    tlv.check(wrap(0x30, der))
    with pytest.raises(asn1.DecodeError):
        tlv.check(wrap(0x30, wrap(0x30, der)))


def test_the_number_of_elements_has_a_limit() -> None:
    """Two octets become an object of a hundred: the decoded form is much larger than the message."""
    with pytest.raises(asn1.DecodeError, match="more than 65536 elements"):
        asn1.decode("EimAcknowledgements", wrap(0xBF53, b"\x80\x00" * 65536))


@pytest.mark.parametrize(
    ("name", "der"),
    [
        ("AddEimResult", wrap(0x85, b"\x01")),
        ("GetEimPackageResponse", wrap(0xBF4F, b"\x81\x01\x01")),
        ("EuiccPackage", wrap(0xA0, wrap(0xBF66))),
        ("RetrieveNotificationsListRequest", wrap(0xBF2B, wrap(0xA0, b"\x87\x00"))),
    ],
)
def test_an_arm_of_a_choice_that_nobody_knows_is_refused_by_its_tag(name: str, der: bytes) -> None:
    """It is (None, None) there, which the next function would trip over."""
    with pytest.raises(asn1.DecodeError, match=r"octet \d: a tag (85|81|BF66|87) where .* is expected"):
        asn1.decode(name, der)


def test_an_unknown_member_is_skipped_wherever_it_stands() -> None:
    """The decoder there drops every member behind it."""
    iccid, state, nickname = wrap(0x5A, bytes(10)), wrap(0x9F70, b"\x01"), wrap(0x90, b"Nord")
    known = asn1.decode("ProfileInfo", wrap(0xE3, iccid, state, nickname))
    later = wrap(0xBF64, wrap(0x80, b"1.3"))
    for members in (
        (later, iccid, state, nickname),
        (iccid, later, state, nickname),
        (iccid, state, nickname, later),
    ):
        assert asn1.decode("ProfileInfo", wrap(0xE3, *members)) == known


def test_members_may_come_in_any_order() -> None:
    iccid, state, nickname = wrap(0x5A, bytes(10)), wrap(0x9F70, b"\x01"), wrap(0x90, b"Nord")
    assert asn1.decode("ProfileInfo", wrap(0xE3, nickname, state, iccid)) == asn1.decode(
        "ProfileInfo", wrap(0xE3, iccid, state, nickname)
    )


def test_members_of_one_tag_keep_the_order_that_they_came_in() -> None:
    first, second = (
        wrap(0x30, wrap(0x30, wrap(0x02, bytes((n,)))), b"\x30\x00", b"\x03\x01\x00") for n in (1, 2)
    )
    metadata = asn1.encode(
        "NotificationMetadata",
        {"seqNumber": 1, "profileManagementOperation": (b"\x80", 1), "notificationAddress": "dp"},
    )
    der = wrap(0x30, metadata, wrap(0x5F37, bytes(64)), first, second)
    value = asn1.decode("OtherSignedNotification", der)
    assert asn1.certificate_der(value["euiccCertificate"]) == first
    assert asn1.certificate_der(value["eumCertificate"]) == second
    assert asn1.encode("OtherSignedNotification", value) == der


def test_a_tagged_choice_is_tagged_once() -> None:
    """`[81] EuiccPackageResult` in the words of the standard is BF51 in BF51 there."""
    error = wrap(0xA2, wrap(0x80, b"eim"))
    once, twice = wrap(0xBF51, error), wrap(0xBF51, wrap(0xBF51, error))
    for name in ("EuiccPackageResult", "EimPackageResult"):
        assert asn1.encode(name, asn1.decode(name, once)) == once
        with pytest.raises(asn1.DecodeError):
            asn1.decode(name, twice)


def test_the_tag_of_a_cancel_session_response_is_replaced_not_repeated() -> None:
    with pytest.raises(asn1.DecodeError, match="a tag BF41 where A0 or 81"):
        asn1.decode("CancelSessionRequestEsipa", bytes.fromhex("bf410b800107a106bf4103810105"))


NOT_A_VALUE = {
    "a member missing": ("EimIdInfo", {}),
    "a member that is None": ("EimIdInfo", {"eimId": None}),
    "a member misspelt": ("EimIdInfo", {"eimId": "e", "eimIdTyp": 1}),
    "no dict": ("EimIdInfo", [("eimId", "e")]),
    "a set of names for a dict": ("EimIdInfo", {"eimId"}),
    "a number for a pair": ("Psmo", 5),
    "no list": ("EimAcknowledgements", 5),
    "no pair": ("Psmo", "getRAT"),
    "an arm misspelt": ("Psmo", ("getRat", {})),
    "a number for octets": ("Iccid", 10),
    "text for octets": ("Iccid", "9810325476"),
    "octets for text": ("EimIdInfo", {"eimId": b"e"}),
    "half a surrogate pair": ("EimIdInfo", {"eimId": "\ud800"}),
    "True for a number": ("EimAcknowledgements", [True]),
    "a number for True": ("ProfileRollbackRequest", {"refreshFlag": 1}),
    "True for NULL": ("Psmo", ("enable", {"iccid": bytes(10), "rollbackFlag": True})),
    "a set of names for bits": ("NotificationEvent", {"notificationInstall"}),
    "text for bits": ("NotificationEvent", ("1", 1)),
    "text for the number of bits": ("NotificationEvent", (b"\x80", "1")),
    "more bits than octets": ("NotificationEvent", (b"\x80", 9)),
    "an ICCID of nine octets": ("Iccid", bytes(9)),
    "a text too long": ("EimIdInfo", {"eimId": "e" * 129}),
    "an INTEGER of seventeen octets": ("EimAcknowledgements", [1 << 128]),
    "numbers for an OBJECT IDENTIFIER": ("DpProprietaryData", {"dpOid": (2, 999)}),
    "an OBJECT IDENTIFIER of one arc": ("DpProprietaryData", {"dpOid": "2"}),
    "an OBJECT IDENTIFIER of letters": ("DpProprietaryData", {"dpOid": "id-rsp"}),
    "an OBJECT IDENTIFIER under 3": ("DpProprietaryData", {"dpOid": "3.1"}),
    "a certificate with another element": (
        "Certificate",
        {"tbsCertificate": b"\x04\x00", "signatureAlgorithm": b"\x30\x00", "signatureValue": b"\x03\x01\x00"},
    ),
    "a certificate of text": (
        "Certificate",
        {"tbsCertificate": "3000", "signatureAlgorithm": b"\x30\x00", "signatureValue": b"\x03\x01\x00"},
    ),
    "a certificate with half an element": (
        "Certificate",
        {"tbsCertificate": b"\x30\x01", "signatureAlgorithm": b"\x30\x00", "signatureValue": b"\x03\x01\x00"},
    ),
}


@pytest.mark.parametrize(("name", "value"), NOT_A_VALUE.values(), ids=NOT_A_VALUE)
def test_a_wrong_value_is_not_encoded(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"^{name}: "):
        asn1.encode(name, value)


def test_an_optional_member_that_is_none_is_absent() -> None:
    assert asn1.encode("EimIdInfo", {"eimId": "e", "eimIdType": None}) == asn1.encode(
        "EimIdInfo", {"eimId": "e"}
    )
