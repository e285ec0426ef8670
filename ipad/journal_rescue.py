"""The journal for a daemon that has to live: who has lost the disk must not lose the link as well."""

import logging
from pathlib import Path

from ipad.errors import IpadError
from ipad.journal import Damaged, Journal

SET_ASIDE = ".damaged"
"""Behind the name of a file that was no journal."""
_WITH_IT = ("-wal", "-shm")

log = logging.getLogger("ipad")


def open_anyhow(path: Path) -> Journal:
    """The journal in `path`; where the file is damaged, a new one, and where it cannot be written, one
    whose changes raise IpadError until it can be. Neither is silent.
    """
    try:
        try:
            return _checked(path)
        except Damaged as damage:
            log.error("%s: set aside as %s%s, and begun anew", damage, path.name, SET_ASIDE)
            _set_aside(path)
            return _checked(path)
    except (IpadError, OSError) as problem:
        log.error("%s; going on without", problem)
        return Journal(path, writable=False)


def _checked(path: Path) -> Journal:
    journal = Journal(path)
    try:
        journal.check()
    except IpadError:
        journal.close()
        raise
    return journal


def _set_aside(path: Path) -> None:
    for end in _WITH_IT:
        path.with_name(path.name + end).unlink(missing_ok=True)
    path.replace(path.with_name(path.name + SET_ASIDE))
