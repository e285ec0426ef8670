"""/etc/ipad/ipad.toml and its drop-ins, read into frozen values that are handed down.

Every key has a default. The docstring under a key is what the file and its manual say of it: `make docs`.
"""

import os
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, get_type_hints

from ipad import toml
from ipad.errors import ConfigError
from ipad.esipa.settings import BINDINGS, EsipaSettings
from ipad.rsp.settings import RspSettings
from ipad.waits import Waits
from modem.finder import WANTED

DEFAULT_PATH = Path("/etc/ipad/ipad.toml")
FILE_LIMIT = 64 * 1024
"""Octets of a file."""

# A wait below the one would make the agent spin; poll(2) counts milliseconds up to a little above the other.
_SHORTEST_WAIT, _LONGEST_WAIT = 0.01, 2_000_000
# A package and its signature have to fit into an answer.
_SMALLEST_LIMIT = 16 * 1024
_NAMED_BY = {"eim": "<eimId>", "apn": "<ICCID>"}
"""Tables of which there may be several, [eim."<eimId>"]."""


@dataclass(frozen=True)
class ModemConfig:
    port: str = "auto"
    """The tty that speaks AT: a path, best one in /dev/serial/by-id; "usb:2c7c:0125" or "usb:2c7c:0125:02" by
    USB ids and number of the interface; "auto": the first modem that the table of models knows."""
    baudrate: int = 115200
    """Matters on a UART, not on USB; 1200 or more."""
    rtscts: bool = False
    """Hardware flow control, on a UART."""
    way: str = ""
    """The way to the card: "csim" (AT+CSIM), "cgla" (AT+CCHO, CGLA, CCHC) or "pcsc" (a card reader, and no
    modem); empty: csim or cgla, whichever works with this modem."""
    block: int = 0
    """Octets of data in one command to the card, 1 to 255; 0: as many as this modem takes."""
    reader: str = ""
    """With way = "pcsc": a part of the reader's name; empty: the first reader that has a card."""
    models: str = "/etc/ipad/modems.d"
    """The directory of *.toml with what is different about modems that the table does not know."""


@dataclass(frozen=True)
class ApnConfig:
    name: str = ""
    """The APN; empty: the operator's choice."""
    type: str = "IP"
    """<PDP_type> of TS 27.007 10.1.1: "IP", "IPV6" or "IPV4V6"."""
    user: str = ""
    """For PAP, where the operator wants that."""
    password: str = ""
    """For PAP, where the operator wants that."""


@dataclass(frozen=True)
class AgentConfig:
    state_dir: str = "/var/lib/ipad"
    """The journal: what must survive a power cut."""
    runtime_dir: str = "/run/ipad"
    """The control socket and the lock."""
    trace: str = ""
    """The directory of a trace that runs from the start (`ipad trace`); empty: none does."""
    metrics_dir: str = ""
    """The directory where ipad.prom is kept for the textfile collector of Prometheus' node exporter; Debian's
    is /var/lib/prometheus/node-exporter. Empty: no metrics are written."""


@dataclass(frozen=True)
class CardConfig:
    isd_r_aid: str = ""
    """Hex, for the cards of some vendors, which use their own; empty: the standard's."""
    fallback_iccid: str = ""
    """ICCID of the profile that a fallback enables on a consumer card, which has no fallbackAttribute; empty:
    no fallback there. An IoT card knows it itself."""


@dataclass(frozen=True)
class ConnectivityConfig:
    interface: str = ""
    """The cellular network interface ("wwan0"); empty: whatever the routes say."""
    bearer: str = "none"
    """Who sees to the data link: "none", whoever does (ModemManager, NetworkManager, a modem that dials by
    itself); "hook", the programs in /etc/ipad/hooks.d, told of switches and of the link going up and down."""
    probes: tuple[str, ...] = ()
    """"host:port" of services that answer a TCP connection; one that does is traffic. None: only the
    modem's word counts."""


