"""What an SM-DP+ sends for the card: taken apart before anything of it reaches the card."""

from ipad.euicc import es10b
from tests.fuzz.from_card import isdr_that_says
from tests.fuzz.samples import vectors
from tests.fuzz.target import Target


def _load(package: bytes) -> object:
    return es10b.load_bound_profile_package(isdr_that_says(b""), package)


TARGETS = (Target("LoadBoundProfilePackage", vectors("sgp22:BoundProfilePackage"), _load),)
