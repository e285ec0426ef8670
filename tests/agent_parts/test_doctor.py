"""`ipad doctor`: a gateway where all is well, and one with each thing that can be wrong, over the AT path."""

import os
import pty
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from ipad import doctor, doctor_ports
from ipad.eim import EimConfiguration, TlsAnchor
from ipad.finding import Finding
from ipad.instance import lock
from ipad.journal import Journal
from modem.mock import AlwaysOn, MockModem
from tests.agent.https_peer import Identity, Peer, answering, make_identity
from tests.agent_parts.workbench import EIM_ID, Workbench
from tests.modem.tiny_uicc import TinyUicc


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return make_identity(tmp_path_factory.mktemp("tls"), "server")


@pytest.fixture
def peer(server: Identity) -> Iterator[Peer]:
    with Peer(server, answering(b"")) as made:
        yield made


def provisioned(bench: Workbench, identity: Identity, fqdn: str) -> None:
    pem = identity.certificate.public_bytes(Encoding.PEM).decode()
    bench.answer("provision", "--eim", str(bench.eim_file(eimFqdn=fqdn, trustedCertificateTls=pem)))


def findings(bench: Workbench) -> dict[str, dict[str, Any]]:
    """All that the doctor found, by name; every fault comes with an advice."""
    import json

    status, out, err = bench.ipad("doctor", "--json")
    assert not err
    answer = json.loads(out)
    assert (status == 0) is answer["ok"] is all(f["ok"] is not False for f in answer["findings"])
    assert all(f["advice"] for f in answer["findings"] if f["ok"] is False)
    return {f["name"]: f for f in answer["findings"]}


def faults(bench: Workbench) -> dict[str, str]:
    return {name: f["said"] for name, f in findings(bench).items() if f["ok"] is False}


def test_a_gateway_where_all_is_well(bench: Workbench, server: Identity, peer: Peer) -> None:
    provisioned(bench, server, f"localhost:{peer.port}")
    found = findings(bench)
    assert [name for name, f in found.items() if f["ok"] is None] == ["journal", "interface", "daemon"]
    assert {name for name, f in found.items() if f["ok"]} == {
        *("configuration", "state directory", "runtime directory", "disk", "port", "clock"),
        *("modem", "SIM", "card", "kind of card", "association", "enabled profile", "fallback profile"),
        *("registration", "link"),
        *(f"eIM {EIM_ID}: {step}" for step in ("name", "TCP", "TLS")),
    }
    card = bench.card()
    assert card["eid"] in found["card"]["said"]
    assert "IMEI 0010170" in found["modem"]["said"]
    assert "the certificate on the card" in found[f"eIM {EIM_ID}: TLS"]["said"]
    assert peer.received == [], "nothing is asked of the eIM"


def test_each_check_is_a_line_with_its_mark_and_its_advice(bench: Workbench) -> None:
    status, out, _ = bench.ipad("doctor")
    assert status == 1
    assert "✔ SIM: ready\n" in out
    assert "– daemon: not running: modem and card are asked directly\n    systemctl start ipad\n" in out
    assert "✘ association: no eIM is associated\n    ipad provision --eim FILE\n" in out


def test_nothing_else_is_looked_at_with_a_wrong_configuration(bench: Workbench) -> None:
    bench.config.write_text("[modem]\nports = 7\n", "utf-8")
    assert list(findings(bench)) == ["configuration"]
    assert "ports: no such key" in faults(bench)["configuration"]


# Modem and card


def test_no_port(bench: Workbench) -> None:
    text = bench.config.read_text("utf-8").replace(f"{bench.directory}/tty", "/dev/no-such-port")
    bench.config.write_text(text, "utf-8")
    assert set(faults(bench)) == {"port", "modem"}
    assert "/dev/no-such-port" in faults(bench)["port"]


def test_a_port_that_nobody_answers_at(bench: Workbench) -> None:
    master, slave = pty.openpty()
    text = bench.config.read_text("utf-8").replace(f"{bench.directory}/tty", os.ttyname(slave))
    bench.config.write_text(text + "at_command = 0.2\n", "utf-8")
    try:
        assert list(faults(bench)) == ["modem"]
    finally:
        os.close(master)
        os.close(slave)


def test_a_card_that_is_no_euicc(tmp_path: Path, pki_dir: Path, capsys: Any) -> None:
    bench = Workbench(tmp_path, pki_dir, capsys)
    bench.configure()
    with MockModem(TinyUicc(), AlwaysOn(), tmp_path / "tty", scale=0.02):
        found = findings(bench)
    assert [name for name, f in found.items() if f["ok"] is False] == ["card"]
    assert found["modem"]["ok"]
    assert "card.isd_r_aid" in found["card"]["advice"]


def test_somebody_else_has_modem_and_card(bench: Workbench) -> None:
    run = bench.directory / "run"
    run.mkdir()
    with lock(run):
        assert "another ipad is running" in faults(bench)["modem"]


@pytest.mark.parametrize("state", ["absent", "locked", "not ready"])
def test_a_sim_that_is_not_ready(state: str) -> None:
    assert doctor.sim(state).ok is False
    assert doctor.sim(state).advice


