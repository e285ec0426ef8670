"""ES10b (SGP.32 5.9, SGP.22 5.7): packages and their results, eIMs, notifications, downloads, switches.

Each function here is one function of the standard, named in its docstring. All of them raise EuiccRefused
for the errors that the standard names, DecodeError for an answer that is none, and ModemErrors.
"""

from collections.abc import Callable, Collection, Sequence

from ipad import asn1
from ipad.asn1.schema import named_numbers
from ipad.errors import DecodeError
from ipad.euicc import bpp, read
from ipad.euicc.isdr import Isdr
from ipad.euicc.model import (
    EimConfiguration,
    EuiccInfo,
    InstallationResult,
    MemoryReset,
    Notification,
    NotificationMetadata,
    PackageResult,
)
from ipad.euicc.refusal import answers, named, refuse, run, while_busy

RESET_OPTIONS = (
    "deleteOperationalProfiles",
    "deleteFieldLoadedTestProfiles",
    "resetDefaultSmdpAddress",
    "deletePreLoadedTestProfiles",
    "deleteProvisioningProfiles",
    "resetEimConfigData",
    "resetImmediateEnableConfig",
)
"""What EuiccMemoryReset can reset; a consumer card knows the first three."""


@answers("GetEUICCChallenge")
def challenge(isdr: Isdr) -> bytes:
    """GetEUICCChallenge (BF2E): 16 octets."""
    answer = isdr.store_data("GetEUICCChallenge", asn1.encode("GetEuiccChallengeRequest", {}))
    value: bytes = asn1.decode("GetEuiccChallengeResponse", answer)["euiccChallenge"]
    return value


@answers("GetEUICCInfo1")
def info1(isdr: Isdr) -> bytes:
    """GetEUICCInfo1 (BF20): EUICCInfo1 as the card gave it, to be passed on."""
    answer = isdr.store_data("GetEUICCInfo1", asn1.encode("GetEuiccInfo1Request", {}))
    return asn1.member(answer, 0xBF20)


@answers("GetEUICCInfo2")
def info2(isdr: Isdr) -> EuiccInfo:
    """GetEUICCInfo2 (BF22)."""
    answer = isdr.store_data("GetEUICCInfo2", asn1.encode("GetEuiccInfo2Request", {}))
    return read.euicc_info(asn1.member(answer, 0xBF22))


@answers("GetCerts")
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


@answers("ListNotification")
def list_notifications(isdr: Isdr, *, event: str | None = None) -> tuple[NotificationMetadata, ...]:
    """ListNotification (BF28): what waits to be delivered, without the notifications themselves.

    event: "install", "enable", "disable" or "delete"; None: all.
    """
    request = {} if event is None else {"profileManagementOperation": read.event_bits(event)}
    answer = isdr.store_data("ListNotification", asn1.encode("ListNotificationRequest", request))
    kind, value = asn1.decode("ListNotificationResponse", answer)
    if kind != "notificationMetadataList":
        refuse("ListNotification", value, "ListNotificationResponse", kind)
    return tuple(read.notification_metadata(item) for item in value)


@answers("RetrieveNotificationsList")
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


@answers("RetrieveNotificationsList")
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


@answers("RemoveNotificationFromList")
def remove_notification(isdr: Isdr, seq: int) -> bool:
    """RemoveNotificationFromList (BF30), for notifications and package results alike.

    Only for a number that was delivered and taken. False if the card had nothing under it.
    """
    code = run(
        isdr,
        "RemoveNotificationFromList",
        {"seqNumber": seq},
        "deleteNotificationStatus",
        types="NotificationSent",
        fine=(0, 1),
    )
    return code == 0


@answers("AddInitialEim")
def add_initial_eim(isdr: Isdr, configurations: Sequence[bytes]) -> tuple[int | None, ...]:
    """AddInitialEim (BF57), only while no eIM is associated. configurations: EimConfigurationData, DER.

    Returns the association token that the card made for each, None where none was asked for.
    """
    request = asn1.wrap(0xBF57, asn1.wrap(0xA0, *configurations))
    kind, value = asn1.decode("AddInitialEimResponse", isdr.store_data("AddInitialEim", request))
    if kind != "addInitialEimOk":
        refuse("AddInitialEim", value, "AddInitialEimResponse", kind)
    return tuple(token if name == "associationToken" else None for name, token in value)


@answers("GetEimConfigurationData")
def eim_configurations(isdr: Isdr, eim_id: str | None = None) -> tuple[EimConfiguration, ...]:
    """GetEimConfigurationData (BF55): all associated eIMs, or the one with this eimId."""
    request = {} if eim_id is None else {"searchCriteria": ("eimId", eim_id)}
    encoded = asn1.encode("GetEimConfigurationDataRequest", request)
    return told_eims(isdr.store_data("GetEimConfigurationData", encoded))


