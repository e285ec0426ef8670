"""The clients of SM-DP+ and SM-DS by address, and whether any could be trusted at all."""

from dataclasses import dataclass

from ipad.errors import IpadError
from ipad.net.http import Uplink
from ipad.rsp import trust
from ipad.rsp.es9 import Es9
from ipad.rsp.es11 import Es11
from ipad.rsp.settings import RspSettings
from ipad.waits import Waits


@dataclass(frozen=True, slots=True)
class Servers:
    """What makes a client of a server. uplink: the agent's one."""

    waits: Waits
    uplink: Uplink
    settings: RspSettings

    def es9(self, address: str) -> Es9:
        """The SM-DP+ at `host` or `host:port`; DecodeError if it is neither."""
        return Es9(address, self.waits, self.uplink, self.settings)

    def es11(self, address: str) -> Es11:
        """The SM-DS there."""
        return Es11(address, self.waits, self.uplink, self.settings)

    def trusted(self) -> bool:
        """Whether there is a certificate issuer, without which no server is talked to directly."""
        try:
            trust.certificate_files(self.settings.ci_certificates)
        except IpadError:
            return False
        return True
