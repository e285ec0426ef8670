"""The agent in a process of its own, for somebody to kill. Arguments: DIRECTORY N TRIAL.

It kills itself at the Nth statement that writes to the journal, before that is carried out; 0: never. The
statements are counted in a file. TRIAL: seconds that a new profile has.
"""

import os
import re
import signal
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from ipad import clock
from ipad.agent import Agent
from ipad.journal import Journal
from ipad.mailbox import Mailbox
from ipad.net.http import Uplink
from ipad.opening import open_gateway
from ipad.watchdog import Watchdog
from tests.matrix.cell import settings_of

WRITES = "writes"
"""The file: an octet for each."""
_WRITE = re.compile(r"\s*(BEGIN|COMMIT|INSERT|UPDATE|DELETE|REPLACE)", re.IGNORECASE)


def main(directory: Path, fatal: int, trial: float) -> None:
    settings = settings_of(directory)
    settings = replace(settings, waits=replace(settings.waits, trial=trial))
    counted = os.open(directory / WRITES, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    writes = 0

    def count(statement: str) -> None:
        nonlocal writes
        if _WRITE.match(statement):
            writes += 1
            os.write(counted, b".")
            if writes == fatal:
                os.kill(os.getpid(), signal.SIGKILL)

    uplink = Uplink()
    with closing(Journal(directory / "journal.db")) as journal:
        journal._db.set_trace_callback(count)
        powered = clock.start(journal)
        with open_gateway(settings, journal, powered, uplink, lambda: None) as gateway:
            Agent(
                settings, journal, powered, Mailbox(), uplink, gateway, Watchdog(), lambda _agent: None
            ).run()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
