"""Which cells there are: every model with every fault, at every moment that matters."""

import zlib

from modem.mock import MODELS
from modem.mock.faults import LASTING, MOMENTARY
from tests.matrix.cell import Cell

NONE = ""
"""The column of the models as they are."""
COLUMNS = (NONE, *sorted(LASTING), *sorted(MOMENTARY))

_PACKAGE = "BF51"  # tag of an EuiccPackageRequest: the command that brings it to the card
_LINES = 70
"""AT command lines that every model has until the switch is done; a random one is among them."""


def cells() -> list[Cell]:
    """All of them, by model."""
    return [cell for model in MODELS for column in COLUMNS for cell in column_of(model, column)]


def column_of(model: str, column: str) -> list[Cell]:
    """The cells of a model and a fault: one for each moment; none if the model has the fault anyway."""
    if column == NONE:
        return [Cell(model)]
    if column in LASTING:
        return [] if column in MODELS[model].faults else [Cell(model, (column,))]
    drawn = 1 + zlib.crc32(f"{model} {column}".encode()) % _LINES
    return [Cell(model, (f"{column}@{when}",)) for when in (_PACKAGE, drawn)]


def few() -> list[Cell]:
    """A part in which every model and every fault is: for `make test`."""
    models = list(MODELS)
    with_faults = []
    for number, column in enumerate(COLUMNS[1:]):
        turned = models[number % len(models) :] + models[: number % len(models)]
        with_faults.append(next(found[-1] for model in turned if (found := column_of(model, column))))
    return [*map(Cell, models), *with_faults]
