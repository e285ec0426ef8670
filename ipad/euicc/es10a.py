"""ES10a (SGP.22 5.7.3, 5.7.4): where profiles come from when nobody says so."""

from ipad import asn1
from ipad.euicc.isdr import Isdr
from ipad.euicc.model import Addresses
from ipad.euicc.refusal import refuse


def configured_addresses(isdr: Isdr) -> Addresses:
    """GetEuiccConfiguredAddresses (BF3C)."""
    request = asn1.encode("EuiccConfiguredAddressesRequest", {})
    answer = isdr.store_data("GetEuiccConfiguredAddresses", request)
    value = asn1.decode("EuiccConfiguredAddressesResponse", answer)
    return Addresses(value.get("defaultDpAddress"), value["rootDsAddress"])


def set_default_dp_address(isdr: Isdr, address: str) -> None:
    """SetDefaultDpAddress (BF65 in SGP.32). "" removes it. Raises EuiccRefused."""
    request = asn1.encode("SetDefaultDpAddressRequest", {"defaultDpAddress": address})
    answer = isdr.store_data("SetDefaultDpAddress", request)
    code = asn1.decode("SetDefaultDpAddressResponse", answer)["setDefaultDpAddressResult"]
    if code != 0:
        refuse("SetDefaultDpAddress", code, "SetDefaultDpAddressResponse", "setDefaultDpAddressResult")
