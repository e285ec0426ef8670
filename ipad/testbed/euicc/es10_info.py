"""What the card tells of itself: EID, EUICCInfo, certificates, rules, addresses (SGP.22 5.7, SGP.32 5.9)."""

import secrets

from ipad.asn1 import DecodeError, decode, encode, value, wrap

from .isdr import Function, Isdr

SVN = bytes((2, 5, 0))
_IOT_VERSION = bytes((1, 2, 0))

_UICC_CAPABILITY = (b"\x68", 5)
"""usimSupport(1), isimSupport(2), akaMilenage(4) (SGP.22 annex H)."""
_RSP_CAPABILITY = (b"\x80", 1)
"""additionalProfile(0)."""


def get_eid(isdr: Isdr, command: bytes) -> bytes:
    """GetEID (SGP.22 5.7.20)."""
    if decode("GetEuiccDataRequest", command)["tagList"] != b"\x5a":
        raise DecodeError("GetEuiccData for something else than the EID")
    return encode("GetEuiccDataResponse", {"eidValue": bytes.fromhex(isdr.state.eid)})


def get_euicc_info1(isdr: Isdr, command: bytes) -> bytes:
    """GetEUICCInfo1 (SGP.22 5.7.8)."""
    decode("GetEuiccInfo1Request", command)
    ci = [isdr.keys.ci_key_id]
    info = {"svn": SVN, "euiccCiPKIdListForVerification": ci, "euiccCiPKIdListForSigning": ci}
    return encode("EUICCInfo1", info)


def get_euicc_info2(isdr: Isdr, command: bytes) -> bytes:
    """GetEUICCInfo2 (SGP.32 5.9.2): with iotSpecificInfo, which a consumer card does not have."""
    decode("GetEuiccInfo2Request", command)
    return encode("EUICCInfo2", euicc_info2(isdr))


def euicc_info2(isdr: Isdr) -> dict[str, object]:
    """EUICCInfo2 as a value."""
    ci = [isdr.keys.ci_key_id]
    installed = len(isdr.state.profiles).to_bytes(1)
    resources = (
        wrap(0x81, installed),
        wrap(0x82, isdr.state.free_memory().to_bytes(4)),
        wrap(0x83, b"\x40\x00"),
    )
    iot: dict[str, object] = {"iotVersion": [_IOT_VERSION], "fallbackSupported": None}
    if any(profile.ecall for profile in isdr.state.profiles):
        iot["ecallSupported"] = None
    return {
        "profileVersion": bytes((2, 3, 1)),
        "svn": SVN,
        "euiccFirmwareVer": bytes((1, 0, 0)),
        "extCardResource": b"".join(resources),
        "uiccCapability": _UICC_CAPABILITY,
        "ts102241Version": bytes((15, 2, 0)),
        "globalplatformVersion": bytes((2, 3, 0)),
        "rspCapability": _RSP_CAPABILITY,
        "euiccCiPKIdListForVerification": ci,
        "euiccCiPKIdListForSigning": ci,
        "euiccCategory": 1,
        "ppVersion": bytes((1, 0, 0)),
        "sasAcreditationNumber": "TESTBED",
        **({"ipaMode": 0, "iotSpecificInfo": iot} if isdr.state.kind == "iot" else {}),
    }


def get_certs(isdr: Isdr, command: bytes) -> bytes:
    """GetCerts: implicitly tagged, so the members of each certificate stand under its tag."""
    wanted = decode("GetCertsRequest", command).get("euiccCiPKId")
    keys = isdr.keys
    if wanted not in (None, keys.ci_key_id):
        return wrap(0xBF56, wrap(0x81, b"\x01"))  # invalidCiPKId
    eum, euicc = wrap(0xA5, value(keys.eum_certificate)), wrap(0xA6, value(keys.euicc_certificate))
    return wrap(0xBF56, wrap(0xA0, eum, euicc))


def rules_authorisation_table() -> list[dict[str, object]]:
    """One rule: any operator may set PPR1 and PPR2, without asking an end user (SGP.22 2.9.2)."""
    any_operator = {"mccMnc": bytes.fromhex("EEEEEE")}
    return [{"pprIds": (b"\x60", 3), "allowedOperators": [any_operator], "pprFlags": (b"", 0)}]


def get_rat(_isdr: Isdr, command: bytes) -> bytes:
    """GetRAT (SGP.22 5.7.22)."""
    decode("GetRatRequest", command)
    return encode("GetRatResponse", {"rat": rules_authorisation_table()})


def get_addresses(isdr: Isdr, command: bytes) -> bytes:
    """GetEuiccConfiguredAddresses (SGP.22 5.7.3)."""
    decode("EuiccConfiguredAddressesRequest", command)
    addresses = {"rootDsAddress": isdr.state.root_ds_address}
    if isdr.state.default_dp_address:
        addresses["defaultDpAddress"] = isdr.state.default_dp_address
    return encode("EuiccConfiguredAddressesResponse", addresses)


def get_connectivity_parameters(isdr: Isdr, command: bytes) -> bytes:
    """GetConnectivityParameters (SGP.32 5.9.24): those of the enabled profile."""
    decode("GetConnectivityParametersRequest", command)
    enabled = isdr.state.enabled()
    if enabled is None or not enabled.http_params:
        return encode("GetConnectivityParametersResponse", ("connectivityParametersError", 1))
    parameters = {"httpParams": bytes.fromhex(enabled.http_params)}
    return encode("GetConnectivityParametersResponse", ("connectivityParameters", parameters))


def set_default_dp_address(isdr: Isdr, command: bytes) -> bytes:
    """SetDefaultDpAddress; an empty one removes it. Also a PSMO."""
    isdr.state.default_dp_address = decode("SetDefaultDpAddressRequest", command)["defaultDpAddress"]
    return encode("SetDefaultDpAddressResponse", {"setDefaultDpAddressResult": 0})


def get_challenge(isdr: Isdr, command: bytes) -> bytes:
    """GetEUICCChallenge (SGP.22 5.7.7)."""
    decode("GetEuiccChallengeRequest", command)
    isdr.challenge = secrets.token_bytes(16)
    return encode("GetEuiccChallengeResponse", {"euiccChallenge": isdr.challenge})


FUNCTIONS: dict[int, Function] = {
    0xBF3E: get_eid,
    0xBF20: get_euicc_info1,
    0xBF22: get_euicc_info2,
    0xBF56: get_certs,
    0xBF43: get_rat,
    0xBF3C: get_addresses,
    0xBF65: set_default_dp_address,
    0xBF2E: get_challenge,
    0xBF5F: get_connectivity_parameters,
}
