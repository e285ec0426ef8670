"""One ESipa message through ipad.asn1."""

import subprocess
import sys
from collections.abc import Callable
from time import perf_counter

from ipad import asn1
from ipad.testbed.bench.table import Row
from ipad.testbed.bench.world import World

GOAL = 1.0

_GROUP = "One ESipa message"
_TYPE = "GetEimPackageResponse"
_FIRST = """
import sys
from time import perf_counter
octets = bytes.fromhex(sys.argv[1])
began = perf_counter()
from ipad import asn1
asn1.decode("GetEimPackageResponse", octets)
print(perf_counter() - began)
"""
_WITHIN = 30.0


def measure(world: World, rounds: int) -> list[Row]:
    """A package as the eIM has sent it, decoded and encoded."""
    answers = (e["response"] for e in world.admin("GET", "/log") if e["function"] == "GetEimPackage")
    octets = max(map(bytes.fromhex, answers), key=len)
    value = asn1.decode(_TYPE, octets)
    both = _milliseconds(lambda: asn1.encode(_TYPE, asn1.decode(_TYPE, octets)), rounds)
    named = f"{_TYPE} of {len(octets)} octets"
    first = [sys.executable, "-c", _FIRST, octets.hex()]
    told = subprocess.run(first, capture_output=True, check=True, timeout=_WITHIN).stdout
    return [
        Row(_GROUP, f"{named}: decode and encode", both, "ms", GOAL),
        Row(_GROUP, "of it: decode", _milliseconds(lambda: asn1.decode(_TYPE, octets), rounds), "ms"),
        Row(_GROUP, "of it: encode", _milliseconds(lambda: asn1.encode(_TYPE, value), rounds), "ms"),
        Row(_GROUP, "import ipad.asn1 and the first decode", 1000 * float(told), "ms"),
    ]


def _milliseconds(do: Callable[[], object], rounds: int) -> float:
    began = perf_counter()
    for _ in range(rounds):
        do()
    return 1000 * (perf_counter() - began) / rounds
