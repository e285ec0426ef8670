"""What a person brings: a package on a stick, the factory's file, the configuration."""

import atexit
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

from ipad import asn1, config, eim_file
from ipad.eim import EimConfiguration
from ipad.esipa.client import Esipa
from ipad.esipa.settings import EsipaSettings
from ipad.euicc.iot import OnCard
from ipad.euicc.isdr import Isdr
from ipad.journal import Journal
from ipad.net.http import Uplink
from ipad.procedures import inject
from ipad.procedures.gateway import Gateway
from ipad.rsp.servers import Servers
from ipad.rsp.settings import RspSettings
from ipad.testbed.euicc import VirtualEuicc
from ipad.waits import Waits
from modem.card import UiccCard
from tests.fuzz.samples import vectors
from tests.fuzz.target import Form, Target

_FACTORY = """\
eimId = "eim.example.com"
eimFqdn = "eim.example.com:443"
eimIdType = "fqdn"
counterValue = 0
associationToken = true
eimSupportedProtocol = ["eimRetrieveHttps"]
euiccCiPKId = "F54172BDF98A95D65CBEB88A38A1C11D800A85C3"
indirectProfileDownload = true

[factory]
immediateEnable = true
defaultSmdpAddress = "smdp.example.com"
defaultSmdpOid = "2.999.10"
"""
_CONFIG = """\
[modem]
port = "/dev/ttyUSB2"
baudrate = 115200

[agent]
state_dir = "/var/lib/ipad"

[card]
fallback_iccid = "8999990000000000001"

[connectivity]
interface = "wwan0"
probes = ["192.0.2.1:443"]

[esipa]
binding = "json"
minimize = true

[eim."eim.example.com"]
path = "/esipa"

[waits]
grace = 60
"""


@cache
def _directory() -> Path:
    made = tempfile.TemporaryDirectory(
        prefix="ipad-fuzz-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None
    )
    atexit.register(made.cleanup)
    return Path(made.name)


@cache
def _gateway() -> Gateway:
    """A gateway with a card of its own, and no eIM that anybody could reach."""
    isdr = Isdr(UiccCard(VirtualEuicc.open(_directory() / "card")), Waits(), sleep=lambda _: None)
    journal = Journal(_directory() / "journal.db")

    def esipa(eim: EimConfiguration, eid: bytes) -> Esipa:
        return Esipa(eim, eid, Waits(), Uplink(), EsipaSettings())

    servers = Servers(Waits(), Uplink(), RspSettings())
    own = OnCard(isdr)
    return Gateway(isdr, lambda _: own, None, journal, Waits(), esipa, lambda *_: None, lambda: 0.0, servers)


def _inject(octets: bytes) -> object:
    """Whatever comes, it is answered, in the standard's form."""
    return asn1.decode("TransferEimPackageResponse", inject.run(_gateway(), octets).response)


def _in_a_file(name: str, load: Callable[[Path], object]) -> Callable[[bytes], object]:
    def feed(octets: bytes) -> object:
        path = _directory() / name
        path.write_bytes(octets)
        return load(path)

    return feed


def _file(name: str, load: Callable[[Path], object], samples: tuple[bytes, ...], form: Form) -> Target:
    return Target(name, samples, _in_a_file(name, load), form)


TARGETS = (
    Target("TransferEimPackage", vectors("TransferEimPackageRequest"), _inject),
    _file("eim.der", eim_file.load, vectors("EimConfigurationData"), "der"),
    _file("eim.toml", eim_file.load, (_FACTORY.encode(),), "text"),
    _file("ipad.toml", config.load, (_CONFIG.encode(),), "text"),
)
