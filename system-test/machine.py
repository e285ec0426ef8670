"""A Debian of its own: made once by debootstrap, booted with systemd-nspawn, entered with nsenter.

Meant for machines whose own init is no systemd and whose cgroups are of the first version: the payload gets
the second one by a hierarchy of its own, and no service of the host is asked for anything. Of the host it
sees the pseudo terminals, at /hostpts, and the loopback network.
"""

import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

CACHE = Path(os.environ.get("IPAD_SYSTEM_TEST_CACHE", "/var/cache/ipad-system-test"))
PACKAGES = (
    *("systemd", "systemd-sysv", "dbus", "ca-certificates", "iproute2", "bash-completion"),
    # What the package depends on; the last one by a name that debootstrap does not know to be provided.
    *("python3", "python3-serial", "python3-cryptography", "python3-sdnotify", "python3-cffi-backend"),
)
_CGROUPS = Path("/sys/fs/cgroup")
_HIERARCHIES = ("unified", "systemd")
_BOOTS_WITHIN = 60.0
_ENDS_WITHIN = 60.0
_LOOK = 0.05


def base(suite: str) -> Path:
    """The root of a minimal Debian with the package's dependencies; made if it is not cached yet."""
    key = hashlib.sha256(" ".join(PACKAGES).encode()).hexdigest()[:12]
    root = CACHE / f"{suite}-{key}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not root.exists():
            trial = CACHE / f"{root.name}.new"
            shutil.rmtree(trial, ignore_errors=True)
            print(f"debootstrap: {suite} in {root}, once", flush=True)
            command = [
                "debootstrap",
                "--variant=minbase",
                f"--include={','.join(PACKAGES)}",
                suite,
                str(trial),
            ]
            done = subprocess.run(
                command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
            )
            if done.returncode:
                raise RuntimeError("debootstrap failed: " + "\n".join(done.stdout.splitlines()[-5:]))
            trial.rename(root)
    return root


class Machine:
    """A machine in `directory`, with what is done to it kept there; its base stays as it is.

    suite: of Debian, by its name. alone: with a loopback network of its own, not the host's.
    """

    def __init__(self, directory: Path, name: str, suite: str = "bookworm", alone: bool = False) -> None:
        self.name = name
        self._network = ["--private-network"] if alone else []
        self._suite = suite
        self.root = directory / "root"
        self.console = directory / "console.log"
        self._layers = directory / "upper", directory / "work"
        self._nspawn: subprocess.Popen[bytes] | None = None
        self._leader = 0
        self.booted = 0.0
        """Seconds since the epoch, when it was last switched on."""

    def __enter__(self) -> Self:
        for layer in (self.root, *self._layers):
            layer.mkdir(parents=True)
        upper, work = self._layers
        options = f"lowerdir={base(self._suite)},upperdir={upper},workdir={work}"
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, str(self.root)], check=True)
        (self.root / "etc/machine-id").write_text("")
        (self.root / "etc/hostname").write_text("gateway\n")
        (self.root / "etc/hosts").write_text("127.0.0.1 localhost gateway\n")
        return self

    def __exit__(self, *_: object) -> None:
        try:
            if self._nspawn is not None:
                self.power_off()
        finally:
            subprocess.run(["umount", "--lazy", str(self.root)], check=False)

    def boot(self) -> None:
        """Switches it on; returns when it takes commands."""
        groups = [_CGROUPS / hierarchy / self.name for hierarchy in _HIERARCHIES]
        for group in groups:
            group.mkdir(exist_ok=True)

        def enter() -> None:
            for group in groups:
                (group / "cgroup.procs").write_text(str(os.getpid()))

        command = [
            "systemd-nspawn",
            *("--directory", str(self.root), "--boot", "--console=read-only", "--register=no", "--keep-unit"),
            *self._network,
            *("--machine", self.name, "--bind=/dev/pts:/hostpts"),
            "--system-call-filter=bpf",  # DeviceAllow= is enforced with it only
        ]
        self.booted = time.time()
        with self.console.open("ab") as console:
            self._nspawn = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
                preexec_fn=enter,
            )
        self._leader = self._await_leader(
            _CGROUPS / "unified" / self.name / "payload/init.scope/cgroup.procs"
        )
        self.wait("the machine to boot", lambda: self._state() in ("running", "degraded"), _BOOTS_WITHIN)

    def power_off(self) -> None:
        """Switches it off, in order: its services are stopped."""
        assert self._nspawn is not None
        with suppress(ProcessLookupError):
            os.kill(self._leader, signal.SIGRTMIN + 4)
        try:
            self._nspawn.wait(_ENDS_WITHIN)
        except subprocess.TimeoutExpired:
            self._nspawn.kill()
            self._nspawn.wait()
        self._nspawn = None
        for hierarchy in _HIERARCHIES:
            top = _CGROUPS / hierarchy / self.name
            for group in sorted(top.rglob("*"), reverse=True):
                if group.is_dir():
                    with suppress(OSError):
                        group.rmdir()
            with suppress(OSError):
                top.rmdir()

    def run(
        self, *command: str, check: bool = True, user: str = "root"
    ) -> "subprocess.CompletedProcess[str]":
        """A command on it, to its end. check: it has to succeed."""
        inside = ["nsenter", "--target", str(self._leader), "--all", "--root", "--wd"]
        if user != "root":
            inside += ["runuser", "--user", user, "--"]
        environment = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": "C.UTF-8",
            "DEBIAN_FRONTEND": "noninteractive",
        }
        done = subprocess.run(
            [*inside, *command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
            env=environment,
        )
        assert not check or done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}"
        return done

    def says(self, *command: str, user: str = "root") -> str:
        """What a command prints that has to succeed."""
        return self.run(*command, user=user).stdout.strip()

    def put(self, path: str, text: str) -> None:
        """Writes a file on it."""
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")

    def wait(self, what: str, holds: Callable[[], bool], seconds: float = 60.0) -> None:
        """Until it holds; an error if it does not in time."""
        end = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > end:
                raise AssertionError(f"waited {seconds:.0f} s in vain for {what}")
            time.sleep(_LOOK)

    def _state(self) -> str:
        return self.run("systemctl", "is-system-running", check=False).stdout.strip()

    def _await_leader(self, procs: Path) -> int:
        end = time.monotonic() + _BOOTS_WITHIN
        while time.monotonic() < end:
            if self._nspawn is None or self._nspawn.poll() is not None:
                raise RuntimeError(
                    f"systemd-nspawn ended: {self.console.read_text('utf-8', 'replace')[-500:]}"
                )
            with suppress(OSError):
                if pids := procs.read_text().split():
                    return int(pids[0])
            time.sleep(_LOOK)
        raise RuntimeError("systemd-nspawn started no init")
