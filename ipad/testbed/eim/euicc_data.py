"""IpaEuiccData (SGP.32 2.11.2.2): what of it can be checked, and what is worth remembering."""

from collections.abc import Mapping
from datetime import UTC, datetime

from cryptography import x509

from ipad.asn1 import value, wrap
from ipad.testbed import chain
from ipad.testbed.eim.records import Euicc, Records

EUICC_INFO1, EUICC_INFO2, IPA_CAPABILITIES, DEVICE_INFO, RAT = (
    "euiccInfo1", "euiccInfo2", "ipaCapabilities", "deviceInfo", "rulesAuthorisationTable",
)  # fmt: skip
"""What is remembered of a card, by the standard's names; the RAT comes with the PSMO getRAT."""

_REMEMBERED = {0xBF20: EUICC_INFO1, 0xBF22: EUICC_INFO2, 0xA8: IPA_CAPABILITIES, 0xA9: DEVICE_INFO}
_TOKEN, _EUM, _EUICC = 0x84, 0xA5, 0xA6


def contradiction(euicc: Euicc, members: Mapping[int, bytes], ci: x509.Certificate) -> str | None:
    """What in the members (whole TLVs by tag) is not as it was registered; None: nothing."""
    if _TOKEN in members and int.from_bytes(value(members[_TOKEN]), signed=True) != euicc.token:
        return "the associationToken is not the registered one"
    certificates = {
        what: wrap(0x30, value(members[tag]))
        for what, tag in (("EUM", _EUM), ("eUICC", _EUICC))
        if tag in members
    }
    if not euicc.euicc:
        return _of_another(euicc, certificates, ci)
    for what, registered in (("EUM", euicc.eum), ("eUICC", euicc.euicc)):
        if certificates.get(what, registered) != registered:
            return f"the {what}'s certificate is not the registered one"
    return None


def _of_another(euicc: Euicc, certificates: Mapping[str, bytes], ci: x509.Certificate) -> str | None:
    """Of a card that was registered without certificates: they must be those of its EID, under the CI."""
    if len(certificates) < 2:
        return None
    try:
        eum, card = chain.load(certificates["EUM"]), chain.load(certificates["eUICC"])
        eid = chain.verify(ci, eum, card, datetime.now(UTC))
    except chain.NotTrusted as error:
        return str(error)
    return None if eid == euicc.eid else "the eUICC's certificate is of another EID"


def remember(records: Records, euicc: Euicc, members: Mapping[int, bytes]) -> None:
    """Keeps what later functions need: the compact forms leave it out (SGP.32 6.1, minimizeEsipaBytes)."""
    for tag, what in _REMEMBERED.items():
        if tag in members:
            records.remember(euicc.eid, what, members[tag])
