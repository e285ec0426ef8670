"""The State as text and back: what the journal keeps of deciding between two runs."""

import json
from dataclasses import asdict, replace
from dataclasses import fields as dataclass_fields
from enum import Enum
from types import MappingProxyType
from typing import Any

from ipad.connectivity.state import CardView, Cause, Phase, Plan, State, Trial, TrialKind
from ipad.errors import DecodeError

VERSION = 1
"""Of the form below; another version is forgotten, because the card is the truth."""


def _plain(value: object) -> object:
    if isinstance(value, Enum):
        return value.name
    raise TypeError(f"{type(value).__name__} has no place in the journal's memory")


def dump(state: State) -> str:
    """JSON of what outlives a run: neither the action in flight nor the link of this moment."""
    fields = asdict(replace(state, busy=None, link=None, polls={}))
    del fields["busy"], fields["link"]
    fields["polls"] = {eim_id: asdict(plan) for eim_id, plan in state.polls.items()}
    return json.dumps({"version": VERSION, **fields}, default=_plain)


def load(text: str) -> State:
    """The State that `dump` wrote. DecodeError if it is not one."""
    try:
        fields: dict[str, Any] = json.loads(text)
        if fields.pop("version") != VERSION:
            raise DecodeError("the journal's memory is of another version")
        known = {field.name for field in dataclass_fields(State)}
        return replace(
            State(),
            # A later version's fields mean nothing here, an earlier one's are not all there are.
            **{name: value for name, value in fields.items() if name in known}
            | {
                "phase": Phase[fields["phase"]],
                "card": _card(fields["card"]),
                "trial": _trial(fields["trial"]),
                "switches": tuple(fields.get("switches", ())),
                "polls": MappingProxyType({e: _plan(p) for e, p in fields["polls"].items()}),
                "download": None if fields.get("download") is None else _plan(fields["download"]),
            },
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DecodeError(f"the journal's memory cannot be read: {error!r}") from error


def _card(fields: dict[str, Any] | None) -> CardView | None:
    return None if fields is None else CardView(**fields | {"eims": tuple(fields["eims"])})


def _trial(fields: dict[str, Any] | None) -> Trial | None:
    return None if fields is None else Trial(**fields | {"kind": TrialKind[fields["kind"]]})


def _plan(fields: dict[str, Any]) -> Plan:
    tell = fields["tell"]
    return Plan(**fields | {"tell": None if tell is None else Cause[tell]})
