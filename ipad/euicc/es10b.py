"""ES10b (SGP.32 5.9, SGP.22 5.7): packages and their results, eIMs, notifications, fallback and rollback.

Each function here is one function of the standard, named in its docstring. All of them raise EuiccRefused
for the errors that the standard names, DecodeError for an answer that is none, and ModemErrors.
"""

from collections.abc import Sequence

from ipad import asn1
from ipad.errors import DecodeError
from ipad.euicc import read
from ipad.euicc.isdr import Isdr
from ipad.euicc.model import (
    EimConfiguration,
    EuiccInfo,
    Notification,
    NotificationMetadata,
    PackageResult,
)
from ipad.euicc.refusal import refuse, while_busy


def challenge(isdr: Isdr) -> bytes:
    """GetEUICCChallenge (BF2E): 16 octets."""
    answer = isdr.store_data("GetEUICCChallenge", asn1.encode("GetEuiccChallengeRequest", {}))
    value: bytes = asn1.decode("GetEuiccChallengeResponse", answer)["euiccChallenge"]
    return value


def info1(isdr: Isdr) -> bytes:
    """GetEUICCInfo1 (BF20): EUICCInfo1 as the card gave it, to be passed on."""
    answer = isdr.store_data("GetEUICCInfo1", asn1.encode("GetEuiccInfo1Request", {}))
    return asn1.member(answer, 0xBF20)


def info2(isdr: Isdr) -> EuiccInfo:
    """GetEUICCInfo2 (BF22)."""
    answer = isdr.store_data("GetEUICCInfo2", asn1.encode("GetEuiccInfo2Request", {}))
    return read.euicc_info(asn1.member(answer, 0xBF22))


def certs(isdr: Isdr, ci_pk_id: bytes | None = None) -> tuple[bytes, bytes]:
    """GetCerts (BF56): the EUM's and the eUICC's certificate, each a whole Certificate in DER.

    ci_pk_id: the CI key whose chain is wanted; None: the card's first.
    """
    request = {} if ci_pk_id is None else {"euiccCiPKId": ci_pk_id}
    answer = isdr.store_data("GetCerts", asn1.encode("GetCertsRequest", request))
    found = asn1.find(answer, 0xBF56, 0xA0)
    if found is None:
        error, code = asn1.decode("GetCertsResponse", answer)
        refuse("GetCerts", code, "GetCertsResponse", error)
    return read.certificate(asn1.member(found, 0xA0, 0xA5)), read.certificate(asn1.member(found, 0xA0, 0xA6))


def list_notifications(isdr: Isdr) -> tuple[NotificationMetadata, ...]:
    """ListNotification (BF28): what waits to be delivered, without the notifications themselves."""
    answer = isdr.store_data("ListNotification", asn1.encode("ListNotificationRequest", {}))
    kind, value = asn1.decode("ListNotificationResponse", answer)
    if kind != "notificationMetadataList":
        refuse("ListNotification", value, "ListNotificationResponse", kind)
    return tuple(read.notification_metadata(item) for item in value)


def notifications(
    isdr: Isdr, *, seq: int | None = None, event: str | None = None
) -> tuple[Notification, ...]:
    """RetrieveNotificationsList (BF2B): notifications, all or those of one number or event.

    event: "install", "enable", "disable" or "delete".
    """
    request: dict[str, object] = {}
    if seq is not None:
        request["searchCriteria"] = ("seqNumber", seq)
    elif event is not None:
        request["searchCriteria"] = ("profileManagementOperation", read.event_bits(event))
    return tuple(read.notification(der) for der in _retrieve(isdr, request, 0xA0))


def package_results(isdr: Isdr, *, seq: int | None = None) -> tuple[PackageResult, ...]:
    """RetrieveNotificationsList (BF2B) for the eUICC Package Results that the card keeps.

    All of them, or the one with number `seq`; a number that is a notification's finds nothing here.
    """
    criteria = ("euiccPackageResults", None) if seq is None else ("seqNumber", seq)
    found = _retrieve(isdr, {"searchCriteria": criteria}, 0xA2)
    return tuple(read.package_result(der) for der in found)


def _retrieve(isdr: Isdr, request: dict[str, object], list_tag: int) -> tuple[bytes, ...]:
    function = "RetrieveNotificationsList"
    answer = isdr.store_data(function, asn1.encode("RetrieveNotificationsListRequest", request))
    if asn1.find(answer, 0xBF2B, 0x81) is not None:
        error, code = asn1.decode(f"{function}Response", answer)
        refuse(function, code, f"{function}Response", error)
    found = asn1.find(answer, 0xBF2B, list_tag)
    if found is None:
        asn1.member(answer, 0xBF2B)  # the other list, or nothing: none of what was asked for
        return ()
    return tuple(tlv for _, tlv in asn1.tlvs(asn1.value(found)))


def remove_notification(isdr: Isdr, seq: int) -> bool:
    """RemoveNotificationFromList (BF30), for notifications and package results alike.

    Only for a number that was delivered and taken. False if the card had nothing under it.
    """
    answer = isdr.store_data("NotificationSent", asn1.encode("NotificationSentRequest", {"seqNumber": seq}))
    code = asn1.decode("NotificationSentResponse", answer)["deleteNotificationStatus"]
    if code not in (0, 1):
        refuse("NotificationSent", code, "NotificationSentResponse", "deleteNotificationStatus")
    return bool(code == 0)


