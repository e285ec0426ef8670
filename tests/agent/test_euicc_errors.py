"""Every error that the standard names in an ES10 response reaches the caller under its own name."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ipad.asn1 import encode, wrap
from ipad.asn1.schema import PREFIXES, lookup
from ipad.asn1.schema_parsed import MODULES
from ipad.errors import EuiccRefused
from ipad.euicc import es10a, es10b, es10c
from ipad.euicc.advice import ADVICE
from ipad.euicc.isdr import Isdr
from ipad.euicc.refusal import CAT_BUSY_TRIES
from modem.bcd import iccid_octets

from .scripted_card import ScriptedCard, isdr_on

ICCID = "89000123456789012341"
SIGNED = wrap(0x30)
SIGNATURE = wrap(0x5F37, bytes(64))
CERTIFICATE = wrap(0x30, wrap(0x30), wrap(0x30), bytes.fromhex("030100"))

Found = Callable[[Isdr], object]
"""Calls a function; returns the name that came back in its result, or raises EuiccRefused with it."""


def of_package(isdr: Isdr) -> object:
    result = es10b.load_euicc_package(isdr, b"package")
    if result.kind == "error":
        return result.error
    [(_, outcome)] = result.results
    return outcome


def of_installation(isdr: Isdr) -> object:
    package = wrap(0xBF36, wrap(0xBF23), wrap(0xA0), wrap(0xA1), wrap(0xA3))
    return es10b.load_bound_profile_package(isdr, package).error


def of_parameters(isdr: Isdr) -> object:
    assert es10b.connectivity_parameters(isdr) is None
    return "parametersNotAvailable"


def of_removal(isdr: Isdr) -> object:
    assert es10b.remove_notification(isdr, 1) is False
    return "nothingToDelete"


def error_of_package(code: int) -> bytes:
    data = {"eimId": "e", "counterValue": 1, "euiccPackageErrorCode": code}
    signed = encode("EuiccPackageErrorDataSigned", data)
    return wrap(0xBF51, wrap(0xA1, signed, SIGNATURE))


def result_of_package(name: str) -> Callable[[Any], bytes]:
    def answer(code: Any) -> bytes:
        frame = bytes.fromhex("800165 810105 830107")
        data = wrap(0x30, frame, wrap(0x30, encode("EuiccResultData", (name, code))))
        return wrap(0xBF51, wrap(0xA0, data, SIGNATURE))

    return answer


def installation(code: int) -> bytes:
    metadata = {
        "seqNumber": 1,
        "profileManagementOperation": (b"\x80", 1),
        "notificationAddress": "dp.x",
        "iccid": iccid_octets(ICCID),
    }
    data = {
        "transactionId": b"\x01",
        "notificationMetadata": metadata,
        "smdpOid": "2.999.1",
        "finalResult": ("errorResult", {"bppCommandId": 2, "errorReason": code}),
    }
    return wrap(0xBF37, encode("ProfileInstallationResultData", data), SIGNATURE)


def coded(type_name: str, member: str, **others: int) -> tuple[tuple[str, str], Callable[[int], bytes]]:
    """A response that is a SEQUENCE with a code in it."""
    return (type_name, member), lambda code: encode(type_name, {**others, member: code})


def arm(type_name: str, name: str, where: tuple[str, str] | None = None) -> Any:
    """A response that is a CHOICE with a code for an arm."""
    return where or (type_name, name), lambda code: encode(type_name, (name, code))


def nested(type_name: str, name: str, member: str, code_type: str) -> Any:
    """A response whose error arm has a transactionId and a code."""
    return (code_type, ""), lambda code: encode(type_name, (name, {"transactionId": b"\1", member: code}))


def result(name: str, type_name: str) -> Any:
    """A code in a package's result."""
    return (type_name, ""), result_of_package(name)


def authenticate(isdr: Isdr) -> object:
    return es10b.authenticate_server(
        isdr, SIGNED, SIGNATURE, b"\x04\x01\x01", CERTIFICATE, wrap(0xA0, b"\xa1\x00")
    )


def reset(isdr: Isdr) -> object:
    return es10b.memory_reset(isdr, ["resetEimConfigData"]).profiles


