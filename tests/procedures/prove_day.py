"""`make prove`: the process killed, and the power cut, at every point of a whole day."""

import pytest

from tests.procedures.day import WHOLE_DAY, wanted
from tests.procedures.harm import Harm, Kill, PowerCut
from tests.procedures.site import MakeSite
from tests.procedures.sweep import sweep


@pytest.mark.parametrize("kind", [Kill, PowerCut])
@pytest.mark.parametrize("prompt", [True, False], ids=["prompt", "slow"])
def test_the_day_ends_the_same(
    make_day: MakeSite, kind: type[Harm], prompt: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    points, played = sweep(make_day, WHOLE_DAY, kind, wanted, prompt=prompt)
    modem = "acts on a REFRESH at once" if prompt else "takes its time over a REFRESH"
    with capsys.disabled():
        print(f"\n{kind.__name__}, a modem that {modem}: {points} points, cut at the {played} that differ")
