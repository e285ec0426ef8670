"""A whole day, killed and cut off here and there; `make prove` does it everywhere (prove_day.py)."""

import pytest

from tests.procedures.day import WHOLE_DAY, wanted
from tests.procedures.harm import Harm, Kill, PowerCut
from tests.procedures.site import MakeSite
from tests.procedures.sweep import sweep

EVERY: dict[type[Harm], int] = {Kill: 23, PowerCut: 37}
"""One in so many of the points at which something has changed that outlives the process."""


@pytest.mark.parametrize("kind", [Kill, PowerCut])
def test_the_day_ends_the_same_however_often_it_is_cut(make_day: MakeSite, kind: type[Harm]) -> None:
    sweep(make_day, WHOLE_DAY, kind, wanted, prompt=False, every=EVERY[kind])
