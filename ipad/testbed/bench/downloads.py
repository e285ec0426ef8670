"""What a download costs: AT exchanges, octets on each way, memory and time of the daemon."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ipad import asn1, control
from ipad.connectivity.state import Download
from ipad.errors import IpadError
from ipad.esipa.settings import EsipaSettings
from ipad.opening import esipa_clients
from ipad.procedures import download, poll, servers
from ipad.testbed import pki
from ipad.testbed.bench.daemon import Daemon, daemon
from ipad.testbed.bench.parts import Parts, parts
from ipad.testbed.bench.table import Row
from ipad.testbed.bench.world import World, world
from ipad.testbed.smdp import ProfileOrder, serve
from ipad.testbed.smdp.remote import RemoteSmdp
from modem.bcd import luhn_digit

MEMORY_GOAL = 6.0
_PROFILE, _LARGE = 60_000, 480_000
"""Octets of filler: of a usual profile, and of one that is as large as the card has room for."""
_WITHIN = 600.0
_MB = 1e6


class _Shop:
    """An SM-DP+ that has as many profiles as are wanted."""

    def __init__(self, server: serve.Running) -> None:
        self.smdp = server.smdp
        self._count = 0

    def order(self, size: int) -> str:
        """Releases a profile; its activation code."""
        self._count += 1
        digits = f"89001010000003{self._count:04d}"
        iccid = digits + luhn_digit(digits)
        notify = (((0, 1, 2, 3), self.smdp.address),)
        matching_id = self.smdp.order(ProfileOrder(iccid, "001010000000777", size=size, notify=notify))
        return f"1${self.smdp.address}${matching_id}"


@contextmanager
def _shop(directory: Path) -> Iterator[tuple[World, _Shop]]:
    """A world with an SM-DP+ that the agent trusts, and its eIM relays to."""
    pki.make_pki(directory / "pki")
    with serve.running(serve.Settings(directory / "shop", pki=directory / "pki")) as server:
        ci = directory / "ci"
        ci.mkdir()
        shutil.copy(pki.paths(directory / "pki").ci, ci)
        [issuer] = ci.iterdir()
        with world(directory, smdp=RemoteSmdp(server.es9, issuer)) as here:
            here.write_config(ci_certificates=ci)
            yield here, _Shop(server)


def measure(directory: Path) -> list[Row]:
    """All figures, on a card of their own. directory: a new one."""
    directory.mkdir()
    with _shop(directory / "daemon") as (here, shop):
        rows = _daemon(here, shop)
    with _shop(directory / "parts") as (here, shop), parts(here) as agent:
        return _exchanges(here, agent, shop) + _octets(here, agent, shop) + rows


# The daemon as a process


def _daemon(here: World, shop: _Shop) -> list[Row]:
    group = f"The daemon during a download of {_LARGE // 1000} KB"
    with daemon(here) as running:
        running.poll()
        running.settle()
        _forget_peak(running)
        before, spent = _high_water(running), running.processor_time()
        _download(running, shop.order(_LARGE))
        peak, spent = _high_water(running) - before, running.processor_time() - spent
    return [
        Row(group, "its memory at the highest, above idle", peak, "MB", MEMORY_GOAL),
        Row(
            group,
            "its own time for a kilobyte, the modem's not counted",
            1000 * spent / (_LARGE / 1000),
            "ms",
        ),
    ]


def _download(running: Daemon, code: str) -> None:
    trigger = asn1.encode("ProfileDownloadTriggerRequest", {"profileDownloadData": ("activationCode", code)})
    answer = control.ask(running.control, {"order": "download", "trigger": trigger.hex()}, _WITHIN)
    if answer["problem"] is not None:
        raise IpadError(f"the download did not work: {answer['problem']}")


def _forget_peak(running: Daemon) -> None:
    """VmHWM counts from now on (proc(5), clear_refs)."""
    Path(f"/proc/{running.pid}/clear_refs").write_text("5", "ascii")


def _high_water(running: Daemon) -> float:
    """The most that was resident, in MB."""
    status = Path(f"/proc/{running.pid}/status").read_text("ascii")
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024 / _MB


# Counted


def _exchanges(here: World, agent: Parts, shop: _Shop) -> list[Row]:
    """AT+CSIM exchanges, beside the least: each cut in blocks, and the answer to the last."""
    rows = []
    for block in (255, 120):
        agent.gateway.isdr.block = block
        agent.meter.forget()
        here.tally()
        _run(agent, shop.order(_PROFILE))
        group = f"AT+CSIM exchanges of a download of {agent.meter.loaded} octets, {block} octets a block"
        loading, least = agent.meter.loading, agent.meter.loading_least
        rows.append(Row(group, "LoadBoundProfilePackage, beside the least possible", loading, "", least))
        rows.append(Row(group, "the whole download, and telling the SM-DP+", here.tally().exchanges, ""))
    agent.gateway.isdr.block = 255
    return rows


def _octets(here: World, agent: Parts, shop: _Shop) -> list[Row]:
    group = f"Octets at the socket of a download of {_PROFILE // 1000} KB, TLS's own included"
    settings = agent.settings
    rows = []
    for way in ("direct", "through the eIM", "through the eIM, compact forms"):
        minimize = way.endswith("forms")
        esipa = replace(settings, esipa=EsipaSettings(binding="asn1", minimize=minimize))
        agent.gateway.esipa = esipa_clients(esipa, agent.gateway.journal, agent.uplink)
        if minimize:  # what the eIM has to know for it
            here.admin("POST", "/packages", {"eid": here.eid, "data": {"tagList": "BF20BF22A5A6A8A9"}})
            poll.run(agent.gateway, agent.eim.eim_id, None)
        code = shop.order(_PROFILE)
        through = {"eim": True, "matchingId": code.split("$")[2]}
        wanted = {"activationCode": code} if way == "direct" else through
        here.admin("POST", "/packages", {"eid": here.eid, "download": wanted})
        traffic = agent.uplink.traffic
        sent, received = traffic.sent, traffic.received
        poll.run(agent.gateway, agent.eim.eim_id, None)
        outcome = download.run(agent.gateway, Download())
        if outcome.iccid is None:
            raise IpadError(f"the download {way} did not work: {outcome.problem}")
        servers.run(agent.gateway)
        poll.run(agent.gateway, agent.eim.eim_id, None)
        rows.append(Row(group, f"{way}: sent", traffic.sent - sent, "octets"))
        rows.append(Row(group, f"{way}: received", traffic.received - received, "octets"))
    return rows


def _run(agent: Parts, code: str) -> None:
    trigger = asn1.encode("ProfileDownloadTriggerRequest", {"profileDownloadData": ("activationCode", code)})
    outcome = download.run(agent.gateway, Download(trigger))
    if outcome.iccid is None:
        raise IpadError(f"the download did not work: {outcome.problem}")
    servers.run(agent.gateway)
