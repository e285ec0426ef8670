"""What one check of `ipad doctor` found."""

import grp
import os
import pwd
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found."""

    name: str
    ok: bool | None
    """None: not a fault, or it could not be looked at."""
    said: str
    advice: str = ""
    """What to do about it."""


def user() -> str:
    """Who runs this."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def group(gid: int) -> str:
    """A group's name."""
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
