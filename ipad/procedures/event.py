"""Event retrieval (SGP.22 3.6.2): asking an SM-DS which SM-DP+ has a profile for this card."""

from contextlib import closing

from ipad.errors import IpadError
from ipad.euicc import es10a
from ipad.procedures import authentication
from ipad.procedures.gateway import Gateway
from ipad.rsp.activation_code import ActivationCode


def run(gateway: Gateway, address: str | None) -> ActivationCode:
    """The first event that waits for this card, as where to download from.

    address: the SM-DS's; None: the one that the card names. Raises IpadError if there is no event, and what
    authentication raises. Later events wait at the SM-DS until they are asked for.
    """
    smds = address or es10a.configured_addresses(gateway.isdr).root_smds
    with closing(gateway.servers.es11(smds)) as client:
        server = authentication.initiate(gateway, smds, "", client.initiate_authentication)
        response = authentication.authenticate(gateway, server, "", client.authenticate_client)
        events = client.authenticate_client(server.transaction_id, response)
    if not events:
        raise IpadError(f"nothing waits for this card at the SM-DS {smds}")
    first, *others = events
    more = f"; {len(others)} more wait there" if others else ""
    gateway.note("download", f"the SM-DS {smds} names {first.rsp_server_address}{more}")
    return ActivationCode(first.rsp_server_address, first.event_id)
