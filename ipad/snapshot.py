"""What the agent knows, as plain values: what `ipad status`, `profiles` and `info` print."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ipad import __version__
from ipad.connectivity.link import Facts, explain
from ipad.connectivity.rows import SWITCHES
from ipad.connectivity.state import Action, ApplyRemedy, Poll, State
from ipad.euicc.iot import stands_in
from ipad.procedures.gateway import Contents, Gateway, Progress
from modem.radio import RadioStatus

Snapshot = dict[str, Any]


def status(state: State, contents: Contents | None, facts: Facts, pending: Sequence[str] = ()) -> Snapshot:
    """Where the gateway is. Times are powered seconds. pending: what is still to be done, as phrases."""
    radio = facts.radio
    enabled = contents.profile(state.card.enabled) if contents and state.card else None
    return {
        "version": __version__,
        "phase": state.phase.value,
        "since": state.since,
        "why": state.why,
        "until": state.until,
        "link": state.link.value if state.link else None,
        "switches": len(state.switches),
        "budget": SWITCHES,
        "facts": {
            "said": explain(facts) if facts.radio_at is not None else None,
            "radio_at": facts.radio_at,
            "reachable": facts.reachable,
            "reachable_at": facts.reachable_at,
            "octets": facts.octets,
            "octets_at": facts.octets_at,
        },
        "card": None if contents is None else card(contents),
        "profile": _profile_name(enabled),
        "iccid": state.card.enabled if state.card else None,
        "fallback_iccid": state.card.fallback if state.card else None,
        "on_fallback": state.fell_back,
        "origin": state.origin,
        "return_at": state.return_at,
        "trial": None if state.trial is None else {**asdict(state.trial), "kind": state.trial.kind.value},
        "doing": None if state.busy is None else _doing(state.busy),
        "pending": list(pending),
        "radio": None if radio is None else _radio(radio),
        "download": None,
        "download_at": state.download.due if state.download else None,
        "eims": {
            eim_id: {"next_poll": plan.due, "last_poll": plan.last, "failures": plan.failures}
            for eim_id, plan in state.polls.items()
        },
    }


def shortened(eid: bytes) -> str:
    """An EID for logs and reports: who made the card, and the digits that tell two gateways apart."""
    digits = eid.hex()
    return f"{digits[:8]}..{digits[-4:]}"


def pending(gateway: Gateway, state: State) -> list[str]:
    """What is still to be done, as phrases. IpadError."""
    journal = gateway.journal
    phrases = []
    step = journal.step()
    if step is not None and state.busy is None:
        phrases.append(f"a {step.kind} was begun, and is resumed when the card is there")
    wanted = journal.wanted()
    if wanted is not None:
        phrases.append(f"a download ordered by {wanted.eim_id}")
    for eim_id in state.polls:
        owed = len(journal.owed(eim_id))
        if owed:
            phrases.append(f"{owed} answer{'s' if owed > 1 else ''} for {eim_id}")
        elif gateway.owing is not None and eim_id in gateway.owing:
            phrases.append(f"results on the card for {eim_id}")
    return phrases


def _doing(action: Action) -> str:
    match action:
        case Poll(eim_id):
            return f"polling {eim_id}"
        case ApplyRemedy(remedy):
            return f"remedy: {remedy.value}"
    return f"{type(action).__name__.lower()} under way"


def progress(now: Progress) -> Snapshot:
    """How far a download is."""
    return {**asdict(now), "percent": now.percent}


def card(contents: Contents) -> Snapshot:
    """What kind of card it is, and for a consumer card what that means."""
    means = stands_in(contents.unavailable) if contents.kind == "consumer" else None
    return {"kind": contents.kind, "unavailable": list(contents.unavailable), "means": means}


def _radio(radio: RadioStatus) -> Snapshot:
    return {
        **asdict(radio),
        "sim": radio.sim.value,
        "registration": registration(radio),
    }


def registration(radio: RadioStatus) -> str:
    """In a person's words: "home", "not registered"."""
    return radio.registration.name.lower().replace("_", " ")


def _profile_name(profile: object) -> str | None:
    name = getattr(profile, "nickname", None) or getattr(profile, "name", None)
    return name or getattr(profile, "provider", None)


def profiles(contents: Contents) -> list[Snapshot]:
    """The profiles on the card."""
    return [
        {
            "iccid": p.iccid,
            "enabled": p.enabled,
            "fallback": p.fallback,
            "class": p.profile_class,
            "provider": p.provider,
            "name": p.name,
            "nickname": p.nickname,
            "policy": list(p.policy),
        }
        for p in contents.profiles
    ]


def info(contents: Contents) -> Snapshot:
    """The card: who it is, what it can, which eIMs it is associated with."""
    return {
        "eid": contents.eid.hex(),
        "card": card(contents),
        "firmware": contents.info.firmware,
        "svn": contents.info.svn,
        "iot_versions": list(contents.info.iot_versions),
        "fallback_supported": contents.fallback_supported,
        "free_memory": contents.info.free_memory,
        "eims": [
            {
                "eim_id": eim.eim_id,
                "fqdn": eim.fqdn,
                "anchor": eim.tls_anchor.kind if eim.tls_anchor else None,
                "association_token": eim.association_token,
                "der": eim.der.hex(),
            }
            for eim in contents.eims
        ],
    }
