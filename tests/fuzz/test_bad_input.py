"""Bad input from outside gets a clear error: in time, without much memory, and never one of another kind."""

import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.mutations import shaken, spoilt, spoilt_json, spoilt_text
from tests.fuzz.target import Target, in_time, meet, meet_measured
from tests.fuzz.targets import TARGETS

SPOILT = {"der": spoilt, "json": spoilt_json, "text": spoilt_text}
_EXAMPLES = 60


@pytest.fixture
def _memory() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_good_input_is_taken_or_refused_by_name(target: Target) -> None:
    for sample in target.samples:
        meet(target, sample)


@pytest.mark.parametrize("target", TARGETS, ids=str)
@pytest.mark.usefixtures("_memory")
def test_every_systematic_mutation_is_met(target: Target) -> None:
    with in_time(target.name, seconds=60):
        for sample in target.samples:
            for octets in SPOILT[target.form](sample):
                meet_measured(target, octets)


@pytest.mark.parametrize("target", TARGETS, ids=str)
@settings(max_examples=_EXAMPLES)
@given(data=st.data())
def test_random_changes_are_met(target: Target, data: st.DataObject) -> None:
    sample = data.draw(st.sampled_from(target.samples))
    with in_time(target.name):
        meet(target, shaken(sample, data.draw(st.randoms(use_true_random=False))))
