"""A part of the matrix in which every model and every fault is; `make matrix` plays all of it."""

import os

from modem.mock import FAULTS, MODELS
from tests.matrix import crew, plan


def test_every_cell_ends_well() -> None:
    found = crew.play(plan.few(), 4 * len(os.sched_getaffinity(0)), lambda _cell, _verdict: None)
    assert not [f"{cell}: {verdict}" for cell, verdict in found if not verdict.good]
    outcomes = {str(cell): verdict.outcome for cell, verdict in found}
    assert outcomes["generic"] == outcomes["fm350"] == outcomes["sim7600"] == "done"
    assert outcomes["ms2372h"] == "untouched"


def test_every_model_and_every_fault_is_in_it() -> None:
    few = plan.few()
    assert {cell.model for cell in few} == set(MODELS)
    assert {fault.split("@")[0] for cell in few for fault in cell.faults} == set(FAULTS)
    assert set(few) <= set(plan.cells())