CASES: list[tuple[tuple[tuple[str, str], Callable[[Any], bytes]], Found]] = [
    (
        coded("SetDefaultDpAddressResponse", "setDefaultDpAddressResult"),
        lambda i: es10a.set_default_dp_address(i, "x"),
    ),
    (
        coded("sgp22:SetDefaultDpAddressResponse", "setDefaultDpAddressResult"),
        lambda i: es10a.set_default_dp_address(i, "x", consumer=True),
    ),
    (arm("AddInitialEimResponse", "addInitialEimError"), lambda i: es10b.add_initial_eim(i, [])),
    (
        nested(
            "AuthenticateServerResponse",
            "authenticateResponseError",
            "authenticateErrorCode",
            "AuthenticateErrorCode",
        ),
        authenticate,
    ),
    (
        nested("PrepareDownloadResponse", "downloadResponseError", "downloadErrorCode", "DownloadErrorCode"),
        lambda i: es10b.prepare_download(i, SIGNED, SIGNATURE, CERTIFICATE),
    ),
    (
        arm(
            "CancelSessionResponse",
            "cancelSessionResponseError",
            ("CancelSessionResponseChoice", "cancelSessionResponseError"),
        ),
        lambda i: es10b.cancel_session(i, b"\x01", "postponed"),
    ),
    ((("ErrorReason", ""), installation), of_installation),
    (
        coded("ConfigureImmediateProfileEnablingResponse", "configImmediateEnableResult"),
        lambda i: es10b.configure_immediate_enabling(i, True),
    ),
    (
        arm(
            "GetConnectivityParametersResponse",
            "connectivityParametersError",
            ("ConnectivityParametersError", ""),
        ),
        of_parameters,
    ),
    (
        coded("DisableEmergencyProfileResponse", "disableEmergencyProfileResult"),
        es10b.disable_emergency_profile,
    ),
    (coded("EnableEmergencyProfileResponse", "enableEmergencyProfileResult"), es10b.enable_emergency_profile),
    (coded("EuiccMemoryResetResponse", "resetResult"), reset),
    (
        coded("EuiccMemoryResetResponse", "resetEimResult", resetResult=0),
        lambda i: es10b.memory_reset(i, ["resetEimConfigData"]).eims,
    ),
    (
        coded("EuiccMemoryResetResponse", "resetImmediateEnableConfigResult", resetResult=1),
        lambda i: es10b.memory_reset(i, ["resetImmediateEnableConfig"]).immediate_enable,
    ),
    (
        coded("sgp22:EuiccMemoryResetResponse", "resetResult"),
        lambda i: es10b.memory_reset(i, ["deleteOperationalProfiles"], consumer=True).profiles,
    ),
    (coded("ExecuteFallbackMechanismResponse", "executeFallbackMechanismResult"), es10b.execute_fallback),
    (coded("ReturnFromFallbackResponse", "returnFromFallbackResult"), es10b.return_from_fallback),
    (coded("ImmediateEnableResponse", "immediateEnableResult"), es10b.immediate_enable),
    (coded("ProfileRollbackResponse", "cmdResult"), es10b.profile_rollback),
    (arm("GetCertsResponse", "getCertsError"), es10b.certs),
    (arm("ListNotificationResponse", "listNotificationsResultError"), es10b.list_notifications),
    (arm("RetrieveNotificationsListResponse", "notificationsListResultError"), es10b.notifications),
    (arm("sgp22:RetrieveNotificationsListResponse", "notificationsListResultError"), es10b.notifications),
    (coded("NotificationSentResponse", "deleteNotificationStatus"), of_removal),
    (
        arm("ProfileInfoListResponse", "profileInfoListError", ("ProfileInfoListError", "")),
        lambda i: es10c.profiles(i, tags=None),
    ),
    (coded("EnableProfileResponse", "enableResult"), lambda i: es10c.enable_profile(i, ICCID)),
    (coded("DisableProfileResponse", "disableResult"), lambda i: es10c.disable_profile(i, ICCID)),
    (coded("DeleteProfileResponse", "deleteResult"), lambda i: es10c.delete_profile(i, ICCID)),
    (coded("SetNicknameResponse", "setNicknameResult"), lambda i: es10c.set_nickname(i, ICCID, "x")),
    ((("EuiccPackageErrorCode", ""), error_of_package), of_package),
    (result("enableResult", "EnableProfileResult"), of_package),
    (result("disableResult", "DisableProfileResult"), of_package),
    (result("deleteResult", "DeleteProfileResult"), of_package),
    (result("configureImmediateEnableResult", "ConfigureImmediateEnableResult"), of_package),
    (result("deleteEimResult", "DeleteEimResult"), of_package),
    (result("updateEimResult", "UpdateEimResult"), of_package),
    (result("rollbackResult", "RollbackProfileResult"), of_package),
    (result("setFallbackAttributeResult", "SetFallbackAttributeResult"), of_package),
    (result("unsetFallbackAttributeResult", "UnsetFallbackAttributeResult"), of_package),
    ((("EuiccResultData", "processingTerminated"), result_of_package("processingTerminated")), of_package),
    (
        (
            ("AddEimResult", "addEimResultCode"),
            lambda c: result_of_package("addEimResult")(("addEimResultCode", c)),
        ),
        of_package,
    ),
    (
        (
            ("ListEimResult", "listEimError"),
            lambda c: result_of_package("listEimResult")(("listEimError", c)),
        ),
        of_package,
    ),
]

