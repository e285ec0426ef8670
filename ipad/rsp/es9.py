"""ES9+, the SM-DP+ as the agent sees it (SGP.22 5.6)."""

from ipad import server_answers
from ipad.errors import DecodeError
from ipad.net import gsma_json
from ipad.net.gsma_json import Answer, base64
from ipad.net.http import Uplink
from ipad.rsp.connection import Connection
from ipad.rsp.settings import RspSettings
from ipad.server_answers import AuthenticateClientOkDp, InitiateAuthenticationOk
from ipad.waits import Waits

PATH = "/gsma/rsp2/es9plus/"

_SIGNATURE, _KEY_ID = (0x5F37, 64), (0x04, 20)
"""Tag, and length of a value that some servers send without it."""


class Es9:
    """One SM-DP+. Each function raises Unreachable (also Throttled), Untrusted, PeerRefused, DecodeError.

    Close it after a switch: a connection over the profile before would only run into its deadline.
    """

    def __init__(self, address: str, waits: Waits, uplink: Uplink, settings: RspSettings) -> None:
        """address: `host` or `host:port`; DecodeError if it is neither. uplink: the agent's one."""
        self._connection = Connection("ES9+", address, waits, uplink, settings)
        self._limit = settings.limit

    @property
    def address(self) -> str:
        """As given: what serverSigned1.serverAddress is compared with."""
        return self._connection.address

    def initiate_authentication(self, euicc_challenge: bytes, euicc_info1: bytes) -> InitiateAuthenticationOk:
        """InitiateAuthentication (SGP.22 5.6.1). euicc_challenge: 16 octets. euicc_info1: BF20…"""
        return initiate_authentication(self._connection, PATH, euicc_challenge, euicc_info1)

    def authenticate_client(
        self, transaction_id: bytes, authenticate_server_response: bytes
    ) -> AuthenticateClientOkDp:
        """AuthenticateClient (SGP.22 5.6.3) with the card's AuthenticateServerResponse (BF38…).

        The answer's metadata is there, always.
        """
        function = "AuthenticateClient"
        answer = authenticate_client(self._connection, PATH, transaction_id, authenticate_server_response)
        try:
            # SGP.22's ASN.1 says profileMetaData, its JSON profileMetadata.
            name = "profileMetadata" if answer.has("profileMetadata") else "profileMetaData"
            found = server_answers.authenticate_client_ok_dp(
                answer.transaction(),
                answer.element(name),
                answer.element("smdpSigned2"),
                answer.element("smdpSignature2", raw=_SIGNATURE),
                answer.element("smdpCertificate"),
            )
        except DecodeError as problem:
            raise self._connection.malformed(function, problem) from None
        self._connection.same_transaction(function, transaction_id, found.transaction_id)
        return found

    def get_bound_profile_package(self, transaction_id: bytes, prepare_download_response: bytes) -> bytes:
        """GetBoundProfilePackage (SGP.22 5.6.2) with the card's PrepareDownloadResponse (BF21…).

        Returns the BoundProfilePackage (BF36…) as it came, for LoadBoundProfilePackage.
        """
        function = "GetBoundProfilePackage"
        members = {
            "transactionId": gsma_json.transaction(transaction_id),
            "prepareDownloadResponse": base64(prepare_download_response),
        }
        answer = self._connection.answered(function, PATH, members)
        try:
            found = server_answers.get_bound_profile_package_ok(
                answer.transaction(), answer.element("boundProfilePackage")
            )
        except DecodeError as problem:
            raise self._connection.malformed(function, problem) from None
        self._connection.same_transaction(function, transaction_id, found.transaction_id)
        octets = len(found.bound_profile_package)
        if octets > self._limit:
            raise self._connection.malformed(
                function, f"has a package of {octets} octets; at most {self._limit} are taken ([rsp] limit)"
            )
        return found.bound_profile_package

    def handle_notification(self, pending_notification: bytes) -> None:
        """HandleNotification (SGP.22 5.6.4) with one PendingNotification as the card signed it.

        Returns once the SM-DP+ has taken it: HTTP 204, or 200 with nothing in it that says otherwise.
        """
        members = {"pendingNotification": base64(pending_notification)}
        self._connection.ask("HandleNotification", PATH, members)

    def cancel_session(self, transaction_id: bytes, cancel_session_response: bytes) -> None:
        """CancelSession (SGP.22 5.6.5) with the card's CancelSessionResponse (BF41…)."""
        members = {
            "transactionId": gsma_json.transaction(transaction_id),
            "cancelSessionResponse": base64(cancel_session_response),
        }
        self._connection.ask("CancelSession", PATH, members)

    def close(self) -> None:
        """Drops the connection. The next function makes a new one; its TLS session may be resumed."""
        self._connection.close()


def initiate_authentication(
    connection: Connection, path: str, euicc_challenge: bytes, euicc_info1: bytes
) -> InitiateAuthenticationOk:
    """InitiateAuthentication of either server (SGP.22 5.6.1, 5.8.1): both have the one form."""
    function = "InitiateAuthentication"
    members = {
        "euiccChallenge": base64(euicc_challenge),
        "euiccInfo1": base64(euicc_info1),
        "smdpAddress": connection.address,
    }
    answer = connection.answered(function, path, members)
    try:
        return server_answers.initiate_authentication_ok(
            answer.transaction(),
            answer.element("serverSigned1"),
            answer.element("serverSignature1", raw=_SIGNATURE),
            answer.element(_key_id(answer), raw=_KEY_ID),
            answer.element("serverCertificate"),
        )
    except DecodeError as problem:
        raise connection.malformed(function, problem) from None


def authenticate_client(
    connection: Connection, path: str, transaction_id: bytes, authenticate_server_response: bytes
) -> Answer:
    """AuthenticateClient of either server (SGP.22 5.6.3, 5.8.2); the answers differ."""
    members = {
        "transactionId": gsma_json.transaction(transaction_id),
        "authenticateServerResponse": base64(authenticate_server_response),
    }
    return connection.answered("AuthenticateClient", path, members)


def _key_id(answer: Answer) -> str:
    other = "euiccCiPKIdentifierToBeUsed"  # ESipa's name, and some servers'
    return other if answer.has(other) else "euiccCiPKIdToBeUsed"
