"""The package's life on a machine, in order: installed, provisioned, operated, upgraded, removed, purged.

Each test goes on where the one before it stopped.
"""

import errno
import json
import os
import re
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from conftest import FIGURES, SECOND_VERSION
from site_of_test import RIG, Site

BAD_CONFIG = "78"
NO_PERMISSION = 77
IDLE = 20
EXTRA = "8900103000000000017"
SERIAL = {"ttyUSB": 188, "ttyACM": 166, "ttyAMA": 204, "ttyS": 4}


# Installed


def test_it_installs_with_nothing_but_what_it_depends_on(site: Site) -> None:
    site.install()
    assert site.active()
    assert site.machine.says("ipad", "--version") == "ipad 0.1.0"
    assert "no card" in site.shown("StatusText")


def test_its_modules_are_private_and_compiled(site: Site) -> None:
    for module in ("modem", "ipad", "asn1tools", "bitstruct"):
        assert site.machine.run("/usr/bin/python3", "-c", f"import {module}", check=False).returncode == 1
    private = site.machine.root / "usr/share/ipad"
    sources = [file for file in private.rglob("*.py") if "wheels" not in file.parts]
    assert sources
    assert {file.with_suffix("").name for file in sources} == {
        file.name.partition(".")[0] for file in private.rglob("*.pyc")
    }


def test_its_directories_are_its_users(site: Site) -> None:
    for path in ("/var/lib/ipad", "/run/ipad"):
        assert site.machine.says("stat", "--format", "%U:%G %a", path) == "ipad:ipad 750"
    assert site.machine.says("id", "--name", "--groups", "ipad").split() == ["ipad", "dialout"]


def test_the_factory_provisions_it(site: Site) -> None:
    site.rig()
    site.machine.run("systemctl", "stop", "ipad")
    (site.machine.root / "root/eim.der").write_bytes(bytes.fromhex(site.around.first.configuration()))
    answer = json.loads(site.machine.says("ipad", "provision", "--eim", "/root/eim.der", "--json"))
    [eim] = answer["eims"]
    assert answer["eid"] == site.around.card()["eid"]
    site.around.first.register(eid=answer["eid"], token=eim["association_token"])


def test_it_polls_by_itself_once_it_is_started(site: Site) -> None:
    polls = site.around.polls()
    site.machine.run("systemctl", "start", "ipad")
    site.machine.wait("the first poll", lambda: site.around.polls() > polls)
    site.operates()
    assert site.shown("StatusText").startswith("operating")
    site.works()


# Operated


def test_members_of_the_group_may_ask_and_root_may_order(site: Site) -> None:
    site.machine.run("usermod", "--append", "--groups", "ipad", "bob")
    assert site.machine.says("ipad", "status", user="bob").startswith("ipad")
    refused = site.machine.run("ipad", "poll", check=False, user="bob")
    assert refused.returncode == NO_PERMISSION
    assert "only root may order this: poll; try sudo" in refused.stderr
    site.machine.run("ipad", "poll")


def test_others_may_not_even_ask(site: Site) -> None:
    for command in ("status", "history", "poll"):
        refused = site.machine.run("ipad", command, check=False, user="alice")
        assert refused.returncode == NO_PERMISSION
        assert "not permitted" in refused.stderr


def test_the_screen_shows_all_that_matters(site: Site) -> None:
    screen = site.machine.says("ipad", "status")
    for word in ("operating", "profile", "link", "signal", "eim", "next"):
        assert word in screen
    watched = site.machine.run(
        "timeout", "--signal=INT", "3", "ipad", "status", "--watch", "--json", check=False
    )
    assert [json.loads(line)["phase"] for line in watched.stdout.splitlines()] == ["operating"]
    assert watched.stderr == ""


def test_the_journal_can_be_filtered(site: Site) -> None:
    eid = site.around.card()["eid"]
    entries = [json.loads(line) for line in site.log("IPAD_WHAT=operating", "--output=json").splitlines()]
    assert entries
    assert all(entry["PRIORITY"] == "6" and entry["SYSLOG_IDENTIFIER"] == "ipad" for entry in entries)
    assert site.log(f"IPAD_EID={eid[:8]}..{eid[-4:]}")
    assert eid not in site.log("--output=json")


