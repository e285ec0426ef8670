"""What can go wrong between the agent and the card, as one small family of exceptions."""


class ModemError(Exception):
    """Something on the way to the modem or the card failed.

    doing: what was being done, as a phrase ("sending AT+CFUN=1").
    got: what came back, as text.
    advice: what the person at the gateway can do about it; may be empty.
    executed: True if the modem or card did it all the same, False if surely not, None if nobody
        knows. With None, never send the same again: read the card.
    """

    def __init__(self, doing: str, got: str, advice: str = "", executed: bool | None = False) -> None:
        self.doing = doing
        self.got = got
        self.advice = advice
        self.executed = executed
        super().__init__(f"{doing}: {got}" + (f" ({advice})" if advice else ""))


class PortGone(ModemError):
    """The tty vanished: unplugged, re-enumerated after a reset, or the mock was stopped."""


class AtError(ModemError):
    """A final result that says no: ERROR, +CME ERROR: n (TS 27.007 9.2), +CMS ERROR: n (TS 27.005)."""

    def __init__(
        self, doing: str, got: str, advice: str = "", executed: bool | None = False, code: int | None = None
    ) -> None:
        super().__init__(doing, got, advice, executed)
        self.code = code


class AtTimeout(ModemError):
    """No final result within the command's deadline."""


class NoCard(ModemError):
    """The modem is there, and no card answers in it."""


class ChannelLost(ModemError):
    """The logical channel is gone (card reset, REFRESH): open a new one and read the card."""


class CardRefused(ModemError):
    """The card answered with a status word other than success (ISO 7816-4, TS 102 221 10.2)."""

    def __init__(self, doing: str, sw: int, advice: str = "") -> None:
        super().__init__(doing, f"status word {sw:04X}", advice, executed=False)
        self.sw = sw