@answers("GetEimConfigurationData")
def told_eims(answer: bytes) -> tuple[EimConfiguration, ...]:
    """The eIMs in an answer to GetEimConfigurationData (BF55…)."""
    found = asn1.find(answer, 0xBF55, 0xA0)
    if found is None:
        asn1.member(answer, 0xBF55)  # an IoT card without an eIM may answer with an empty BF55
        return ()
    return tuple(read.eim_configuration(tlv) for _, tlv in asn1.tlvs(asn1.value(found)))


@answers("LoadEuiccPackage")
def load_euicc_package(isdr: Isdr, package: bytes) -> PackageResult:
    """LoadEuiccPackage (BF51): the card verifies and executes it. package: EuiccPackageRequest as signed.

    The result is signed before a switch that it may order: see PackageResult.switched.
    """
    return read.package_result(isdr.store_data("LoadEuiccPackage", package))


@answers("ConfigureImmediateProfileEnabling")
def configure_immediate_enabling(
    isdr: Isdr, enable: bool, *, smdp_oid: str | None = None, smdp_address: str | None = None
) -> None:
    """ConfigureImmediateProfileEnabling (BF59): fails once an eIM is associated, can't be read back."""
    request: dict[str, object] = {"immediateEnableFlag": None} if enable else {}
    if smdp_oid is not None:
        request["defaultSmdpOid"] = smdp_oid
    if smdp_address is not None:
        request["defaultSmdpAddress"] = smdp_address
    run(isdr, "ConfigureImmediateProfileEnabling", request, "configImmediateEnableResult")


@answers("ProfileRollback")
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


@answers("ExecuteFallbackMechanism")
def execute_fallback(isdr: Isdr, refresh: bool = True) -> None:
    """ExecuteFallbackMechanism (BF5D): enables the Fallback Profile; the card remembers where from."""
    run(isdr, "ExecuteFallbackMechanism", {"refreshFlag": refresh}, "executeFallbackMechanismResult")


@answers("ReturnFromFallback")
def return_from_fallback(isdr: Isdr, refresh: bool = True) -> None:
    """ReturnFromFallback (BF5E): enables the profile that was enabled before the fallback."""
    run(isdr, "ReturnFromFallback", {"refreshFlag": refresh}, "returnFromFallbackResult")


@answers("ImmediateEnable")
def immediate_enable(isdr: Isdr, refresh: bool = True) -> None:
    """ImmediateEnable (BF5A): enables the profile that was installed just before, if so configured."""
    run(isdr, "ImmediateEnable", {"refreshFlag": refresh}, "immediateEnableResult")


@answers("EnableEmergencyProfile")
def enable_emergency_profile(isdr: Isdr, refresh: bool = True) -> None:
    """EnableEmergencyProfile (BF5B); while it is enabled, packages and downloads get ecallActive(104)."""
    run(isdr, "EnableEmergencyProfile", {"refreshFlag": refresh}, "enableEmergencyProfileResult")


@answers("DisableEmergencyProfile")
def disable_emergency_profile(isdr: Isdr, refresh: bool = True) -> None:
    """DisableEmergencyProfile (BF5C): enables the profile that was enabled before the emergency."""
    run(isdr, "DisableEmergencyProfile", {"refreshFlag": refresh}, "disableEmergencyProfileResult")


@answers("GetConnectivityParameters")
def connectivity_parameters(isdr: Isdr) -> bytes | None:
    """GetConnectivityParameters (BF5F): httpParams of the enabled profile; None if it brings none."""
    function = "GetConnectivityParameters"
    answer = isdr.store_data(function, asn1.encode(f"{function}Request", {}))
    kind, value = asn1.decode(f"{function}Response", answer)
    if kind == "connectivityParameters":
        found: bytes | None = value.get("httpParams")
        return found
    if named(value, "ConnectivityParametersError") != "parametersNotAvailable":
        refuse(function, value, "ConnectivityParametersError")
    return None


@answers("EuiccMemoryReset")
def memory_reset(isdr: Isdr, options: Collection[str], *, consumer: bool = False) -> MemoryReset:
    """EuiccMemoryReset (BF64; BF34 on a consumer card): cannot be undone.

    options: of RESET_OPTIONS; ValueError for one that this kind of card does not know. Three results, since
    one part can succeed and another not; EuiccRefused if the first is neither ok nor nothingToDelete.
    """
    function = "EuiccMemoryReset"
    types = f"sgp22:{function}" if consumer else function
    known = RESET_OPTIONS[:3] if consumer else RESET_OPTIONS
    request = asn1.encode(f"{types}Request", {"resetOptions": read.named_bits(options, known)})

    def attempt() -> MemoryReset:
        answer = isdr.store_data(function, request)
        results = asn1.decode(f"{types}Response", answer)
        names = {member: named(code, f"{types}Response", member) for member, code in results.items()}
        if names["resetResult"] not in ("ok", "nothingToDelete"):
            refuse(function, results["resetResult"], f"{types}Response", "resetResult", answer)
        return MemoryReset(
            names["resetResult"],
            names.get("resetEimResult"),
            names.get("resetImmediateEnableConfigResult"),
        )

    return while_busy(isdr, attempt)