def test_metrics_are_there_for_prometheus(site: Site) -> None:
    collector = "/var/lib/prometheus/node-exporter"
    site.machine.run("mkdir", "--parents", collector)
    site.machine.run("dpkg-statoverride", "--update", "--add", "root", "ipad", "775", collector)
    site.machine.put("/etc/ipad/ipad.toml.d/60-metrics.toml", f'[agent]\nmetrics_dir = "{collector}"\n')
    site.machine.run("systemctl", "restart", "ipad")  # the directory was not there when it started
    site.operates()
    file = f"{collector}/ipad.prom"
    site.machine.wait(
        "the file", lambda: 'ipad_link{link="ok"} 1' in site.machine.says("cat", file, user="alice")
    )


def test_a_member_writes_the_report(site: Site) -> None:
    answer = json.loads(site.machine.says("ipad", "report", "--html", "/tmp/bob.html", "--json", user="bob"))
    assert answer["missing"] == []
    assert answer["samples"] > 0
    text = site.machine.says("cat", "/tmp/bob.html")
    assert site.around.card()["eid"] not in text
    assert "<svg" in text


def test_the_configuration_says_where_it_is_from(site: Site) -> None:
    assert f"# {RIG}" in site.machine.says("ipad", "config", "show", user="alice")
    assert "all well" in site.machine.says("ipad", "config", "check", user="alice")


def test_the_shell_completes_it(site: Site) -> None:
    script = (
        "source /usr/share/bash-completion/completions/ipad; COMP_WORDS=(ipad '%s'); COMP_CWORD=1; _ipad;"
        'echo "${COMPREPLY[@]}"'
    )
    assert site.machine.says("bash", "-c", script % "hi") == "history"
    offered = site.machine.says("bash", "-c", script % "").split()
    listed = site.machine.says("ipad", "--help")
    commands = re.findall(r"^    (\w+)", listed, re.MULTILINE)
    assert set(commands) == set(offered) - {"--help", "--version"}


def test_the_doctor_finds_nothing_wrong(site: Site) -> None:
    done = site.machine.run("ipad", "doctor", "--json")
    assert json.loads(done.stdout)["ok"] is True


def test_its_connections_can_be_bound_to_an_interface(site: Site) -> None:
    """Without a capability, from inside the sandbox. The loopback interface stands in for wwan0."""
    file = "/etc/ipad/ipad.toml.d/70-interface.toml"
    for name, holds in (("nosuch0", False), ("lo", True)):
        site.machine.put(file, f'[connectivity]\ninterface = "{name}"\n')
        site.machine.run("systemctl", "reload", "ipad")
        site.operates()
        assert (site.machine.run("ipad", "poll", check=False).returncode == 0) is holds
    site.works()
    site.machine.run("rm", file)
    site.machine.run("systemctl", "reload", "ipad")
    site.operates()


def test_after_a_reboot_it_is_ready_by_itself(site: Site) -> None:
    polls = site.around.polls()
    site.machine.power_off()
    site.machine.boot()
    site.machine.wait("the service", site.active)
    ready = datetime.strptime(site.shown("ActiveEnterTimestamp"), "%a %Y-%m-%d %H:%M:%S.%f %Z")
    seconds = ready.replace(tzinfo=UTC).timestamp() - site.machine.booted
    FIGURES.append(
        f"boot to READY: {seconds:.2f} s (goal: 2 s), of the whole machine, systemd-nspawn's start included"
    )
    site.machine.wait("a poll", lambda: site.around.polls() > polls)
    site.operates()


def test_its_sandbox_is_what_systemd_calls_safe(site: Site) -> None:
    said = site.machine.says("systemd-analyze", "security", "--no-pager", "--threshold=15", "ipad")
    FIGURES.append(said.splitlines()[-1].replace("→ ", "systemd-analyze security: ") + " (goal: 1.5)")


