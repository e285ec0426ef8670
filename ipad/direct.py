"""The card without the daemon: for questions when none is running, and for the factory."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ipad import asn1, snapshot
from ipad.config import Config
from ipad.errors import IpadError
from ipad.euicc import es10b, es10c
from ipad.euicc.isdr import Isdr
from ipad.instance import lock, make_directories
from ipad.opening import open_isdr, open_modem
from ipad.procedures.gateway import Contents
from modem.errors import NoCard

FILE_LIMIT = 64 * 1024
"""Octets of a file with EimConfigurationData."""


def ask(settings: Config, name: str) -> Any:
    """`profiles` or `info`, read from the card now."""
    with _card(settings) as isdr:
        contents = Contents(
            es10c.eid(isdr), es10b.info2(isdr), es10c.profiles(isdr), es10b.eim_configurations(isdr)
        )
    return snapshot.profiles(contents) if name == "profiles" else snapshot.info(contents)


def provision(settings: Config, file: Path) -> dict[str, Any]:
    """AddInitialEim (SGP.32 5.9.4) with the EimConfigurationData in `file`, unless it is there already."""
    try:
        with file.open("rb") as opened:
            der = opened.read(FILE_LIMIT + 1)
    except OSError as error:
        raise IpadError(f"reading {file}: {error.strerror}") from error
    if len(der) > FILE_LIMIT:
        raise IpadError(f"{file}: more than {FILE_LIMIT} octets: not EimConfigurationData")
    try:
        eim_id: str = asn1.decode("EimConfigurationData", der)["eimId"]
    except asn1.DecodeError as error:
        raise IpadError(f"{file}: not EimConfigurationData in DER: {error}") from error
    with _card(settings) as isdr:
        associated = es10b.eim_configurations(isdr)
        known = next((e for e in associated if e.eim_id == eim_id), None)
        token = known.association_token if known else es10b.add_initial_eim(isdr, [der])[0]
        return {
            "eid": es10c.eid(isdr).hex(),
            "eim_id": eim_id,
            "association_token": token,
            "changed": known is None,
        }


@contextmanager
def _card(settings: Config) -> Iterator[Isdr]:
    """The ISD-R, with the lock that keeps the daemon away for as long as it is used."""
    _, runtime_dir = make_directories(settings)
    with lock(runtime_dir):
        modem = open_modem(settings, lambda: None)
        isdr = open_isdr(settings, modem, lambda: None)
        try:
            _await_card(isdr)
            yield isdr
        finally:
            isdr.close()
            modem.close()


def _await_card(isdr: Isdr) -> None:
    """A modem that has just been powered up needs a moment to find its card."""
    end = time.monotonic() + isdr.waits.sim_ready
    while True:
        try:
            es10c.eid(isdr)
            return
        except NoCard:
            if time.monotonic() > end:
                raise
            time.sleep(isdr.waits.poll_ready)
