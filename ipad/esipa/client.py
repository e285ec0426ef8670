"""The eIM as the agent sees it: the functions of ESipa (SGP.32 6.3) over HTTPS."""

from ipad.eim import EimConfiguration
from ipad.errors import PeerRefused, Unreachable
from ipad.esipa.asn1_binding import Asn1Binding
from ipad.esipa.binding import Binding, Call
from ipad.esipa.model import Acknowledged, EimPackage, EmptyResponse
from ipad.esipa.settings import EsipaSettings
from ipad.net.http import Answer, Https, Uplink
from ipad.net.trust import Trust
from ipad.waits import Waits

HTTPS_PORT = 443


class Esipa:
    """ESipa with one eIM, over one connection that is kept from one function to the next.

    config: the eIM as the card has it. eid: 16 octets. uplink: shared by all connections of the agent.
    Each function raises Unreachable (also Throttled), Untrusted, PeerRefused and DecodeError. Close it
    after a switch: a connection over the profile before would only run into its deadline.
    """

    def __init__(
        self,
        config: EimConfiguration,
        eid: bytes,
        waits: Waits,
        uplink: Uplink,
        settings: EsipaSettings,
    ) -> None:
        host, port = host_and_port(config)
        self._eim_id = config.eim_id
        self._anchor = config.tls_anchor
        self._eid = eid
        self._uplink = uplink
        self._settings = settings
        self._binding: Binding = Asn1Binding(settings.path, settings.media_type)
        self._https = Https(host, port, self._trust, waits, uplink, limit=settings.limit)

    def get_eim_package(
        self, notify_state_change: bool = False, cause: int | None = None, rplmn: bytes | None = None
    ) -> EimPackage:
        """GetEimPackage (SGP.32 6.3.2.6): the next package, NoPackage, or Malformed.

        notify_state_change: the profile or its state changed, and not by this eIM's order. cause:
        StateChangeCause. rplmn: registered PLMN, three octets (TS 24.008 10.5.1.13).
        """
        call = self._binding.get_eim_package(self._eid, notify_state_change, cause, rplmn)
        return self._binding.eim_package(self._answered(call).body)

    def provide_eim_package_result(self, arm: bytes) -> Acknowledged | EmptyResponse:
        """ProvideEimPackageResult (SGP.32 6.3.2.7). arm: one of `arms`, or an EuiccPackageResult (BF51…)."""
        call = self._binding.provide_eim_package_result(self._eid, arm)
        return self._binding.acknowledgement(self._answered(call).body)

    def handle_notification(self, pending_notification: bytes) -> None:
        """HandleNotification (SGP.32 6.3.2.5) with one PendingNotification as the card signed it.

        Returns once the eIM has taken it: HTTP 204, or 200 with an empty body.
        """
        call = self._binding.handle_notification(pending_notification)
        answer = self._post(call)
        if answer.body:
            raise PeerRefused(call.function, f"an answer of {len(answer.body)} octets where none is expected")

    def close(self) -> None:
        """Drops the connection. The next function makes a new one; its TLS session may be resumed."""
        self._https.close()

    def _answered(self, call: Call) -> Answer:
        answer = self._post(call)
        if answer.media_type != self._binding.media_type.lower():
            raise PeerRefused(call.function, f"an answer of type {answer.media_type or 'none'!r}")
        return answer

    def _post(self, call: Call) -> Answer:
        headers = {
            "User-Agent": "gsma-rsp-ipad",
            "X-Admin-Protocol": f"gsma/rsp/v{self._settings.protocol_version}",
            "Content-Type": self._binding.media_type,
        }
        return self._https.post(call.function, call.path, headers, call.body)

    def _trust(self) -> Trust:
        uplink, https = self._uplink, self._https
        return uplink.trusts.of(
            self._eim_id, https.host, https.port, self._anchor, self._settings.ca_file or None
        )


def host_and_port(config: EimConfiguration) -> tuple[str, int]:
    """eimFqdn, which may end in `:port` (an IPv6 address then stands in brackets).

    Raises Unreachable if the card has none, or one that is no host name.
    """
    fqdn = config.fqdn or ""
    host, colon, digits = fqdn.rpartition(":") if not fqdn.endswith("]") else (fqdn, "", "")
    if not colon:
        host, digits = fqdn, str(HTTPS_PORT)
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    port = int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 5 else 0
    well_formed = (
        host.isascii() and host.isprintable() and not set(host) & set(" /@[]?#") and host[:1] not in ("", ".")
    )
    if not well_formed or not 0 < port < 65536:
        raise Unreachable(
            f"eIM {config.eim_id}: eimFqdn {config.fqdn!r} on the card; expected host or host:port"
        )
    return host, port
