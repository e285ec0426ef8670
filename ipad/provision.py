"""The factory's step: a card gets its first eIM, and what else has to be set before it is shipped.

Everything is read before it is set, and again after: a run that broke off is completed by the next one, and a
run that finds everything as it should be changes nothing.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ipad import direct, eim_file
from ipad.config import Config
from ipad.direct import Parts
from ipad.eim_file import Factory
from ipad.errors import DecodeError, IpadError
from ipad.euicc import es10a, es10b, read
from ipad.euicc.iot import IotFunctions, stands_in
from ipad.euicc.isdr import Isdr
from ipad.euicc.model import EimConfiguration
from ipad.net.trust import subject_public_key_info

_IMMEDIATE_ENABLE = "ConfigureImmediateProfileEnabling"


def run(
    settings: Config, file: Path, *, immediate_enable: bool = False, smdp: str | None = None
) -> dict[str, Any]:
    """Provisions the card with what `file` says; returns the record for the factory.

    immediate_enable, smdp: on top of the file's [factory]. Raises IpadError, also for a card that is
    associated with another eIM: nothing is changed then.
    """
    wanted = eim_file.load(file)
    if immediate_enable:
        wanted = replace(wanted, immediate_enable=True)
    if smdp is not None:
        if not eim_file.is_address(smdp):
            raise IpadError(f"--smdp {smdp}: expected a host name")
        wanted = replace(wanted, default_smdp=smdp)
    with direct.opened(settings) as parts:
        return _provision(parts, wanted, file)


def _provision(parts: Parts, wanted: Factory, file: Path) -> dict[str, Any]:
    isdr = parts.isdr
    eid = direct.await_card(isdr)
    radio = parts.modem.radio
    imei = radio.identity().imei if radio is not None else None
    iot = parts.iot()
    unread = ["counterValue"]
    associated = _associated(iot.eim_configurations(), wanted.eims, file)
    did = []
    if wanted.immediate_enable is not None:
        unread.append("immediate enabling")
        if iot.kind == "iot" and not associated:
            did.append(_configure_immediate_enabling(isdr, wanted))
    if wanted.default_smdp is not None:
        former = es10a.configured_addresses(isdr).default_smdp
        if former != wanted.default_smdp:
            es10a.set_default_dp_address(isdr, wanted.default_smdp, consumer=iot.kind == "consumer")
            did.append(f"default SM-DP+ address: {wanted.default_smdp} (was: {former or 'none'})")
    if not associated:
        iot.add_initial_eim(wanted.eims)
        names = (read.eim_configuration(der).eim_id for der in wanted.eims)
        did.append(f"associated with {', '.join(names)}")
    return {
        "eid": eid.hex(),
        "iccids": [profile.iccid for profile in iot.profiles()],
        "imei": imei,
        **_read_back(parts.isdr, iot, wanted),
        "changed": bool(did),
        "did": did,
        "not_read_back": unread,
        "notes": _notes(iot, wanted, associated),
    }


def _configure_immediate_enabling(isdr: Isdr, wanted: Factory) -> str:
    """Before AddInitialEim: afterwards the card refuses it (SGP.32 5.9.17)."""
    enable = bool(wanted.immediate_enable)
    es10b.configure_immediate_enabling(
        isdr,
        enable,
        smdp_oid=wanted.default_smdp_oid if enable else None,
        smdp_address=wanted.default_smdp if enable else None,
    )
    return f"immediate enabling switched {'on' if enable else 'off'}"


def _associated(found: Sequence[EimConfiguration], wanted: Sequence[bytes], file: Path) -> bool:
    """False: no eIM is associated. True: those that are wanted are, as they should be. IpadError: others."""
    problems = _problems(found, wanted)
    if found and problems:
        raise IpadError(
            f"the card is associated with {', '.join(eim.eim_id for eim in found)} already, and not as "
            f"{file} wants it: {'; '.join(problems)}. Nothing was changed: a first association is made only "
            "once. Let an eIM that is associated change it (addEim, updateEim), or clear the card first "
            "(EuiccMemoryReset with resetEimConfigData)"
        )
    return bool(found)


def _problems(found: Sequence[EimConfiguration], wanted: Sequence[bytes]) -> list[str]:
    """What of the wanted eIMs is not as it should be, as phrases."""
    known = {eim.eim_id: eim for eim in found}
    problems = []
    for target in map(read.eim_configuration, wanted):
        if target.eim_id in known:
            problems += differences(target, known[target.eim_id])
        else:
            problems.append(f"{target.eim_id} is not associated")
    return problems


def differences(wanted: EimConfiguration, known: EimConfiguration) -> list[str]:
    """How what the card knows of an eIM differs from what is wanted, as phrases.

    What a card need not tell (keys in one form or the other) is compared only where it told it.
    """
    said = []
    if wanted.fqdn != known.fqdn:
        said.append(f"{known.eim_id} has eimFqdn {known.fqdn}, not {wanted.fqdn}")
    if known.public_key is not None and _key(wanted.public_key) != _key(known.public_key):
        said.append(f"{known.eim_id} has another public key")
    if wanted.tls_anchor != known.tls_anchor:
        said.append(f"{known.eim_id} has another trustedPublicKeyDataTls")
    token = wanted.association_token
    if (token == -1 and known.association_token is None) or (
        token != -1 and token != known.association_token
    ):
        said.append(f"{known.eim_id} has associationToken {known.association_token}, not {token}")
    return said


def _key(public_key_data: bytes | None) -> bytes | None:
    """The key itself: a card may keep the key of a certificate that it was given."""
    data = read.key_or_certificate(public_key_data)
    if data is None or data.kind == "key":
        return data.der if data else None
    try:
        return subject_public_key_info(data.der)
    except DecodeError:
        return data.der


def _read_back(isdr: Isdr, iot: IotFunctions, wanted: Factory) -> dict[str, Any]:
    """What the card says now. IpadError if that is not what was set."""
    eims = iot.eim_configurations()
    problems = _problems(eims, wanted.eims)
    if problems:
        raise IpadError(f"AddInitialEim: the card said that it was done, and now {'; '.join(problems)}")
    default_smdp = es10a.configured_addresses(isdr).default_smdp
    if wanted.default_smdp is not None and default_smdp != wanted.default_smdp:
        raise IpadError(
            f"SetDefaultDpAddress: the card said that it was done, and still has {default_smdp or 'none'}"
        )
    return {
        "eims": [
            {"eim_id": eim.eim_id, "fqdn": eim.fqdn, "association_token": eim.association_token}
            for eim in eims
        ],
        "default_smdp": default_smdp,
    }


def _notes(iot: IotFunctions, wanted: Factory, associated: bool) -> list[str]:
    """What a person has to know who reads the record."""
    consumer = iot.kind == "consumer"
    notes = [stands_in(iot.unavailable)] if consumer else []
    if wanted.immediate_enable is None:
        return notes
    if consumer:
        return [*notes, "immediate enabling was not set: this card has no such function"]
    if associated:
        notes.append(
            f"immediate enabling was not set now: {_IMMEDIATE_ENABLE} is refused once an eIM is associated, "
            "and nobody can ask the card whether it was set before that"
        )
    return notes
