"""The card as a terminal meets it: reset, logical channels, and the commands on them (TS 102 221 10, 11).

It speaks T=0: what a command with data has to say is announced as 61xx and fetched with GET RESPONSE, a
wrong Le gets 6Cxx. Options for cards that behave otherwise belong here.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Self

from ipad.errors import ConfigError
from ipad.testbed import pki
from modem.uicc import Reply

from . import commands, state
from .apdu import Command, Refused, Sw, parse, wrong_le
from .channels import Channels
from .defaults import default_profiles
from .es10_consumer import as_made
from .isdr import Isdr
from .keys import load_credentials
from .shapes import checked
from .state import Profile, State

GET_RESPONSE = 0xC0


def _atr() -> bytes:
    """T=0, with the historical bytes of a card with 20 assignable channels (ISO 7816-3 8, 7816-4 8.1)."""
    historical = b"\x80\x31\xe0\x73\xfe\x21\x1f\x57" + b"testbed"
    body = b"\x9f\x96\x80\x1f\xc7" + historical
    check = 0
    for octet in body:
        check ^= octet
    return b"\x3b" + body + bytes([check])


ATR = _atr()


class VirtualEuicc:
    """A modem.uicc.Uicc with an SGP.32 eUICC behind it; its memory is in a directory.

    Whatever a command changed is on disk before its answer is returned.
    """

    def __init__(self, isdr: Isdr) -> None:
        self._isdr = isdr
        self._channels = Channels()
        self._waiting: tuple[int, bytes] | None = None
        """The rest of an answer, and the channel that GET RESPONSE has to ask on."""
        self.reset()

    @classmethod
    def open(
        cls,
        directory: Path,
        pki_dir: Path | None = None,
        profiles: list[Profile] | None = None,
        *,
        consumer: bool = False,
        shapes: Iterable[str] = (),
    ) -> Self:
        """The card in `directory`; a new one, with `profiles` or the default ones, if there is none.

        consumer: a new one is a consumer card (SGP.22). One that is there stays what it is.
        shapes: names of `shapes.SHAPES`, in which this card answers instead of the standard's.

        Certificates and key come from `pki_dir` (made there if missing), by default `directory`/pki.
        ConfigError: a shape is not known, the state is unreadable, or belongs to a card with another EID
        than the certificate.
        """
        odd = checked(shapes)
        pki_dir = pki_dir or directory / "pki"
        pki.make_euicc_chain(pki_dir)
        credentials = load_credentials(pki_dir)
        if not state.exists(directory):
            made = default_profiles() if profiles is None else profiles
            new = State(eid=credentials.eid, profiles=made)
            if consumer:
                new.kind, new.profiles = "consumer", [as_made(profile) for profile in made]
            state.store(directory, new)
        memory = state.load(directory)
        if memory.eid != credentials.eid:
            raise ConfigError(
                f"{directory}: the card's EID is {memory.eid}, "
                f"its certificate in {pki_dir} says {credentials.eid}"
            )
        return cls(Isdr(directory, memory, credentials, shapes=odd))

    @property
    def eid(self) -> str:
        """32 digits."""
        return self._isdr.state.eid

    @property
    def busy_answers(self) -> int:
        """How many further functions that switch profiles will answer catBusy(5): for tests."""
        return self._isdr.busy_answers

    @busy_answers.setter
    def busy_answers(self, count: int) -> None:
        self._isdr.busy_answers = count

    def reset(self) -> bytes:
        """Resets the card; returns the ATR. A pending switch of the profile is done by it."""
        self._isdr.reset()
        self._channels = Channels()
        self._waiting = None
        return ATR

    def transmit(self, apdu: bytes) -> Reply:
        """One C-APDU, one R-APDU."""
        if self._isdr.proactive.refreshed:  # the terminal has promised a reset: nothing else helps
            return Reply(b"", Sw.CONDITIONS_NOT_SATISFIED)
        try:
            return self._execute(parse(apdu))
        except Refused as refused:
            return Reply(b"", refused.sw)

    def _execute(self, command: Command) -> Reply:
        if command.ins == GET_RESPONSE:
            return self._get_response(command)
        self._waiting = None
        before = self._isdr.running
        data = commands.execute(self._isdr, self._channels, command)
        if self._isdr.running is not before:
            self._channels.profile_changed()
        if data and command.data:
            self._waiting = (command.channel, data)
            return self._announce(data)
        return Reply(data, self._isdr.proactive.sw())

    def _get_response(self, command: Command) -> Reply:
        """GET RESPONSE (TS 102 221 11.1.7); CLA 8X is taken as well."""
        if self._waiting is None or self._waiting[0] != command.channel:
            raise Refused(Sw.CONDITIONS_NOT_SATISFIED)
        if command.p1 or command.p2:
            raise Refused(Sw.WRONG_P1_P2)
        channel, data = self._waiting
        wanted = 256 if command.le is None else command.le
        if wanted > len(data):
            raise Refused(wrong_le(len(data)))
        part, rest = data[:wanted], data[wanted:]
        self._waiting = (channel, rest) if rest else None
        return Reply(part, self._announce(rest).sw if rest else self._isdr.proactive.sw())

    @staticmethod
    def _announce(data: bytes) -> Reply:
        """61xx: so much can be had with GET RESPONSE; 00 stands for 256 or more."""
        return Reply(b"", 0x6100 | (len(data) if len(data) < 256 else 0))
