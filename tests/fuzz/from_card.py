"""What the card says: the answer to each function of ES10."""

from collections.abc import Callable
from functools import cache

from ipad.euicc import es10a, es10b, es10c
from ipad.euicc.isdr import Isdr
from ipad.waits import Waits
from modem.uicc import Reply
from tests.fuzz.samples import vectors
from tests.fuzz.target import Target

ICCID = "8900101000000000019"
_SIGNATURE, _KEY_ID = bytes.fromhex("5F3700"), bytes.fromhex("0400")
_BPP = vectors("sgp22:BoundProfilePackage")[0]


class SaysTheSame:
    """A card that answers every STORE DATA chain with the same octets."""

    block = 255
    fci = b""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer

    def open(self, _aid: bytes) -> "SaysTheSame":
        return self

    def transmit(self, apdu: bytes) -> Reply:
        return Reply(self._answer if apdu[2] == 0x91 else b"", 0x9000)

    def close(self) -> None:
        pass


def _target(name: str, type_name: str, call: Callable[[Isdr], object]) -> Target:
    return Target(name, vectors(type_name), lambda answer: call(isdr_that_says(answer)))


def isdr_that_says(answer: bytes) -> Isdr:
    return Isdr(SaysTheSame(answer), Waits(), sleep=lambda _: None)


@cache
def targets() -> tuple[Target, ...]:
    signed = bytes.fromhex("3000")
    return (
        _target(
            "GetEuiccConfiguredAddresses",
            "sgp22:EuiccConfiguredAddressesResponse",
            es10a.configured_addresses,
        ),
        _target(
            "SetDefaultDpAddress",
            "SetDefaultDpAddressResponse",
            lambda i: es10a.set_default_dp_address(i, "x"),
        ),
        _target("GetEUICCChallenge", "sgp22:GetEuiccChallengeResponse", es10b.challenge),
        _target("GetEUICCInfo1", "sgp22:EUICCInfo1", es10b.info1),
        _target("GetEUICCInfo2", "EUICCInfo2", es10b.info2),
        _target("GetCerts", "GetCertsResponse", es10b.certs),
        _target("GetRAT", "sgp22:GetRatResponse", es10b.get_rat),
        _target("GetEID", "sgp22:GetEuiccDataResponse", es10c.eid),
        _target("GetProfilesInfo", "ProfileInfoListResponse", es10c.profiles),
        _target("ListNotification", "sgp22:ListNotificationResponse", es10b.list_notifications),
        _target("RetrieveNotificationsList", "RetrieveNotificationsListResponse", es10b.notifications),
        _target("RetrieveNotificationsList", "RetrieveNotificationsListResponse", es10b.package_results),
        _target(
            "RemoveNotificationFromList",
            "sgp22:NotificationSentResponse",
            lambda i: es10b.remove_notification(i, 1),
        ),
        _target("AddInitialEim", "AddInitialEimResponse", lambda i: es10b.add_initial_eim(i, [signed])),
        _target("GetEimConfigurationData", "GetEimConfigurationDataResponse", es10b.eim_configurations),
        _target("LoadEuiccPackage", "EuiccPackageResult", lambda i: es10b.load_euicc_package(i, signed)),
        _target(
            "ConfigureImmediateProfileEnabling",
            "ConfigureImmediateProfileEnablingResponse",
            lambda i: es10b.configure_immediate_enabling(i, True),
        ),
        _target("ProfileRollback", "ProfileRollbackResponse", es10b.profile_rollback),
        _target("ExecuteFallbackMechanism", "ExecuteFallbackMechanismResponse", es10b.execute_fallback),
        _target("ImmediateEnable", "ImmediateEnableResponse", es10b.immediate_enable),
        _target("EnableEmergencyProfile", "EnableEmergencyProfileResponse", es10b.enable_emergency_profile),
        _target(
            "DisableEmergencyProfile", "DisableEmergencyProfileResponse", es10b.disable_emergency_profile
        ),
        _target(
            "GetConnectivityParameters", "GetConnectivityParametersResponse", es10b.connectivity_parameters
        ),
        _target(
            "EuiccMemoryReset",
            "EuiccMemoryResetResponse",
            lambda i: es10b.memory_reset(i, ["resetEimConfigData"]),
        ),
        _target(
            "AuthenticateServer",
            "AuthenticateServerResponse",
            lambda i: es10b.authenticate_server(i, signed, _SIGNATURE, _KEY_ID, signed, b"\xa0\x00"),
        ),
        _target(
            "PrepareDownload",
            "PrepareDownloadResponse",
            lambda i: es10b.prepare_download(i, signed, _SIGNATURE, signed),
        ),
        _target(
            "LoadBoundProfilePackage",
            "ProfileInstallationResult",
            lambda i: es10b.load_bound_profile_package(i, _BPP),
        ),
        _target(
            "CancelSession", "CancelSessionResponse", lambda i: es10b.cancel_session(i, bytes(8), "postponed")
        ),
        _target("EnableProfile", "sgp22:EnableProfileResponse", lambda i: es10c.enable_profile(i, ICCID)),
        _target("DisableProfile", "sgp22:DisableProfileResponse", lambda i: es10c.disable_profile(i, ICCID)),
        _target("DeleteProfile", "sgp22:DeleteProfileResponse", lambda i: es10c.delete_profile(i, ICCID)),
        _target("SetNickname", "sgp22:SetNicknameResponse", lambda i: es10c.set_nickname(i, ICCID, "x")),
        _target("ReturnFromFallback", "ReturnFromFallbackResponse", es10b.return_from_fallback),
    )
