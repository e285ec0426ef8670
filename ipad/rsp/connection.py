"""One SM-DP+ or SM-DS over HTTPS: a function is one POST of JSON, answered by JSON (SGP.22 6.5)."""

from collections.abc import Mapping

from ipad.errors import DecodeError, PeerRefused
from ipad.net import gsma_json
from ipad.net.address import host_and_port
from ipad.net.gsma_json import Answer
from ipad.net.http import Answer as HttpAnswer
from ipad.net.http import Https, Uplink
from ipad.net.trust import Trust
from ipad.net.wire import TooMuch
from ipad.rsp import status, trust
from ipad.rsp.settings import RspSettings
from ipad.waits import Waits

_LARGE = "GetBoundProfilePackage"
_ENOUGH = 64 * 1024
"""Octets of an answer, or of what is in one beside the bound profile package."""


class Connection:
    """Functions of one server, over one connection that is kept from one to the next. Not thread-safe."""

    def __init__(
        self, interface: str, address: str, waits: Waits, uplink: Uplink, settings: RspSettings
    ) -> None:
        """interface: "ES9+" or "ES11", for messages. address: `host` or `host:port`.

        Raises DecodeError for an address that is none.
        """
        found = host_and_port(address)
        if found is None:
            raise DecodeError(f"{interface}: {address[:100]!r} is no host name")
        self.address = address
        self._interface = interface
        self._host, self._port = found
        self._uplink = uplink
        self._settings = settings
        self._waits = waits
        self._https = Https(self._host, self._port, self._trust, waits, uplink, limit=_ENOUGH)

    def ask(self, function: str, path: str, members: Mapping[str, object]) -> Answer | None:
        """One function; None for an answer without a body, as HandleNotification's is.

        path: what the name of the function is put behind. Raises PeerRefused for a failure that the
        answer reports, and for an answer that is no JSON; DecodeError for JSON that is no answer; and what
        Https.post raises.
        """
        name = self.name(function)
        try:
            answer = self._post(name, f"{path}{function[0].lower()}{function[1:]}", gsma_json.body(members))
        except TooMuch:  # no error of the network: it would be as large the next time
            allowed = "[rsp] limit allows" if function == _LARGE else "it may be"
            raise self.malformed(function, f"is larger than {allowed}") from None
        if not answer.body:
            return None
        if answer.media_type not in ("", gsma_json.MEDIA_TYPE):
            said = f"an answer of type {answer.media_type!r}"
            raise PeerRefused(name, said, None, f"is {self.address} the right address?", status=answer.status)
        try:
            read = Answer(gsma_json.parsed(answer.body))
        except DecodeError as problem:
            raise self.malformed(function, problem) from None
        if read.failure is not None:
            status.refuse(name, read.failure)
        return read

    def answered(self, function: str, path: str, members: Mapping[str, object]) -> Answer:
        """The same for functions whose answer has a body."""
        answer = self.ask(function, path, members)
        if answer is None:
            raise self.malformed(function, "is empty")
        return answer

    def same_transaction(self, function: str, asked: bytes, answered: bytes | None) -> None:
        """Raises DecodeError unless the answer is of the transaction that was asked about."""
        if answered not in (None, asked):
            raise self.malformed(function, "is of another transaction")

    def malformed(self, function: str, problem: object) -> DecodeError:
        """The error for an answer that is not what the function's should be."""
        between = ": " if isinstance(problem, Exception) else " "
        return DecodeError(f"{self.name(function)}: the answer of {self._host}{between}{problem}")

    def name(self, function: str) -> str:
        """The function with its interface: "ES9+.AuthenticateClient"."""
        return f"{self._interface}.{function}"

    def close(self) -> None:
        """Drops the connection; the next function makes a new one."""
        self._https.close()

    def _post(self, name: str, path: str, body: bytes) -> HttpAnswer:
        headers = {
            "User-Agent": "gsma-rsp-lpad",
            "X-Admin-Protocol": f"gsma/rsp/v{self._settings.protocol_version}",
            "Content-Type": gsma_json.MEDIA_TYPE,
        }
        if name != self.name(_LARGE):
            return self._https.post(name, path, headers, body)
        limit = gsma_json.base64_length(self._settings.limit) + _ENOUGH
        return self._https.post(name, path, headers, body, seconds=self._waits.package, limit=limit)

    def _trust(self) -> Trust:
        return trust.of(self._uplink.trusts, self._host, self._port, self._settings.ci_certificates)
