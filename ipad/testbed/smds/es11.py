"""ES11's JSON binding (SGP.22 6.5.2): a request to the SM-DS's functions, their answers to JSON."""

from collections.abc import Callable, Mapping
from typing import Any

from ipad.testbed import rsp_json
from ipad.testbed.rsp_json import needed, succeeded, transaction_id
from ipad.testbed.rsp_server import Answer
from ipad.testbed.smdp import Initiated, SmdpRefused, es9

from .core import Smds

PREFIXES = {"es11": "/gsma/rsp2/es11/", "es9plus": es9.PREFIX}
"""ES11 is told to be served under the one; servers are known to know only the other."""
NAMES = {"initiateAuthentication": "InitiateAuthentication", "authenticateClient": "AuthenticateClient"}


def functions(paths: str) -> dict[str, str]:
    """Names by path, with one of the PREFIXES or "both"."""
    prefixes = PREFIXES.values() if paths == "both" else [PREFIXES[paths]]
    return {prefix + path: name for prefix in prefixes for path, name in NAMES.items()}


def call(
    smds: Smds, forged: Callable[[Initiated], Initiated], function: str, request: Mapping[str, Any]
) -> Answer:
    """One request. forged: may change an answer on its way out. DecodeError: it cannot be read."""
    try:
        if function == "InitiateAuthentication":
            member = "smdsAddress" if "smdsAddress" in request else "smdpAddress"
            message = es9.initiated(forged(es9.initiate(smds, request, member)))
        else:
            transaction = transaction_id(request)
            events = smds.authenticate_client(transaction, needed(request, "authenticateServerResponse"))
            entries = [{"eventId": e.event_id, "rspServerAddress": e.rsp_server_address} for e in events]
            message = succeeded(transactionId=transaction.hex().upper(), eventEntries=entries)
    except SmdpRefused as refused:
        codes = {"subject": refused.subject, "reason": refused.reason}
        message = rsp_json.failed(refused.subject, refused.reason, refused.name)
        return Answer(message, {"answer": refused.name, **codes})
    return Answer(message, {"answer": "ok", "transactionId": message["transactionId"]})
