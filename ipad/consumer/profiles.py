"""Profile management over ES10c (SGP.22 5.7.16 to 5.7.18), with patience for cards that want it otherwise.

The standard's way first. Some cards want the refresh flag the other way round, some know a profile by its
ISD-P AID only; both say so with a refusal, so nothing has happened when the other way is tried.
"""

from collections.abc import Callable

from ipad.errors import EuiccRefused
from ipad.euicc import es10c
from ipad.euicc.isdr import Isdr
from ipad.euicc.model import ProfileInfo
from modem.errors import CardRefused

PASSING = frozenset({0x6985, 0x6881})
"""Status words about the moment, not about the request: a REFRESH is pending, the channel is gone."""
_WRONG_NAME = frozenset({"iccidOrAidNotFound", "undefinedError", "unknown"})
_WRONG_FLAG = frozenset({"catBusy", "undefinedError", "unknown"})
"""Refusals with which a card may mean that it wants to be asked otherwise: the profile is known to be there,
and catBusy has been waited for."""


def enable(isdr: Isdr, profile: ProfileInfo) -> None:
    """EnableProfile. Raises EuiccRefused, CardRefused: it surely was not done; and other ModemErrors."""
    _some_way(profile, lambda name, refresh: es10c.enable_profile(isdr, name, refresh))


def disable(isdr: Isdr, profile: ProfileInfo) -> None:
    """DisableProfile; raises as `enable`."""
    _some_way(profile, lambda name, refresh: es10c.disable_profile(isdr, name, refresh))


def delete(isdr: Isdr, profile: ProfileInfo) -> None:
    """DeleteProfile; raises as `enable`."""
    _some_way(profile, lambda name, _refresh: es10c.delete_profile(isdr, name), flag=False)


def _some_way(profile: ProfileInfo, tell: Callable[[str | bytes, bool], None], flag: bool = True) -> None:
    """By ICCID and with a REFRESH; if that is refused without it, by AID, or both. The first refusal counts.

    flag: there is a refresh flag to turn round.
    """
    name: str | bytes = profile.iccid
    refresh = True
    first: EuiccRefused | CardRefused | None = None
    while True:
        try:
            tell(name, refresh)
            return
        except (EuiccRefused, CardRefused) as refused:
            first = first or refused
            if flag and refresh and _means(refused, _WRONG_FLAG):
                refresh = False
            elif isinstance(name, str) and profile.aid is not None and _means(refused, _WRONG_NAME):
                name, refresh = profile.aid, True
            else:
                raise first from None


def _means(refused: EuiccRefused | CardRefused, names: frozenset[str]) -> bool:
    if isinstance(refused, CardRefused):
        return refused.sw not in PASSING
    return refused.name in names
