"""`ipad doctor`: what a gateway needs, looked at one by one, and what to do about each that is not there.

While the daemon runs, it is asked for what it knows of modem and card; otherwise they are asked directly.
"""

import os
import shutil
import socket
import sqlite3
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ipad import config, control, direct, snapshot
from ipad.config import Config
from ipad.direct import Parts
from ipad.doctor_ports import ports
from ipad.errors import ConfigError, IpadError, Unreachable, Untrusted
from ipad.esipa.client import host_and_port
from ipad.euicc import read
from ipad.euicc.model import EimConfiguration
from ipad.finding import Finding, user
from ipad.net.http import Uplink
from ipad.net.trust import clock_is_set, trust
from ipad.net.wire import Patience, Wire, connect
from ipad.waits import Waits
from modem.errors import CardRefused, ModemError
from modem.radio import Radio, RadioStatus, Sim

_ROOM = 32 * 1024 * 1024
"""Octets that journal and trace may need."""
_QUESTION_SECONDS = 10.0


def examine(config_file: Path | None) -> Iterator[Finding]:
    """All checks, each as soon as it is done."""
    try:
        settings = config.load(config_file)
    except ConfigError as error:
        yield Finding("configuration", False, str(error), "correct it; nothing else is checked before that")
        return
    yield _configuration(config_file)
    yield directory("state directory", Path(settings.agent.state_dir))
    yield directory("runtime directory", Path(settings.agent.runtime_dir))
    yield disk(Path(settings.agent.state_dir))
    yield journal(Path(settings.agent.state_dir) / "journal.db")
    yield from ports(settings.modem)
    yield clock()
    yield interface(settings.connectivity.interface)
    running, finding = daemon(Path(settings.agent.runtime_dir) / "control.sock")
    yield finding
    eims = yield from (_by_asking(running) if running is not None else _by_looking(settings))
    for eim in eims:
        yield from reaching(eim, settings)


# The gateway itself


def _configuration(file: Path | None) -> Finding:
    there = file or config.DEFAULT_PATH
    return Finding(
        "configuration", True, str(there) if os.path.exists(there) else "the defaults: there is no file"
    )


def directory(name: str, path: Path) -> Finding:
    """Whether this user may use it, or make it."""
    there = path
    while not os.path.exists(there):  # nor where this user may not look
        there = there.parent
    if not os.access(there, os.W_OK | os.X_OK, effective_ids=True) or (
        there == path and not os.access(path, os.R_OK, effective_ids=True)
    ):
        return Finding(
            name,
            False,
            f"{user()} may not {'use' if there == path else 'make'} {path}",
            "run this as the daemon's user (sudo -u ipad ipad doctor), or give it the directory with chown",
        )
    return Finding(name, True, str(path) if there == path else f"{path} is made when it is needed")


def disk(path: Path) -> Finding:
    """Whether journal and trace have room."""
    while not os.path.exists(path):
        path = path.parent
    free = shutil.disk_usage(path).free
    if free < _ROOM:
        return Finding(
            "disk", False, f"{free // 1024} KiB free at {path}", f"make room: {_ROOM // 1024} KiB are wanted"
        )
    return Finding("disk", True, f"{free // (1024 * 1024)} MiB free at {path}")


def journal(path: Path) -> Finding:
    """Whether what must survive a power cut can be read. Nothing is written."""
    try:
        path.stat()
    except FileNotFoundError:
        return Finding("journal", None, f"{path} is not there yet: no daemon has run")
    except OSError as error:
        return Finding("journal", False, f"{path}: {error.strerror}", "see the state directory above")
    try:
        database = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5.0)
        try:
            [said] = database.execute("PRAGMA quick_check(1)").fetchone()
        finally:
            database.close()
    except sqlite3.Error as error:
        said = str(error)
    if said == "ok":
        return Finding("journal", True, str(path))
    return Finding(
        "journal",
        False,
        f"{path}: {said}",
        "if this user may read it: restart the daemon, which sets it aside; the card keeps what matters",
    )


def clock() -> Finding:
    """Certificates have dates."""
    now = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    if clock_is_set():
        return Finding("clock", True, now)
    return Finding(
        "clock", False, f"{now} cannot be", "set the clock, or install an NTP client or fake-hwclock"
    )


def interface(name: str) -> Finding:
    """Whether connections can be bound to the cellular interface."""
    if not name:
        return Finding(
            "interface", None, "connectivity.interface is not set: connections go where the routes say"
        )
    try:
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, name.encode() + b"\0")
    except PermissionError:
        return Finding(
            "interface",
            False,
            f"{user()} may not bind to {name}",
            "Linux before 5.7 wants CAP_NET_RAW for it (AmbientCapabilities= in ipad.service)",
        )
    except OSError as error:
        return Finding(
            "interface",
            False,
            f"{name}: {error.strerror}",
            "`ip link` names them; set connectivity.interface",
        )
    return Finding("interface", True, f"{name}: connections are bound to it")