def test_a_registration_that_is_denied_says_why() -> None:
    found = doctor.registration("denied", 15, "00101")
    assert found.ok is False
    assert "reject cause 15" in found.said
    assert doctor.registration("roaming", None, "00101") == Finding("registration", True, "roaming, 00101")


def test_a_card_without_profile_fallback_or_the_standard() -> None:
    kind = {"kind": "consumer", "means": "consumer (SGP.22): the agent stands in"}
    info = {"eid": "89", "card": kind, "iot_versions": [], "eims": []}
    found = {f.name: f for f in doctor.card(info, [{"iccid": "8", "enabled": False, "fallback": False}])}
    assert {name for name, f in found.items() if f.ok is False} == {
        *("association", "enabled profile", "fallback profile")
    }
    assert all(f.advice for f in found.values() if f.ok is False)
    assert found["kind of card"].ok is None
    assert found["kind of card"].said == kind["means"]


def test_no_bearer() -> None:
    assert doctor.link(False, "no bearer").advice


# The gateway itself


@contextmanager
def as_nobody() -> Iterator[Path]:
    """A directory that this process may not use, also where it runs as root."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        path.chmod(0o700)
        if os.geteuid() == 0:
            os.seteuid(65534)
            try:
                yield path
            finally:
                os.seteuid(0)
        else:
            path.chmod(0)
            try:
                yield path
            finally:
                path.chmod(0o700)


def test_a_directory_that_this_user_may_not_use_or_make() -> None:
    with as_nobody() as path:
        used = doctor.directory("state directory", path)
    assert (used.ok, "may not use" in used.said) == (False, True)
    assert "sudo -u ipad" in used.advice
    with as_nobody() as path:
        made = doctor.directory("state directory", path.parent / "made")
        below = doctor.directory("state directory", Path("/proc/self/status/below"))
    assert made.ok
    made = below
    assert (made.ok, "may not make" in made.said) == (False, True)


def test_a_port_that_this_user_may_not_open_names_its_group() -> None:
    master, slave = pty.openpty()
    name = Path(os.ttyname(slave))
    group = name.group()
    try:
        with as_nobody():
            found = doctor_ports.port(name)
    finally:
        os.close(master)
        os.close(slave)
    if os.geteuid() == 0:
        assert found.ok is False
        assert f"usermod -aG {group}" in found.advice
    assert doctor_ports.port(Path("/etc/passwd")).said == "/etc/passwd is no tty"


def test_a_damaged_journal(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    assert doctor.journal(path).ok is None
    Journal(path).close()
    assert doctor.journal(path) == Finding("journal", True, str(path))
    path.write_bytes(b"not a database, " * 1000)
    assert doctor.journal(path).ok is False
    assert "sets it aside" in doctor.journal(path).advice


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert doctor.disk(tmp_path / "not" / "there").ok
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1024 * 1024}))
    assert doctor.disk(tmp_path) == Finding(
        "disk", False, f"1024 KiB free at {tmp_path}", "make room: 32768 KiB are wanted"
    )


def test_a_clock_that_was_never_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 12.0)
    assert doctor.clock().ok is False


def test_an_interface_that_is_not_there() -> None:
    assert doctor.interface("lo").ok
    assert doctor.interface("wwan99").ok is False
    assert doctor.interface("").ok is None


# The eIM


@pytest.fixture
def reached(bench: Workbench) -> Callable[[EimConfiguration], list[Finding]]:
    from ipad import config

    settings = config.load(bench.config)
    return lambda eim: list(doctor.reaching(eim, settings))


def test_an_eim_with_another_certificate_than_the_card_says(
    reached: Callable[[EimConfiguration], list[Finding]], server: Identity, peer: Peer, tmp_path: Path
) -> None:
    stranger = make_identity(tmp_path, "stranger")
    for anchor in TlsAnchor("certificate", stranger.der), TlsAnchor("key", stranger.spki):
        *others, last = reached(EimConfiguration("eim", f"localhost:{peer.port}", tls_anchor=anchor))
        assert [f.ok for f in others] == [True, True]
        assert (last.name, last.ok) == ("eIM eim: TLS", False)
        assert f"the {anchor.kind} on the card" in last.advice
    own = TlsAnchor("key", server.spki)
    assert all(f.ok for f in reached(EimConfiguration("eim", f"localhost:{peer.port}", tls_anchor=own)))
    no_anchor = reached(EimConfiguration("eim", f"localhost:{peer.port}"))
    assert (no_anchor[-1].ok, "the CA store" in no_anchor[-1].advice) == (False, True)


def test_an_eim_that_is_not_there(reached: Callable[[EimConfiguration], list[Finding]]) -> None:
    nobody, no_port = reached(EimConfiguration("eim", "localhost:1")), reached(EimConfiguration("eim"))
    assert [(f.name, f.ok) for f in nobody] == [("eIM eim: name", True), ("eIM eim: TCP", False)]
    assert [(f.name, f.ok) for f in no_port] == [("eIM eim: name", None)]
    unknown = reached(EimConfiguration("eim", "no-such-host.invalid"))
    assert [(f.name, f.ok) for f in unknown] == [("eIM eim: name", False)]
    assert unknown[0].advice
