"""ES10a (SGP.22 5.7.3, 5.7.4; SGP.32 5.9.25): where profiles come from when nobody says so."""

from ipad import asn1
from ipad.euicc.isdr import Isdr
from ipad.euicc.model import Addresses
from ipad.euicc.refusal import answers, run


@answers("GetEuiccConfiguredAddresses")
def configured_addresses(isdr: Isdr) -> Addresses:
    """GetEuiccConfiguredAddresses (BF3C)."""
    request = asn1.encode("EuiccConfiguredAddressesRequest", {})
    answer = isdr.store_data("GetEuiccConfiguredAddresses", request)
    value = asn1.decode("EuiccConfiguredAddressesResponse", answer)
    return Addresses(value.get("defaultDpAddress"), value["rootDsAddress"])


@answers("SetDefaultDpAddress")
def set_default_dp_address(isdr: Isdr, address: str, *, consumer: bool = False) -> None:
    """SetDefaultDpAddress (BF65; BF3F on a consumer card). "" removes it. Raises EuiccRefused."""
    function = "SetDefaultDpAddress"
    types = f"sgp22:{function}" if consumer else function
    run(isdr, function, {"defaultDpAddress": address}, "setDefaultDpAddressResult", types=types)
