"""The APN of the context that a modem attaches with, by profile (+CGDCONT, +CGAUTH; TS 27.007 10.1).

A modem keeps its contexts when the profile changes, and would attach to the next operator with the former
one's APN. So the context is set for each profile: as configured, else as the profile itself brings it, else
as it was when this profile was last in use, else with no APN, which leaves the choice to the operator.
"""

from collections.abc import Callable
from dataclasses import dataclass

from modem import at_parse
from modem.at import At
from modem.bcd import same_iccid
from modem.errors import AtError
from modem.memory import Memory

_CONTEXT = "1"
"""The <cid> that modems attach with."""
_USED = "apn:"
"""In the memory, before an ICCID: the context that was set when this profile was left."""
_NEEDS_QUOTING = '"\\\r\n\0'


@dataclass(frozen=True, slots=True)
class Apn:
    """A context's parameters."""

    name: str = ""
    """The APN; empty: the operator's choice."""
    type: str = "IP"
    """<PDP_type>: "IP", "IPV6", "IPV4V6"."""
    user: str = ""
    password: str = ""

    def __repr__(self) -> str:
        return f"Apn({self.name!r}, {self.type!r})"  # no password in any log

    def fits_a_command(self) -> bool:
        """Whether it can be said in an AT command."""
        texts = (self.name, self.type, self.user, self.password)
        return all(t.isascii() and not set(t) & set(_NEEDS_QUOTING) for t in texts)


class Apns:
    """The contexts of one modem. configured: the user's word about a profile, by ICCID."""

    def __init__(self, at: At, memory: Memory, configured: Callable[[str], Apn | None]) -> None:
        self._at = at
        self._memory = memory
        self._configured = configured
        self._brought: dict[str, Apn] = {}

    def bring(self, iccid: str, apn: Apn) -> None:
        """What the profile itself brings, if the user has no word about it."""
        self._brought[iccid] = apn

    def configured(self, iccid: str) -> Apn | None:
        """The user's word, or the profile's."""
        return self._configured(iccid) or self._brought.get(iccid)

    def put(self, former: str | None, iccid: str) -> bool:
        """Sets the context for `iccid`; whether it was another before. former: the profile in use until now.

        A modem that does not tell its contexts, and of whose profile nothing is known, is left alone.
        """
        current = self._current()
        if former is not None and current is not None and not same_iccid(former, iccid):
            self._memory.remember(_USED + former, f"{current.type} {current.name}")
        wanted = self.configured(iccid) or self._used(iccid)
        if wanted is None and (current is None or former is None or same_iccid(former, iccid)):
            return False
        wanted = wanted or Apn(type=current.type if current is not None else "IP")
        if current is not None and (current.name, current.type) == (wanted.name, wanted.type):
            return self._authenticate(wanted)
        self._set(wanted)
        self._authenticate(wanted)
        return True

    def _current(self) -> Apn | None:
        try:
            lines = self._at.command("AT+CGDCONT?")
        except AtError:
            return None
        for values in map(at_parse.fields, lines):
            if values and values[0] == _CONTEXT:
                return Apn(values[2] if len(values) > 2 else "", values[1] if len(values) > 1 else "IP")
        return Apn()

    def _used(self, iccid: str) -> Apn | None:
        kept = self._memory.recall(_USED + iccid)
        if not kept:
            return None
        kind, _, name = kept.partition(" ")
        return Apn(name, kind)

    def _set(self, apn: Apn) -> None:
        text = f'AT+CGDCONT={_CONTEXT},"{apn.type}","{apn.name}"'
        try:
            self._at.command(text)
        except AtError:
            # Some take another only while they are not attached.
            slow = self._at.waits.at_slow * self._at.facts.patience
            self._at.command("AT+CFUN=4", deadline=slow)
            try:
                self._at.command(text)
            finally:
                self._at.command("AT+CFUN=1", deadline=slow)

    def _authenticate(self, apn: Apn) -> bool:
        """Sets user and password, where there are some; whether it did."""
        if not apn.user:
            return False
        text = f'AT+CGAUTH={_CONTEXT},1,"{apn.user}","{apn.password}"'
        self._at.command(text, shown=f"AT+CGAUTH={_CONTEXT}")
        return True