@answers("GetRAT")
def get_rat(isdr: Isdr) -> bytes:
    """GetRAT (BF43): the RulesAuthorisationTable's octets (A0…)."""
    return asn1.member(isdr.store_data("GetRAT", asn1.encode("GetRatRequest", {})), 0xBF43, 0xA0)


def _integer(tlv: bytes) -> int:
    content = asn1.value(tlv)
    if not 1 <= len(content) <= 8:
        raise DecodeError(f"an INTEGER of {len(content)} octets where a small one is expected")
    return int.from_bytes(content, "big", signed=True)


@answers("AuthenticateServer")
def authenticate_server(
    isdr: Isdr,
    server_signed1: bytes,
    server_signature1: bytes,
    ci_pk_id: bytes,
    certificate: bytes,
    ctx_params1: bytes,
) -> bytes:
    """AuthenticateServer (BF38): AuthenticateServerResponse's octets, for AuthenticateClient.

    server_signed1 (30), server_signature1 (5F37), ci_pk_id (04), certificate (30): elements as the server
    sent them. ctx_params1: CtxParams1 (A0). An EuiccRefused has the answer for the server in `answer`.
    """
    request = asn1.wrap(
        0xBF38,
        _element(server_signed1, 0x30),
        _element(server_signature1, 0x5F37),
        _element(ci_pk_id, 0x04),
        _element(certificate, 0x30),
        _element(ctx_params1, 0xA0),
    )
    answer = isdr.store_data("AuthenticateServer", request)
    return _accepted("AuthenticateServer", answer, 0xBF38, "AuthenticateErrorCode")


@answers("PrepareDownload")
def prepare_download(
    isdr: Isdr,
    smdp_signed2: bytes,
    smdp_signature2: bytes,
    certificate: bytes,
    hash_cc: bytes | None = None,
) -> bytes:
    """PrepareDownload (BF21): PrepareDownloadResponse's octets, for GetBoundProfilePackage.

    smdp_signed2 (30), smdp_signature2 (5F37), certificate (30): elements as the server sent them.
    hash_cc: the hashed confirmation code, 32 octets. An EuiccRefused has the answer in `answer`.
    """
    request = asn1.wrap(
        0xBF21,
        _element(smdp_signed2, 0x30),
        _element(smdp_signature2, 0x5F37),
        b"" if hash_cc is None else asn1.wrap(0x04, hash_cc),
        _element(certificate, 0x30),
    )
    answer = isdr.store_data("PrepareDownload", request)
    return _accepted("PrepareDownload", answer, 0xBF21, "DownloadErrorCode")


@answers("LoadBoundProfilePackage")
def load_bound_profile_package(
    isdr: Isdr, package: bytes, progress: Callable[[int, int], None] = lambda *_: None
) -> InstallationResult:
    """LoadBoundProfilePackage (SGP.22 5.7.6): the card installs the profile, and says how that ended.

    package: BoundProfilePackage (BF36…) as the server sent it. progress: told after each segment how many
    octets of how many the card has. Any segment can be answered with the result already, an error's or a
    success's: then nothing more is sent. DecodeError for a malformed package, before anything is sent.
    """
    cuts = bpp.segments(package)
    done = 0
    for cut in cuts:
        answer = isdr.store_data("LoadBoundProfilePackage", cut)
        done += len(cut)
        progress(done, len(package))
        if answer:
            return read.installation_result(answer)
    raise DecodeError("LoadBoundProfilePackage: the card took the last segment without a result")


@answers("CancelSession")
def cancel_session(isdr: Isdr, transaction_id: bytes, reason: str) -> bytes:
    """CancelSession (BF41): CancelSessionResponse's octets, for the server's CancelSession.

    reason: a name of CancelSessionReason ("postponed", …). An EuiccRefused has the answer in `answer`.
    """
    codes = {name: code for code, name in named_numbers("CancelSessionReason").items()}
    request = {"transactionId": transaction_id, "reason": codes[reason]}
    answer = isdr.store_data("CancelSession", asn1.encode("CancelSessionRequest", request))
    found = asn1.find(answer, 0xBF41, 0x81)
    if found is not None:
        member = "cancelSessionResponseError"
        refuse("CancelSession", _integer(found), "CancelSessionResponseChoice", member, answer)
    asn1.member(answer, 0xBF41, 0xA0)
    return answer


def _accepted(function: str, answer: bytes, tag: int, code_type: str) -> bytes:
    """The answer, if it is one and of the CHOICE's first arm; EuiccRefused for the error arm (A1)."""
    asn1.value(answer)
    error = asn1.find(answer, tag, 0xA1)
    if error is not None:
        refuse(function, _integer(asn1.member(error, 0xA1, 0x02)), code_type, answer=answer)
    asn1.member(answer, tag, 0xA0)
    return answer


def _element(octets: bytes, tag: int) -> bytes:
    """The octets, if they are exactly one element with this tag."""
    asn1.value(octets)
    return asn1.member(octets, tag)