def test_of_devices_it_gets_serial_ports_only(site: Site, tmp_path: Path) -> None:
    ports = {name: _opened(site, tmp_path, major) for name, major in SERIAL.items()}
    assert errno.EPERM not in ports.values(), ports
    others = {major: _opened(site, tmp_path, major, minor) for major, minor in ((1, 11), (10, 63), (5, 1))}
    assert set(others.values()) == {errno.EPERM}, others


def test_its_memory_is_measured(site: Site) -> None:
    status = (Path("/proc") / _host_pid(site) / "status").read_text()
    [kib] = re.findall(r"VmRSS:\s*(\d+) kB", status)
    FIGURES.append(f"resident memory after polls: {int(kib) * 1024 / 1e6:.1f} MB (goal: 32 MB)")
    assert int(kib) < 96 * 1024  # MemoryMax= is not enforced here


def test_it_sleeps_when_there_is_nothing_to_do(site: Site) -> None:
    site.works()
    spent = int(site.shown("CPUUsageNSec"))
    site.machine.run("sleep", str(IDLE))
    share = (int(site.shown("CPUUsageNSec")) - spent) / 1e9 / IDLE
    FIGURES.append(f"idle processor time, {IDLE} s: {100 * share:.2f} % of a core (goal: 0.1 %)")


def test_the_watchdog_bites_when_the_loop_stops(site: Site) -> None:
    site.drop_in("quick", "WatchdogSec=3")
    site.machine.run("systemctl", "restart", "ipad")
    site.operates()
    pid, restarts = site.pid(), int(site.shown("NRestarts"))
    site.signal(pid, "STOP")
    site.machine.wait("a restart", lambda: int(site.shown("NRestarts")) > restarts)
    assert "Watchdog timeout" in site.log("--boot")
    site.operates()
    assert site.pid() != pid
    site.works()


def test_a_loop_that_goes_on_is_left_alone(site: Site) -> None:
    pid, marks = site.pid(), site.log("--boot").count("Watchdog timeout")
    site.machine.run("sleep", "7")  # twice the watchdog's patience
    assert site.pid() == pid
    assert site.log("--boot").count("Watchdog timeout") == marks


def test_what_is_killed_comes_back(site: Site) -> None:
    pid = site.pid()
    site.signal(pid, "KILL")
    site.machine.wait("another process", lambda: site.pid() not in (0, pid))
    site.operates()
    site.works()


def test_a_wrong_configuration_is_shown_by_systemctl(site: Site) -> None:
    wrong = "/etc/ipad/ipad.toml.d/90-wrong.toml"
    site.machine.put(wrong, "[waits]\ntrail = 60\n")
    assert site.machine.run("systemctl", "restart", "ipad", check=False).returncode != 0
    site.machine.wait("the end", lambda: site.shown("ExecMainStatus") == BAD_CONFIG)
    said = f"{wrong}: waits.trail: no such key"
    site.machine.wait("the sentence", lambda: said in _status(site))  # journald takes its time
    assert "status=78" in _status(site)
    assert site.machine.run("ipad", "status", check=False).returncode == int(BAD_CONFIG)
    site.machine.run("rm", wrong)
    site.operates()  # by itself


def test_a_reload_keeps_what_is_right(site: Site) -> None:
    pid = site.pid()
    wrong = "/etc/ipad/ipad.toml.d/90-wrong.toml"
    site.machine.put(wrong, "[waits]\ntrial = 0\n")
    site.machine.run("systemctl", "reload", "ipad")
    site.machine.wait("the report", lambda: "the configuration stays as it was" in site.log("--boot"))
    site.machine.run("rm", wrong)
    site.machine.run("systemctl", "reload", "ipad")
    site.operates()
    assert site.pid() == pid
    site.works()


def test_the_testbed_installs_beside_it(site: Site) -> None:
    site.install("ipad-testbed")
    assert site.machine.says("ipad-testbed", "pki", "--state", "/tmp/pki") == "ready /tmp/pki"


# Upgraded and removed