# Modem and card


@dataclass(frozen=True, slots=True)
class _Running:
    """What the daemon says; None where it does not know it."""

    status: dict[str, Any]
    info: dict[str, Any] | None
    profiles: list[dict[str, Any]] | None


def daemon(path: Path) -> tuple[_Running | None, Finding]:
    """What the daemon knows; None if there is none that answers."""
    try:
        status = control.ask(path, {"ask": "status"}, _QUESTION_SECONDS)
    except (FileNotFoundError, ConnectionRefusedError):
        said = "not running: modem and card are asked directly"
        return None, Finding("daemon", None, said, "systemctl start ipad")
    except PermissionError:
        return None, Finding("daemon", False, f"{user()} may not ask it at {path}", "try sudo")
    except (IpadError, OSError, ValueError) as error:
        return None, Finding("daemon", False, f"it does not answer: {error}", "journalctl -u ipad says why")
    running = _Running(status, _asked(path, "info"), _asked(path, "profiles"))
    return running, Finding("daemon", True, f"running, {status['phase']}: {status['why']}")


def _asked(path: Path, question: str) -> Any:
    try:
        return control.ask(path, {"ask": question}, _QUESTION_SECONDS)
    except (IpadError, OSError, ValueError):
        return None  # no card has been read since the start: the checks of the card say so


Eims = list[EimConfiguration]


def _by_asking(running: _Running) -> Generator[Finding, None, Eims]:
    """From what the daemon knows."""
    radio = running.status["radio"]
    if radio is None:
        yield Finding(
            "modem", False, "the daemon has no word from it", "journalctl -u ipad; is the port right?"
        )
    else:
        yield Finding("modem", True, "the daemon talks to it")
        yield sim(radio["sim"])
    if running.info is None or running.profiles is None:
        yield Finding(
            "card", False, f"not read since the start: {running.status['why']}", "see the SIM above"
        )
        return []
    yield from card(running.info, running.profiles)
    if radio is not None:
        yield registration(radio["registration"], radio["cause"], radio["plmn"])
    yield link(running.status["link"] == "ok", running.status["link"] or "not known yet")
    return _eims(running.info)


def _by_looking(settings: Config) -> Generator[Finding, None, Eims]:
    """From modem and card themselves."""
    try:
        with direct.opened(settings) as parts:
            return (yield from _looked_at(parts))
    except IpadError as error:
        held = isinstance(error.__cause__, BlockingIOError)
        advice = "stop what holds it, then run this again" if held else "see the directories above"
        yield Finding("modem", False, str(error), advice)
        return []


def _looked_at(parts: Parts) -> Generator[Finding, None, Eims]:
    radio: Radio | None = parts.modem.radio
    status = None
    if radio is not None:
        try:
            identity = radio.identity()
            status = _settled(radio, parts.isdr.waits)
        except ModemError as error:
            yield Finding("modem", False, f"{error.doing}: {error.got}", error.advice or _PORT_ADVICE)
            return []
        name = f"{identity.manufacturer} {identity.model} {identity.revision}"
        yield Finding("modem", True, f"{name}, IMEI {identity.imei}")
        yield sim(status.sim.value)
    try:
        contents = direct.contents(parts)
    except (ModemError, IpadError) as error:
        said = f"{error.doing}: {error.got}" if isinstance(error, ModemError) else str(error)
        yield Finding("card", False, said, _card_advice(error))
        return []
    info = snapshot.info(contents)
    yield from card(info, snapshot.profiles(contents))
    if status is not None:
        yield registration(snapshot.registration(status), status.cause, status.plmn)
        yield link(status.address is not None, status.address or "no bearer")
    return _eims(info)


def _settled(radio: Radio, waits: Waits) -> RadioStatus:
    """The modem's status. One that has just been powered up needs a moment to find its card."""
    end = time.monotonic() + waits.sim_ready
    while True:
        status = radio.status()
        if status.sim in (Sim.READY, Sim.LOCKED) or time.monotonic() > end:
            return status
        time.sleep(waits.poll_ready)


_PORT_ADVICE = "another port of the modem may be the one that takes AT commands: set modem.port"


def _card_advice(error: Exception) -> str:
    if isinstance(error, CardRefused) and error.sw == 0x6A82:
        return "the card has no ISD-R: it is no eUICC, or one with an AID of its own (card.isd_r_aid)"
    if isinstance(error.__cause__, ImportError):
        return "install it where ipad is: pip install '.[consumer]', or Debian's package"
    if isinstance(error, ModemError) and error.advice:
        return error.advice
    return "is an eUICC in the modem, and does the modem take AT+CSIM?"