RESULTS = {"EuiccPackageResult", "ProfileInstallationResult"}
"""What ES10b answers with that is not called a response."""
NOT_ES10 = {
    "TransferEimPackageResponse",
    "ProvideEimPackageResultResponse",
    "GetEimPackageResponse",
    "IpaEuiccDataResponse",
    "GetBoundProfilePackageResponse",
    "InitiateAuthenticationResponse",
    "RemoteProfileProvisioningResponse",
    "LoadCRLResponse",
    "IpaeActivationResponse",
    "LpaeActivationResponse",
}
"""Of ESipa and ES9+; the last three are of functions that SGP.32 does not have for an IPAd."""
NO_ERRORS = {
    "ProfileClass",
    "ProfileState",
    "IconType",
    "EimIdType",
    "IpaMode",
    "BppCommandId",
    "CancelSessionReason",
    "RemoteOpId",
    "EUICCInfo2",
}
"""Numbers with names that are no outcomes."""


def roots() -> Iterator[str]:
    """The types of all that a card answers with."""
    for prefix, module in PREFIXES.items():
        for name in MODULES[module]:
            peers = name.endswith(("Esipa", "Es9", "Es11")) or name in NOT_ES10
            if name in RESULTS or (name.endswith("Response") and not peers):
                plain = not prefix or json.loads(MODULES[module][name]) == lookup(name, PREFIXES[""])[0]
                yield name if plain else f"{prefix}:{name}"


def numbers(root: str) -> dict[tuple[str, str], dict[str, int]]:
    """The named numbers in a type and in all that it is made of: (type, member) -> the names."""
    found: dict[tuple[str, str], dict[str, int]] = {}
    seen: set[str] = set()

    def named(type_name: str, module: str) -> None:
        if type_name not in seen:
            seen.add(type_name)
            try:
                descriptor, module = lookup(type_name, module)
            except KeyError:
                return  # not a type of its own: BOOLEAN, OCTET STRING
            walk(type_name, "", descriptor, module)

    def walk(owner: str, member: str, descriptor: dict[str, Any], module: str) -> None:
        if "named-numbers" in descriptor:
            found[owner, member] = descriptor["named-numbers"]
        for inner in descriptor.get("members", ()):
            if inner is not None:
                walk(owner, inner["name"], inner, module)
        if "element" in descriptor:
            walk(owner, member, descriptor["element"], module)
        named(descriptor["type"], module)

    prefix, _, plain = root.rpartition(":")
    descriptor, module = lookup(plain, PREFIXES[prefix])
    walk(root, "", descriptor, module)
    return {where: names for where, names in found.items() if where[0] not in NO_ERRORS}


ALL = {where: names for root in roots() for where, names in numbers(root).items()}
BY_PLACE = {where: (answer, call) for (where, answer), call in CASES}
ERRORS = [
    pytest.param(where, name, code, id=f"{where[0]}-{name}")
    for where, names in ALL.items()
    for name, code in names.items()
    if name != "ok"
]


def test_every_named_error_of_the_schema_has_a_case_here() -> None:
    assert {"EnableProfileResponse", "sgp22:EuiccMemoryResetResponse", "GetCertsResponse"} <= set(roots())
    assert set(BY_PLACE) == set(ALL)


@pytest.mark.parametrize(("where", "name", "code"), ERRORS)
def test_it_reaches_the_caller_as_itself(where: tuple[str, str], name: str, code: int) -> None:
    answer, call = BY_PLACE[where]
    found, refused = outcome(call, answer(code))
    assert found == name
    assert refused is None or (refused.code, refused.advice) == (code, ADVICE[name])


def outcome(call: Found, answer: bytes) -> tuple[object, EuiccRefused | None]:
    """The name that the caller gets to know, and the refusal if it is one."""
    isdr = isdr_on(ScriptedCard([answer] * CAT_BUSY_TRIES))
    try:
        return call(isdr), None
    except EuiccRefused as refused:
        return refused.name, refused


def test_advice_is_for_names_that_there_are() -> None:
    assert set(ADVICE) == {name for names in ALL.values() for name in names} - {"ok", "lastEimDeleted"}


@pytest.mark.parametrize(
    "where",
    [
        ("AuthenticateErrorCode", ""),
        ("DownloadErrorCode", ""),
        ("CancelSessionResponseChoice", "cancelSessionResponseError"),
    ],
)
def test_what_a_server_is_to_see_comes_with_the_error(where: tuple[str, str]) -> None:
    answer, call = BY_PLACE[where]
    with pytest.raises(EuiccRefused) as caught:
        call(isdr_on(ScriptedCard([answer(127)])))
    assert caught.value.answer == answer(127)


@pytest.mark.parametrize(
    "call",
    [call for (where, _), call in CASES if "catBusy" in ALL[where] and call is not of_package],
)
def test_cat_busy_is_waited_out_wherever_it_is_named(call: Found) -> None:
    [where] = [w for (w, _), c in CASES if c is call]
    busy, done = (BY_PLACE[where][0](code) for code in (5, 0))
    waited: list[float] = []
    isdr = isdr_on(ScriptedCard([busy, busy, done]), waited.append)
    call(isdr)
    assert waited == [isdr.waits.cat_busy] * 2