def add_initial_eim(isdr: Isdr, configurations: Sequence[bytes]) -> tuple[int | None, ...]:
    """AddInitialEim (BF57), only while no eIM is associated. configurations: EimConfigurationData, DER.

    Returns the association token that the card made for each, None where none was asked for.
    """
    request = asn1.wrap(0xBF57, asn1.wrap(0xA0, *configurations))
    kind, value = asn1.decode("AddInitialEimResponse", isdr.store_data("AddInitialEim", request))
    if kind != "addInitialEimOk":
        refuse("AddInitialEim", value, "AddInitialEimResponse", kind)
    return tuple(token if name == "associationToken" else None for name, token in value)


def eim_configurations(isdr: Isdr, eim_id: str | None = None) -> tuple[EimConfiguration, ...]:
    """GetEimConfigurationData (BF55): all associated eIMs, or the one with this eimId."""
    request = {} if eim_id is None else {"searchCriteria": ("eimId", eim_id)}
    encoded = asn1.encode("GetEimConfigurationDataRequest", request)
    answer = isdr.store_data("GetEimConfigurationData", encoded)
    found = asn1.find(answer, 0xBF55, 0xA0)
    if found is None:
        asn1.member(answer, 0xBF55)  # an IoT card without an eIM may answer with an empty BF55
        return ()
    return tuple(read.eim_configuration(tlv) for _, tlv in asn1.tlvs(asn1.value(found)))


def load_euicc_package(isdr: Isdr, package: bytes) -> PackageResult:
    """LoadEuiccPackage (BF51): the card verifies and executes it. package: EuiccPackageRequest as signed.

    The result is signed before a switch that it may order: see PackageResult.switched.
    """
    return read.package_result(isdr.store_data("LoadEuiccPackage", package))


def configure_immediate_enabling(
    isdr: Isdr, enable: bool, *, smdp_oid: str | None = None, smdp_address: str | None = None
) -> None:
    """ConfigureImmediateProfileEnabling (BF59): fails once an eIM is associated, can't be read back."""
    request: dict[str, object] = {"immediateEnableFlag": None} if enable else {}
    if smdp_oid is not None:
        request["defaultSmdpOid"] = smdp_oid
    if smdp_address is not None:
        request["defaultSmdpAddress"] = smdp_address
    function = "ConfigureImmediateProfileEnabling"
    answer = isdr.store_data(function, asn1.encode(f"{function}Request", request))
    member = "configImmediateEnableResult"
    code = asn1.decode(f"{function}Response", answer)[member]
    if code != 0:
        refuse(function, code, f"{function}Response", member)


def profile_rollback(isdr: Isdr, refresh: bool = True) -> PackageResult | None:
    """ProfileRollback (BF58): back to the profile before the last enable with rollbackFlag.

    Returns the result that replaces the package's; None if the card gave none.
    """

    def attempt() -> PackageResult | None:
        request = asn1.encode("ProfileRollbackRequest", {"refreshFlag": refresh})
        answer = isdr.store_data("ProfileRollback", request)
        code = _integer(asn1.member(answer, 0xBF58, 0x02))
        if code != 0:
            refuse("ProfileRollback", code, "ProfileRollbackResponse", "cmdResult")
        result = asn1.find(answer, 0xBF58, 0xBF51)
        return None if result is None else read.package_result(result)

    return while_busy(isdr, attempt)


def execute_fallback(isdr: Isdr, refresh: bool = True) -> None:
    """ExecuteFallbackMechanism (BF5D): enables the Fallback Profile; the card remembers where from."""
    _switch(isdr, "ExecuteFallbackMechanism", "executeFallbackMechanismResult", refresh)


def return_from_fallback(isdr: Isdr, refresh: bool = True) -> None:
    """ReturnFromFallback (BF5E): enables the profile that was enabled before the fallback."""
    _switch(isdr, "ReturnFromFallback", "returnFromFallbackResult", refresh)


def _switch(isdr: Isdr, function: str, member: str, refresh: bool) -> None:
    def attempt() -> None:
        answer = isdr.store_data(function, asn1.encode(f"{function}Request", {"refreshFlag": refresh}))
        code = asn1.decode(f"{function}Response", answer)[member]
        if code != 0:
            refuse(function, code, f"{function}Response", member)

    while_busy(isdr, attempt)


def get_rat(isdr: Isdr) -> bytes:
    """GetRAT (BF43): the RulesAuthorisationTable's octets (A0…)."""
    return asn1.member(isdr.store_data("GetRAT", asn1.encode("GetRatRequest", {})), 0xBF43, 0xA0)


def _integer(tlv: bytes) -> int:
    content = asn1.value(tlv)
    if not 1 <= len(content) <= 8:
        raise DecodeError(f"an INTEGER of {len(content)} octets where a small one is expected")
    return int.from_bytes(content, "big", signed=True)