@dataclass(frozen=True)
class Config:
    modem: ModemConfig = field(default_factory=ModemConfig)
    agent: AgentConfig = field(default_factory=AgentConfig)
    card: CardConfig = field(default_factory=CardConfig)
    connectivity: ConnectivityConfig = field(default_factory=ConnectivityConfig)
    esipa: EsipaSettings = field(default_factory=EsipaSettings)
    rsp: RspSettings = field(default_factory=RspSettings)
    waits: Waits = field(default_factory=Waits)
    eim: Mapping[str, EsipaSettings] = field(default_factory=dict)
    """[eim."<eimId>"]: what is different from [esipa] for this eIM, already put together."""
    apn: Mapping[str, ApnConfig] = field(default_factory=dict)
    """[apn."<ICCID>"]: what the modem attaches with when this profile is enabled."""

    def esipa_of(self, eim_id: str) -> EsipaSettings:
        """How to talk to this eIM."""
        return self.eim.get(eim_id, self.esipa)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration, and where it is from."""

    config: Config
    files: tuple[Path, ...]
    """Those that were read, in this order."""
    sources: Mapping[str, Path]
    """Which file a key's value is from, by the key's full name ("modem.port"); the rest are defaults."""


def load(path: Path | None = None) -> Config:
    """The configuration in `path`; without a path, /etc/ipad/ipad.toml or the defaults if it is not there.

    Beside FILE, all FILE.d/*.toml are read after it, in the order of their names: each sets what is in it.
    ConfigError names the file, the key and what was expected.
    """
    return read(path).config


def read(path: Path | None = None) -> Loaded:
    """As `load`, with the files that it is from."""
    chosen = path or DEFAULT_PATH
    files = [chosen] if path is not None or os.path.lexists(chosen) else []
    files += _drop_ins(chosen.with_name(chosen.name + ".d"))
    config = Config()
    named: dict[str, _Named] = {kind: {} for kind in _NAMED_BY}
    sources: dict[str, Path] = {}
    for file in files:
        table = _table(file)
        for kind, known in named.items():
            _add(known, kind, table.pop(kind, {}), file)
        config = _fill(config, table, file, "", sources)
        config = replace(
            config,
            eim=_named("eim", config.esipa, named["eim"], sources),
            apn=_named("apn", ApnConfig(), named["apn"], sources),
        )
        _check(config, str(file))  # what was read before was right: the file is the one that is wrong
    return Loaded(config, tuple(files), sources)


def _drop_ins(directory: Path) -> list[Path]:
    try:
        names = os.listdir(directory)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ConfigError(f"{directory}: cannot be read: {error.strerror}") from error
    return [directory / name for name in sorted(names) if name.endswith(".toml") and name[0] != "."]


def _table(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as opened:
            octets = opened.read(FILE_LIMIT + 1)
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from error
    if len(octets) > FILE_LIMIT:
        raise ConfigError(f"{file}: more than {FILE_LIMIT} octets")
    try:
        return toml.parse(octets)
    except ValueError as error:
        raise ConfigError(f"{file}: not TOML: {error}") from error


def _fill(
    default: Any, table: Mapping[str, Any], file: Path, prefix: str, sources: MutableMapping[str, Path]
) -> Any:
    """`default` (a frozen dataclass) with the values of `table` in it."""
    hints = get_type_hints(type(default))
    known = {f.name: getattr(default, f.name) for f in fields(default)}
    filled = {}
    for key, given in table.items():
        name = prefix + key
        if key not in known:
            raise ConfigError(f"{file}: {name}: no such key; known here: {', '.join(sorted(known))}")
        if is_dataclass(known[key]):
            if not isinstance(given, dict):
                raise ConfigError(f"{file}: {name}: expected a table [{name}]")
            filled[key] = _fill(known[key], given, file, f"{name}.", sources)
        else:
            filled[key] = _value(hints[key], given, str(file), name)
            sources[name] = file
    return replace(default, **filled)


_Named = dict[str, list[tuple[Path, Mapping[str, Any]]]]
"""What each file says in such tables, by what they are named by."""


def _add(named: _Named, kind: str, tables: object, file: Path) -> None:
    """What this file says."""
    if not isinstance(tables, dict):
        raise ConfigError(f'{file}: {kind}: expected tables [{kind}."{_NAMED_BY[kind]}"]')
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise ConfigError(f'{file}: {kind}."{name}": expected a table [{kind}."{name}"]')
        named.setdefault(name, []).append((file, table))


def _named(kind: str, default: Any, named: _Named, sources: MutableMapping[str, Path]) -> Mapping[str, Any]:
    """`default` with what the files say of each, by its name."""
    settings = {}
    for name, tables in named.items():
        settings[name] = default
        for file, table in tables:
            settings[name] = _fill(settings[name], table, file, f'{kind}."{name}".', sources)
    return settings


def _value(hint: object, given: object, file: str, name: str) -> object:
    # bool is an int in Python, and not in a config file.
    if hint is float and isinstance(given, int | float) and not isinstance(given, bool):
        # One that is too long for a float is too long anyway: `_check` says so.
        return float(given) if given <= _LONGEST_WAIT else given
    if hint is int and isinstance(given, int) and not isinstance(given, bool):
        return given
    if hint is bool and isinstance(given, bool):
        return given
    if hint is str and isinstance(given, str) and "\0" not in given:
        return given
    if hint == tuple[str, ...] and isinstance(given, list) and all(isinstance(g, str) for g in given):
        return tuple(given)
    if hint is str and isinstance(given, str):
        raise ConfigError(f"{file}: {name}: expected a string without NUL, not {given!r}")
    words = {float: "a number of seconds", int: "a whole number", str: "a string", bool: "true or false"}
    expected = words[hint] if isinstance(hint, type) and hint in words else "a list of strings"
    raise ConfigError(f"{file}: {name}: expected {expected}, not {given!r}")


def _check(config: Config, file: str) -> None:
    """What a type alone does not say."""
    for wait in fields(config.waits):
        seconds = getattr(config.waits, wait.name)
        if not _SHORTEST_WAIT <= seconds <= _LONGEST_WAIT:
            raise ConfigError(
                f"{file}: waits.{wait.name}: expected at least {_SHORTEST_WAIT} s and at most "
                f"{_LONGEST_WAIT} s, not {seconds}"
            )
    if config.connectivity.bearer not in ("none", "hook"):
        raise ConfigError(
            f'{file}: connectivity.bearer: expected "none" or "hook", not {config.connectivity.bearer!r}'
        )
    for probe in config.connectivity.probes:
        host, _, port = probe.rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 65536:
            raise ConfigError(f'{file}: connectivity.probes: expected "host:port", not {probe!r}')
    aid = config.card.isd_r_aid
    if aid and not (
        10 <= len(aid) <= 32 and len(aid) % 2 == 0 and all(c in "0123456789abcdefABCDEF" for c in aid)
    ):
        raise ConfigError(f"{file}: card.isd_r_aid: expected 5 to 16 octets in hex, not {aid!r}")
    if config.agent.trace and not config.agent.trace.startswith("/"):
        raise ConfigError(
            f"{file}: agent.trace: expected a path like /var/lib/ipad/trace, not {config.agent.trace!r}"
        )
    metrics = config.agent.metrics_dir
    if metrics and not metrics.startswith("/"):
        raise ConfigError(
            f"{file}: agent.metrics_dir: expected a path like /var/lib/prometheus/node-exporter, "
            f"not {metrics!r}"
        )
    iccid = config.card.fallback_iccid
    if iccid and not _is_iccid(iccid):
        raise ConfigError(f"{file}: card.fallback_iccid: expected an ICCID of 18 to 20 digits, not {iccid!r}")
    for iccid, apn in config.apn.items():
        _check_apn(iccid, apn, f'{file}: apn."{iccid}"')
    if not WANTED.fullmatch(config.modem.port):
        raise ConfigError(
            f'{file}: modem.port: expected a path like /dev/ttyUSB2, "usb:2c7c:0125:02" or "auto", not '
            f"{config.modem.port!r}"
        )
    if config.modem.way not in ("", "csim", "cgla", "pcsc"):
        raise ConfigError(
            f'{file}: modem.way: expected "csim", "cgla", "pcsc", or "" to find out, not {config.modem.way!r}'
        )
    if not 0 <= config.modem.block <= 255:
        raise ConfigError(
            f"{file}: modem.block: expected 1 to 255 octets, or 0 to find out, not {config.modem.block}"
        )
    if config.modem.baudrate < 1200:
        raise ConfigError(f"{file}: modem.baudrate: expected 1200 or more, not {config.modem.baudrate}")
    _check_rsp(config.rsp, f"{file}: rsp")
    _check_esipa(config.esipa, f"{file}: esipa")
    for eim_id, settings in config.eim.items():
        _check_esipa(settings, f'{file}: eim."{eim_id}"')


def _is_iccid(text: str) -> bool:
    return 18 <= len(text) <= 20 and text.isascii() and text.isdecimal()


def _check_apn(iccid: str, apn: ApnConfig, where: str) -> None:
    if not _is_iccid(iccid):
        raise ConfigError(f"{where}: expected an ICCID of 18 to 20 digits, not {iccid!r}")
    if apn.type not in ("IP", "IPV6", "IPV4V6"):
        raise ConfigError(f'{where}.type: expected "IP", "IPV6" or "IPV4V6", not {apn.type!r}')
    for key in ("name", "user", "password"):
        # What an AT command can say; the password is in no message.
        if not all(" " <= c <= "~" and c not in '"\\' for c in getattr(apn, key)):
            raise ConfigError(f"{where}.{key}: expected ASCII without quotes and backslashes")
    if apn.password and not apn.user:
        raise ConfigError(f"{where}.user: there is a password without a user")


def _check_esipa(settings: EsipaSettings, where: str) -> None:
    if settings.binding not in ("", *BINDINGS):
        known = " or ".join(f'"{name}"' for name in BINDINGS)
        raise ConfigError(f'{where}.binding: expected {known}, or "" to find out, not {settings.binding!r}')
    for key, example in (("path", "/gsma/rsp2/asn1"), ("json_path", "/gsma/rsp2/esipa/")):
        path = getattr(settings, key)
        if not path.startswith("/"):
            raise ConfigError(f"{where}.{key}: expected a path like {example}, not {path!r}")
    if settings.limit < _SMALLEST_LIMIT:
        raise ConfigError(f"{where}.limit: expected {_SMALLEST_LIMIT} octets or more, not {settings.limit}")


def _check_rsp(settings: RspSettings, where: str) -> None:
    if not settings.ci_certificates.startswith("/"):
        raise ConfigError(
            f"{where}.ci_certificates: expected a path like /etc/ipad/ci, not {settings.ci_certificates!r}"
        )
    if settings.limit < _SMALLEST_LIMIT:
        raise ConfigError(f"{where}.limit: expected {_SMALLEST_LIMIT} octets or more, not {settings.limit}")
