"""What the modem layer keeps from one run to the next: what works with a modem, what was left open."""

from typing import Protocol


class Memory(Protocol):
    """Short texts by key. Neither call raises: what can't be kept is found out again."""

    def recall(self, key: str) -> str | None:
        """What was kept under this key."""
        ...

    def remember(self, key: str, value: str) -> None:
        """Keeps it; "" forgets it."""
        ...


class ShortMemory:
    """A Memory that lasts as long as the process."""

    def __init__(self) -> None:
        self._kept: dict[str, str] = {}

    def recall(self, key: str) -> str | None:
        return self._kept.get(key)

    def remember(self, key: str, value: str) -> None:
        self._kept[key] = value