def test_an_upgrade_in_the_middle_of_a_poll_loses_nothing(site: Site, second: Path) -> None:
    rows = len(site.ask("history"))
    site.around.eim("POST", "/faults", {"fault": "slow", "function": "GetEimPackage", "seconds": 0.5})
    package, polls = site.around.order({"listProfileInfo": {}}), site.around.polls()
    site.machine.run("systemd-run", "--quiet", "ipad", "poll")
    site.machine.wait("the request", lambda: site.around.polls() > polls)
    site.machine.run("dpkg", "--purge", "ipad-testbed")
    site.install("ipad", second)
    assert site.machine.says("dpkg-query", "--show", "--showformat=${Version}", "ipad") == SECOND_VERSION
    site.around.eim("DELETE", "/faults")
    site.operates()
    site.machine.run("ipad", "poll")
    assert site.around.state_of(package) == "done"
    assert site.around.accepted_results(package) == 1
    assert len(site.ask("history", "-n", "1000")) >= min(rows, 200)
    assert site.machine.says("cat", RIG)


def test_an_upgrade_in_the_middle_of_a_download_loses_nothing(site: Site, second: Path) -> None:
    site.install("ipad")
    for file in (site.around.directory / "ci").iterdir():
        site.machine.put(f"/etc/ipad/ci/{file.name}", file.read_text("utf-8"))
    site.operates()
    code = site.around.order_profile({"iccid": EXTRA, "name": "Extra", "size": 300_000})
    package = site.around.queue({"download": {"activationCode": code}})
    site.machine.run("systemd-run", "--quiet", "ipad", "poll")
    site.machine.wait("some of it", lambda: 0 < _downloaded(site) < 80)
    site.install("ipad", second)
    site.operates()
    site.machine.run("ipad", "poll")
    assert site.around.state_of(package) == "done"
    assert [profile["iccid"] for profile in site.ask("profiles")].count(EXTRA) == 1
    assert len(site.around.smdp.installed(EXTRA)) == 1
    assert site.around.eim("GET", "/results")


def test_removed_it_is_stopped_and_its_state_stays(site: Site) -> None:
    site.machine.run("dpkg", "--remove", "ipad")
    assert not site.active()
    assert site.machine.run("sh", "-c", "ls /usr/share/ipad", check=False).returncode != 0
    assert site.machine.run("test", "-s", "/var/lib/ipad/journal.db").returncode == 0
    assert site.machine.run("test", "-e", "/etc/ipad/ipad.toml").returncode == 0


def test_installed_again_it_goes_on(site: Site) -> None:
    site.install()
    site.operates()
    site.works()


def test_purged_its_state_is_gone(site: Site) -> None:
    site.machine.run("dpkg", "--purge", "ipad")
    for path in ("/var/lib/ipad", "/run/ipad", "/etc/ipad/ipad.toml", "/usr/share/ipad", "/usr/bin/ipad"):
        assert site.machine.run("test", "-e", path, check=False).returncode == 1, path
    assert site.machine.run("systemctl", "cat", "ipad", check=False).returncode != 0


def _status(site: Site) -> str:
    return site.machine.run("systemctl", "status", "ipad", "--no-pager", "--full", check=False).stdout


def _downloaded(site: Site) -> int:
    """Percent of the download that is under way; -1: none is."""
    progress = site.ask("status")["download"]
    return -1 if progress is None else int(progress["percent"])


def _procs(site: Site) -> Path:
    """The processes of the service's cgroup, as the host counts."""
    return (
        Path("/sys/fs/cgroup/unified") / site.machine.name / "payload/system.slice/ipad.service/cgroup.procs"
    )


def _host_pid(site: Site) -> str:
    return _procs(site).read_text().split()[0]


def _opened(site: Site, directory: Path, major: int, minor: int = 200) -> int:
    """The errno of opening such a character device in the service's cgroup; 0: it opens."""
    node = directory / f"{major}-{minor}"
    os.mknod(node, 0o666 | stat.S_IFCHR, os.makedev(major, minor))
    script = "import os, sys\ntry: os.open(sys.argv[1], os.O_RDONLY | os.O_NONBLOCK)\n"
    script += "except OSError as error: sys.exit(error.errno)"
    procs = _procs(site)
    command = [sys.executable, "-c", script, str(node)]
    return subprocess.run(command, preexec_fn=lambda: _join(procs), check=False).returncode


def _join(procs: Path) -> None:
    procs.write_text(str(os.getpid()))
