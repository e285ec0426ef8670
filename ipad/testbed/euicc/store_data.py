"""STORE DATA's blocks put together again (SGP.22 5.7.2, GlobalPlatform 11.11)."""

from .apdu import Command, Refused, Sw

MORE_BLOCKS = 0x11
LAST_BLOCK = 0x91

MAX_COMMAND = 16 * 1024
"""Octets of one command that the card has room for."""


class Chain:
    """The blocks of one logical channel that have come so far."""

    def __init__(self) -> None:
        self._received = b""
        self._next_block = 0

    def abort(self) -> None:
        """Something else than the next block came: what was received is forgotten."""
        self._received = b""
        self._next_block = 0

    def block(self, command: Command) -> bytes | None:
        """Takes one block: the whole command after the last one, None before. Refused aborts the chain."""
        if command.p2 == 0:
            self.abort()
        try:
            self._take(command)
        except Refused:
            self.abort()
            raise
        if command.p1 == MORE_BLOCKS:
            return None
        whole = self._received
        self.abort()
        return whole

    def _take(self, command: Command) -> None:
        if command.p1 not in (MORE_BLOCKS, LAST_BLOCK) or command.p2 != self._next_block:
            raise Refused(Sw.WRONG_P1_P2)
        if not command.data:
            raise Refused(Sw.WRONG_LENGTH)
        if len(self._received) + len(command.data) > MAX_COMMAND:
            raise Refused(Sw.NOT_ENOUGH_MEMORY)
        self._received += command.data
        self._next_block += 1
