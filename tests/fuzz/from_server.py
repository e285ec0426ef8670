"""What an SM-DP+ sends for the card: taken apart before anything of it reaches the card."""

from ipad.euicc import bpp
from tests.fuzz.samples import vectors
from tests.fuzz.target import Target

TARGETS = (Target("LoadBoundProfilePackage", vectors("sgp22:BoundProfilePackage"), bpp.segments),)