def sim(state: str) -> Finding:
    """+CPIN's word."""
    advice = {
        Sim.ABSENT.value: "put the card in; some modems want its slot switched on",
        Sim.LOCKED.value: "the enabled profile asks for a PIN: switch it off (AT+CLCK) or let the eIM switch",
        Sim.NOT_READY.value: "wait a moment; if it stays, reset the modem",
    }
    return Finding("SIM", state == Sim.READY.value, state, advice.get(state, ""))


def card(info: dict[str, Any], profiles: list[dict[str, Any]]) -> Iterator[Finding]:
    """What is on the card. info, profiles: as `ipad info` and `ipad profiles` have them."""
    yield Finding("card", True, f"the ISD-R answers, EID {info['eid']}")
    consumer = info["card"]["kind"] == "consumer"
    yield Finding(
        "kind of card",
        None if consumer else True,
        info["card"]["means"] or f"SGP.32 {', '.join(info['iot_versions'])}",
    )
    eims = ", ".join(eim["eim_id"] for eim in info["eims"])
    yield Finding(
        "association",
        bool(eims),
        eims or "no eIM is associated",
        "" if eims else "ipad provision --eim FILE",
    )
    enabled = next((p["iccid"] for p in profiles if p["enabled"]), None)
    yield Finding(
        "enabled profile",
        enabled is not None,
        enabled or "none",
        "" if enabled else "let the eIM enable one; without connectivity: ipad fallback",
    )
    fallback = next((p["iccid"] for p in profiles if p["fallback"]), None)
    yield Finding(
        "fallback profile",
        fallback is not None,
        fallback or "none: nothing brings this gateway back when its profile fails",
        "" if fallback else "let the eIM order setFallbackAttribute for the bootstrap profile",
    )


def registration(state: str, cause: object, plmn: str | None) -> Finding:
    """state: as in the snapshot."""
    registered = state in ("home", "roaming")
    said = f"{state}, {plmn}" if plmn else state
    return Finding(
        "registration",
        registered,
        said if cause is None else f"{said}, reject cause {cause} (TS 24.301 annex A)",
        "" if registered else "antenna, coverage, and whether the profile is active at its operator",
    )


def link(ok: bool, said: str) -> Finding:
    advice = "" if ok else "is the APN right, and does whatever manages the interface dial?"
    return Finding("link", ok, said, advice)


# The eIM


def _eims(info: dict[str, Any]) -> Eims:
    return [read.eim_configuration(bytes.fromhex(eim["der"])) for eim in info["eims"]]


def reaching(eim: EimConfiguration, settings: Config) -> Iterator[Finding]:
    """The way to one eIM: name, TCP, TLS. Nothing is asked of it."""
    uplink = Uplink(interface=settings.connectivity.interface or None)
    patience = Patience(eim.eim_id, time.monotonic() + settings.waits.connect, uplink.idle)
    try:
        host, number = host_and_port(eim)
    except Unreachable as error:
        yield Finding(_of(eim, "name"), None, str(error), "this eIM is not polled; another one may be")
        return
    try:
        addresses = uplink.resolver.addresses(host, number, patience.deadline, uplink.idle)
    except Unreachable as error:
        yield Finding(
            _of(eim, "name"),
            False,
            str(error),
            "name servers (/etc/resolv.conf), and whether that name is right",
        )
        return
    yield Finding(_of(eim, "name"), True, f"{host} is {', '.join(where for _, (where, _) in addresses)}")
    try:
        sock = connect(addresses, patience, uplink.interface)
    except Unreachable as error:
        yield Finding(
            _of(eim, "TCP"), False, str(error), "a firewall, the route, the APN, or the eIM is down"
        )
        return
    yield Finding(_of(eim, "TCP"), True, f"port {number} answers")
    wire = Wire(sock, uplink.traffic, patience)
    try:
        wire.handshake(trust(eim.tls_anchor, settings.esipa.ca_file or None), host)
    except (Untrusted, ConfigError) as error:
        yield Finding(
            _of(eim, "TLS"),
            False,
            str(error),
            f"checked against {_anchor(eim)}; is the clock right, and is it the eIM that answers there?",
        )
    except Unreachable as error:
        yield Finding(_of(eim, "TLS"), False, str(error), "does a TLS server (1.2 or later) answer there?")
    else:
        yield Finding(_of(eim, "TLS"), True, f"{wire.version}, trusted by {_anchor(eim)}")
    finally:
        wire.close()


def _of(eim: EimConfiguration, what: str) -> str:
    return f"eIM {eim.eim_id}: {what}"


def _anchor(eim: EimConfiguration) -> str:
    return f"the {eim.tls_anchor.kind} on the card" if eim.tls_anchor else "the CA store"
