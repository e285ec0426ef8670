"""An SM-DP+ at the other end of HTTPS, with the functions that `core.Smdp` has: how an eIM relays to one."""

import http.client
import json
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ipad.errors import ConfigError, DecodeError
from ipad.testbed import rsp_json
from ipad.testbed.rsp_json import base64_of, needed

from . import refusal
from .core import Authenticated
from .es9 import PREFIX
from .mutual import Initiated
from .refusal import UNDEFINED_ERROR, SmdpRefused

TIMEOUT = 30.0
"""Seconds for one read or write."""
ANSWER_LIMIT = 8 * 1024 * 1024
HEADERS = {
    "Content-Type": "application/json",
    "User-Agent": "gsma-rsp-lpad",
    "X-Admin-Protocol": "gsma/rsp/v2.5.0",
}
CI_PK_ID_OCTETS = 20
_INACCESSIBLE = ("8.8", "5.1")
"""Subject and reason of a server that gives no answer, or none that can be read."""


class RemoteSmdp:
    """The SM-DP+ at `url`, https://HOST:PORT, trusted by the CI's certificate. May be called from any thread.

    address: as it signs itself, where that is another than in the URL. A connection for each request.
    ConfigError: not such an address, no such certificate.
    """

    def __init__(self, url: str, ci: Path, address: str | None = None) -> None:
        parts = urlsplit(url)
        if parts.scheme != "https" or not parts.hostname or parts.path.strip("/"):
            raise ConfigError(f"not an address as https://localhost:4435: {url!r}")
        self.address = address or parts.netloc
        self._host, self._port = parts.hostname, parts.port or 443
        try:
            self._context = ssl.create_default_context(cafile=str(ci))
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f"{ci}: not usable for TLS: {error}") from error

    def initiate_authentication(self, challenge: bytes, address: str, info1: bytes) -> Initiated:
        transaction_id, signed1, signature1, ci_pk_id, certificate = self._call(
            "InitiateAuthentication",
            {"smdpAddress": address, "euiccChallenge": base64_of(challenge), "euiccInfo1": base64_of(info1)},
            "transactionId",
            "serverSigned1",
            "serverSignature1",
            "euiccCiPKIdToBeUsed",
            "serverCertificate",
        )
        return Initiated(transaction_id, signed1, signature1, ci_pk_id[-CI_PK_ID_OCTETS:], certificate)

    def authenticate_client(self, transaction_id: bytes, response: bytes) -> Authenticated:
        return Authenticated(
            *self._call(
                "AuthenticateClient",
                {"transactionId": _hex(transaction_id), "authenticateServerResponse": base64_of(response)},
                "transactionId",
                "profileMetadata",
                "smdpSigned2",
                "smdpSignature2",
                "smdpCertificate",
            )
        )

    def get_bound_profile_package(self, transaction_id: bytes, response: bytes) -> bytes:
        request = {"transactionId": _hex(transaction_id), "prepareDownloadResponse": base64_of(response)}
        (package,) = self._call("GetBoundProfilePackage", request, "boundProfilePackage")
        return package

    def cancel_session(self, transaction_id: bytes, response: bytes) -> None:
        request = {"transactionId": _hex(transaction_id), "cancelSessionResponse": base64_of(response)}
        self._call("CancelSession", request)

    def handle_notification(self, pending: bytes) -> None:
        self._call("HandleNotification", {"pendingNotification": base64_of(pending)})

    def _call(self, function: str, request: Mapping[str, Any], *members: str) -> list[bytes]:
        """These members of a function that was executed. SmdpRefused: it was not, or nobody knows."""
        try:
            status, octets = self._exchange(function, json.dumps(request).encode())
            if status == 204 and not members:
                return []
            answer = json.loads(octets) if status == 200 else {}
            told = answer["header"]["functionExecutionStatus"]
            if told["status"] == "Executed-Success":
                return [_member(answer, name) for name in members]
            codes = told["statusCodeData"]
            subject, reason = str(codes["subjectCode"]), str(codes["reasonCode"])
        except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError, DecodeError) as error:
            raise SmdpRefused(function, UNDEFINED_ERROR, *_INACCESSIBLE) from error
        raise SmdpRefused(function, refusal.name_of(function, subject, reason), subject, reason)

    def _exchange(self, function: str, body: bytes) -> tuple[int, bytes]:
        connection = http.client.HTTPSConnection(
            self._host, self._port, timeout=TIMEOUT, context=self._context
        )
        try:
            connection.request("POST", PREFIX + function[:1].lower() + function[1:], body, HEADERS)
            response = connection.getresponse()
            octets = response.read(ANSWER_LIMIT + 1)
            if len(octets) > ANSWER_LIMIT:
                raise ValueError(f"more than {ANSWER_LIMIT} octets")
            return response.status, octets
        finally:
            connection.close()


def _member(answer: Mapping[str, Any], name: str) -> bytes:
    return rsp_json.transaction_id(answer) if name == "transactionId" else needed(answer, name)


def _hex(octets: bytes) -> str:
    return octets.hex().upper()
