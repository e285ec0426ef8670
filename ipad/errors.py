"""The agent's own errors: what was being done, what came back, what to do. One small family."""


class IpadError(Exception):
    """Anything that the agent reports and survives. The message is a sentence for a person."""


class DecodeError(IpadError):
    """Octets that are not what they should be: malformed DER, or a shape the type does not have."""


class NoAnswer(DecodeError):
    """What came from the eUICC is no answer to the function; nobody knows whether it was executed."""


class EuiccRefused(IpadError):
    """The eUICC answered a function with one of its named errors.

    answer: the whole answer's octets, for the refusals that a server is to see.
    """

    def __init__(self, function: str, name: str, code: int, advice: str = "", answer: bytes = b"") -> None:
        self.function = function
        self.name = name
        self.code = code
        self.advice = advice
        self.answer = answer
        super().__init__(f"{function}: {name}({code})" + (f" ({advice})" if advice else ""))


class PeerRefused(IpadError):
    """The eIM, SM-DP+ or SM-DS answered, and the answer is a refusal.

    status: of the HTTP answer, where that is all that the refusal says.
    """

    def __init__(
        self,
        function: str,
        name: str,
        code: int | None = None,
        advice: str = "",
        *,
        status: int | None = None,
    ) -> None:
        self.function = function
        self.name = name
        self.code = code
        self.advice = advice
        self.status = status
        said = name if code is None else f"{name}({code})"
        super().__init__(f"{function}: {said}" + (f" ({advice})" if advice else ""))


class Unreachable(IpadError):
    """No answer from the far side: no address, no connection, cut off, too slow, or too much."""


class Failing(Unreachable):
    """The far side answers that it has failed over this one request: HTTP 5xx but 503."""


class Throttled(Unreachable):
    """The far side asks for patience: HTTP 429 or 503, with Retry-After in seconds where it said so."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Untrusted(IpadError):
    """TLS came up with somebody else: certificate, name or pinned key do not match. Nothing was sent."""


class ConfigError(IpadError):
    """A config file with a wrong key or value: the file, the key, what was expected."""


def shown(text: str, most: int = 200) -> str:
    """Text from the far side as a message may quote it: printable, and no longer than that."""
    return "".join(c if c.isprintable() else "?" for c in text[:most])
