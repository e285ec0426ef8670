"""`ipad-testbed`: starts the simulated parts one by one, and looks into them.

Each part that is started prints one line `ready ...` with its address, keeps its state in --state DIR, and
ends on SIGTERM. What can't be done is one sentence on standard error: exit status 2 for the command line, 1
for everything else.
"""

import argparse
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from ipad.errors import ConfigError, IpadError

try:
    from ipad.testbed import modem_command, network_command, pki
    from ipad.testbed.eim import command as eim_command
    from ipad.testbed.euicc.keys import load_credentials
    from ipad.testbed.fleet import command as fleet_command
    from ipad.testbed.process import ready
    from ipad.testbed.smdp import command as smdp_command
    from ipad.testbed.smds import command as smds_command
except ModuleNotFoundError as error:
    if error.name != "cryptography":
        raise
    sys.exit(
        "ipad-testbed: it needs cryptography 38 or later: pip install cryptography (or python3-cryptography)"
    )


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="ipad-testbed", description="The far side of an IPA, simulated.")
    parts = top.add_subparsers(required=True, metavar="PART")
    modem_command.add_parsers(parts)
    eim_command.add_parser(parts)
    smdp_command.add_parser(parts)
    smds_command.add_parser(parts)
    network_command.add_parsers(parts)
    fleet_command.add_parser(parts)
    certificates = parts.add_parser("pki", help="certificates and keys for all parts")
    certificates.add_argument("--state", type=Path, required=True, metavar="DIR", help="where they are made")
    certificates.add_argument("--eid", help="32 digits, of the eUICC's certificate")
    certificates.set_defaults(run=_pki)
    return top


def _pki(args: argparse.Namespace) -> int:
    if args.eid is not None and not _is_eid(args.eid):
        raise ConfigError(f"--eid {args.eid}: {pki.EUM_PREFIX} and 24 more digits wanted, 1 modulo 97 in all")
    pki.make_pki(args.state, args.eid)
    made = load_credentials(args.state).eid
    if args.eid not in (None, made):
        raise ConfigError(f"{args.state}: there is a certificate already, of an eUICC with the EID {made}")
    ready(str(args.state))
    return 0


def _is_eid(text: str) -> bool:
    """Whether this EUM may certify it (SGP.29)."""
    return re.fullmatch(rf"{pki.EUM_PREFIX}[0-9]{{24}}", text) is not None and int(text) % 97 == 1


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one part; the exit status."""
    args = parser().parse_args(argv)
    try:
        status: int = args.run(args)
        print(end="", flush=True)
    except BrokenPipeError:  # whoever reads has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        where = f"{error.filename}: " if error.filename is not None else ""
        print(f"ipad-testbed: {where}{error.strerror or error}", file=sys.stderr)
        return 1
    except (IpadError, OverflowError) as problem:  # OverflowError: a port that there cannot be
        print(f"ipad-testbed: {problem}", file=sys.stderr)
        return 1
    return status


if __name__ == "__main__":
    sys.exit(main())
