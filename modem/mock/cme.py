"""+CME ERROR (TS 27.007 9.2): the causes that the mock modem gives."""

NOT_ALLOWED = 3
NOT_SUPPORTED = 4
SIM_NOT_INSERTED = 10
SIM_FAILURE = 13
SIM_BUSY = 14
MEMORY_FULL = 20
NOT_FOUND = 22
INCORRECT_PARAMETERS = 50

_TEXTS = {
    NOT_ALLOWED: "operation not allowed",
    NOT_SUPPORTED: "operation not supported",
    SIM_NOT_INSERTED: "SIM not inserted",
    SIM_FAILURE: "SIM failure",
    SIM_BUSY: "SIM busy",
    MEMORY_FULL: "memory full",
    NOT_FOUND: "not found",
    INCORRECT_PARAMETERS: "Incorrect parameters",
}


class CmeError(Exception):
    """A command that the mock modem refuses."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code

    def final(self, mode: int) -> str:
        """The final result, by the mode that +CMEE has set."""
        if mode == 0:
            return "ERROR"
        return f"+CME ERROR: {self.code if mode == 1 else _TEXTS.get(self.code, 'unknown')}"


class PlainError(Exception):
    """A command that is answered with ERROR whatever +CMEE says."""
