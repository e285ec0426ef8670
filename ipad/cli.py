"""The `ipad` command: the daemon, and the questions and orders for it."""

import argparse
import errno
import io
import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ipad import __version__, config, show
from ipad.config import Config
from ipad.connectivity.state import Download
from ipad.control import NotPermitted, ask
from ipad.errors import ConfigError, IpadError
from modem.errors import ModemError

# sysexits(3), documented in the manual.
OK = 0
FAILED = 1
UNAVAILABLE = 69
NO_PERMISSION = 77
BAD_CONFIG = 78
INTERRUPTED = 130
"""As a shell counts it: 128 and SIGINT."""

_QUESTION_SECONDS = 10.0
_ORDER_SECONDS = 900.0
_DOWNLOAD_SECONDS = 3600.0


class NotRunning(IpadError):
    """The daemon does not answer on its socket."""


def main(argv: list[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that has no ✔ shows another mark
    arguments = _parser().parse_args(argv)
    try:
        status = _carry_out(arguments)
        print(end="", flush=True)  # what cannot be written is known here, not when Python ends
    except ConfigError as error:
        return _fail(error, NO_PERMISSION if _forbidden(error) else BAD_CONFIG)
    except NotRunning as error:
        return _fail(error, UNAVAILABLE)
    except (IpadError, ModemError) as error:
        return _fail(error, NO_PERMISSION if _forbidden(error) else FAILED)
    except BrokenPipeError:
        _drop_output()  # whoever reads has seen enough
        return OK
    except PermissionError as error:
        return _fail(f"{error.filename or 'the control socket'}: not permitted; try sudo", NO_PERMISSION)
    except OSError as error:
        _drop_output()
        return _fail(f"{error.filename or 'writing the answer'}: {error.strerror}", FAILED)
    except KeyboardInterrupt:
        goes_on = arguments.command in _ORDERS
        return _fail("interrupted" + ("; the daemon goes on with it" if goes_on else ""), INTERRUPTED)
    return status


def _carry_out(arguments: argparse.Namespace) -> int:
    if arguments.command == "run":
        from ipad import daemon

        daemon.run(arguments.config)
        return OK
    if arguments.command == "doctor":
        return _doctor(arguments)
    if arguments.command == "config":
        _config(arguments)
        return OK
    _COMMANDS[arguments.command](arguments, config.load(arguments.config))
    return OK


def _forbidden(error: BaseException | None) -> bool:
    """Whether what is behind it is that this user may not do that."""
    while error is not None:
        if isinstance(error, NotPermitted) or getattr(error, "errno", None) in (errno.EACCES, errno.EPERM):
            return True
        error = error.__cause__
    return False


def _drop_output() -> None:
    """What is still to be written at the end goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(error: object, status: int) -> int:
    print(f"ipad: {error}", file=sys.stderr)
    return status


_ORDERS = ("poll", "fallback", "return", "inject", "download")
"""What the daemon does to its end, whether somebody waits for it or not."""


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError(f"expected 1 or more, not {count}")
    return count


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ipad", description="SGP.32 IoT Profile Assistant: the daemon, and questions and orders for it."
    )
    parser.add_argument("--version", action="version", version=f"ipad {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, help_text in _HELP.items():
        command = commands.add_parser(name, help=help_text, description=help_text)
        command.add_argument(
            "--config", type=Path, metavar="FILE", help=f"configuration (default: {config.DEFAULT_PATH})"
        )
        if name != "run":
            command.add_argument("--json", action="store_true", help="print JSON")
        if name == "status":
            command.add_argument("--watch", action="store_true", help="show it again when it changes")
        if name == "history":
            command.add_argument("-n", "--lines", type=_count, default=40, help="how many (default: 40)")
        if name == "info":
            command.add_argument(
                "--device-key",
                action="store_true",
                help="print the public key that signs results for a consumer card, for its eIM (PEM)",
            )
        if name == "report":
            command.add_argument("--html", type=Path, required=True, metavar="FILE", help="where to")
            command.add_argument("--days", type=_count, default=365, help="of the timeline (default: 365)")
        if name == "config":
            command.add_argument("do", choices=("check", "show"))
        if name == "provision":
            command.add_argument(
                "--eim", type=Path, required=True, metavar="FILE", help="EimConfigurationData, DER or TOML"
            )
            command.add_argument(
                "--immediate-enable", action="store_true", help="switch immediate enabling on first"
            )
            command.add_argument("--smdp", metavar="ADDRESS", help="set the default SM-DP+ address")
        if name == "inject":
            command.add_argument("file", type=Path, metavar="FILE", help="the package, DER or hex")
            command.add_argument("--out", type=Path, metavar="FILE", help="its result (default: FILE.result)")
        if name == "download":
            command.add_argument(
                "code",
                nargs="?",
                metavar="CODE",
                help="activation code, - for a line of standard input (default: the card's default SM-DP+)",
            )
            command.add_argument("--confirmation-code", default="", metavar="CODE", help="if it wants one")
            command.add_argument(
                "--smds",
                nargs="?",
                const="",
                metavar="ADDRESS",
                help="ask an SM-DS where a profile waits (default: the card's)",
            )
        if name == "trace":
            command.add_argument("do", choices=("start", "stop"))
            command.add_argument(
                "directory",
                nargs="?",
                type=Path,
                metavar="DIR",
                help="where to (default: trace in state_dir)",
            )
    return parser


_HELP = {
    "run": "run the daemon in the foreground",
    "status": "where the gateway is: profile, link, eIMs, what it waits for",
    "why": "the reason for what it is doing, and until when",
    "profiles": "the profiles on the card",
    "info": "the card: EID, capabilities, associated eIMs",
    "history": "what happened so far",
    "poll": "poll the eIMs now",
    "fallback": "switch to the fallback profile now",
    "return": "return from the fallback profile now",
    "provision": "factory: associate the card with its first eIM",
    "download": "download a profile and install it",
    "inject": "execute a package that came by another way than the eIM's",
    "doctor": "check modem, card, eIM, clock, trust and permissions one by one",
    "report": "write a page for a support engineer: timeline, facts, history",
    "config": "check the configuration, or show every key's value and where it is from",
    "trace": "write what is said to card and servers to files, or stop that",
}


def _ask(
    settings: Config,
    request: dict[str, Any],
    seconds: float = _QUESTION_SECONDS,
    meanwhile: Callable[[], None] | None = None,
) -> Any:
    path = Path(settings.agent.runtime_dir) / "control.sock"
    try:
        return ask(path, request, seconds, meanwhile)
    except (FileNotFoundError, ConnectionRefusedError) as error:
        raise NotRunning(
            f"the daemon is not running (nothing listens on {path}); start it with: systemctl start ipad"
        ) from error


def _print(arguments: argparse.Namespace, answer: Any, lines: Callable[[Any], list[str]]) -> None:
    print(json.dumps(answer, indent=2) if arguments.json else "\n".join(lines(answer)))


def _question(name: str, lines: Callable[[Any], list[str]]) -> Callable[[argparse.Namespace, Config], None]:
    def command(arguments: argparse.Namespace, settings: Config) -> None:
        _print(arguments, _ask(settings, {"ask": name}), lines)

    return command


def _status(arguments: argparse.Namespace, settings: Config) -> None:
    if not arguments.watch:
        _question("status", show.status)(arguments, settings)
        return
    from ipad import watch

    with suppress(KeyboardInterrupt):
        watch.run(lambda: _ask(settings, {"ask": "status"}), NotRunning, arguments.json)


def _card_question(
    name: str, lines: Callable[[Any], list[str]]
) -> Callable[[argparse.Namespace, Config], None]:
    """Asks the daemon, or the card itself when no daemon is running."""

    def command(arguments: argparse.Namespace, settings: Config) -> None:
        try:
            answer = _ask(settings, {"ask": name})
        except NotRunning:
            from ipad import direct

            answer = direct.ask(settings, name)
        _print(arguments, answer, lines)

    return command


def _history(arguments: argparse.Namespace, settings: Config) -> None:
    entries = _ask(settings, {"ask": "history"})
    _print(arguments, entries[-arguments.lines :], show.history)


def _order(name: str) -> Callable[[argparse.Namespace, Config], None]:
    def command(arguments: argparse.Namespace, settings: Config) -> None:
        answer = _ask(settings, {"order": name}, _ORDER_SECONDS)
        _print(arguments, answer, show.order)
        if answer["problem"]:
            raise IpadError(answer["problem"])

    return command


def _info(arguments: argparse.Namespace, settings: Config) -> None:
    if not arguments.device_key:
        _card_question("info", show.info)(arguments, settings)
        return
    from ipad.opening import device_key

    key = device_key(settings)
    if arguments.json:
        print(json.dumps({"deviceKey": key.public_der().hex()}))
    else:
        print(key.public_pem(), end="")


def _provision(arguments: argparse.Namespace, settings: Config) -> None:
    from ipad import provision

    record = provision.run(
        settings, arguments.eim, immediate_enable=arguments.immediate_enable, smdp=arguments.smdp
    )
    print(json.dumps(record) if arguments.json else "\n".join(show.provisioned(record)))


def _download(arguments: argparse.Namespace, settings: Config) -> None:
    from ipad import download

    trigger = download.trigger(arguments.code, arguments.smds)
    request = {"order": "download", "trigger": trigger.hex()}
    shown: list[str] = []

    def tell(progress: dict[str, Any] | None) -> None:
        line = show.downloading(progress) if progress else ""
        if line and not arguments.json and shown[-1:] != [line]:
            shown.append(line)
            print(line, flush=True)

    def look() -> None:
        tell(_ask(settings, {"ask": "status"})["download"])

    code = arguments.confirmation_code
    try:
        answer = _ask(settings, {**request, "confirmation_code": code}, _DOWNLOAD_SECONDS, look)
    except NotRunning:
        answer = download.without_daemon(settings, Download(trigger, code), tell)
    _print(arguments, answer, show.downloaded)
    if answer["problem"]:
        raise IpadError(answer["problem"])


def _inject(arguments: argparse.Namespace, settings: Config) -> None:
    from ipad import inject

    package = inject.package(arguments.file)
    out = arguments.out or arguments.file.with_name(f"{arguments.file.name}.result")
    with inject.result_file(out) as write:
        answer = _ask(settings, {"order": "inject", "package": package.hex()}, _ORDER_SECONDS)
        if answer["problem"]:
            raise IpadError(answer["problem"])
        response = bytes.fromhex(answer["response"])
        write(response)
    well, words = inject.told(response)
    _print(arguments, {**answer, "ok": well, "words": words, "written": str(out)}, show.injected)
    if not well:
        raise IpadError(f"{arguments.file}: {words[0]}")


def _trace(arguments: argparse.Namespace, settings: Config) -> None:
    request = {"order": "trace", "do": arguments.do}
    if arguments.directory is not None:
        request["directory"] = str(arguments.directory.absolute())
    _print(arguments, _ask(settings, request), show.trace)


def _config(arguments: argparse.Namespace) -> None:
    from ipad import config_command

    if arguments.do == "check":
        _print(arguments, config_command.check(arguments.config), config_command.checked)
    else:
        _print(arguments, config_command.show(arguments.config), config_command.shown)


def _report(arguments: argparse.Namespace, settings: Config) -> None:
    from ipad import report

    def asked(question: str) -> Any:
        return _ask(settings, {"ask": question})

    _print(arguments, report.run(arguments.config, arguments.html, arguments.days, asked), report.written)


def _doctor(arguments: argparse.Namespace) -> int:
    from ipad import doctor

    findings = []
    for finding in doctor.examine(arguments.config):
        findings.append(asdict(finding))
        if not arguments.json:
            print("\n".join(show.finding(findings[-1])), flush=True)
    well = all(finding["ok"] is not False for finding in findings)
    if arguments.json:
        print(json.dumps({"ok": well, "findings": findings}, indent=2))
    if well:
        return OK
    return BAD_CONFIG if findings[0]["ok"] is False else FAILED  # the first is the configuration


_COMMANDS: dict[str, Callable[[argparse.Namespace, Config], None]] = {
    "status": _status,
    "why": _question("status", show.why),
    "profiles": _card_question("profiles", show.profiles),
    "info": _info,
    "history": _history,
    "poll": _order("poll"),
    "fallback": _order("fallback"),
    "return": _order("return"),
    "report": _report,
    "provision": _provision,
    "download": _download,
    "inject": _inject,
    "trace": _trace,
}

if __name__ == "__main__":
    sys.exit(main())
