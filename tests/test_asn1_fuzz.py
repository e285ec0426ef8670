"""Mutated values of every type: decoded, or refused with DecodeError; never anything else."""

import json
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ipad import asn1

VECTORS = [
    (
        ("sgp22:" if vector["module"] == "RSPDefinitions" else "") + vector["type"],
        bytes.fromhex(vector["der"]),
    )
    for vector in json.loads((Path(__file__).parent / "data" / "sgp32-v1.2.json").read_text("utf-8"))
]
NAMES = sorted({name for name, _ in VECTORS})

bounded = settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def accept(name: str, der: bytes) -> None:
    """Decodes der. A value that comes out of it can be encoded, and is then the same again."""
    try:
        value = asn1.decode(name, der)
    except asn1.DecodeError:
        return
    assert asn1.decode(name, asn1.encode(name, value)) == value


@st.composite
def mutated(draw: st.DrawFn) -> tuple[str, bytes]:
    """A value of the vectors with a few octets changed, taken out, put in, repeated, or its end cut off."""
    name, der = draw(st.sampled_from(VECTORS))
    octets = bytearray(der)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(octets)))
        kind = draw(st.sampled_from(["change", "flip", "take", "put", "repeat", "cut"]))
        if kind == "change":
            octets[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
        elif kind == "flip" and at < len(octets):
            octets[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == "take":
            del octets[at : at + draw(st.integers(1, 8))]
        elif kind == "put":
            octets[at:at] = draw(st.binary(min_size=1, max_size=8))
        elif kind == "repeat":
            octets[at:at] = octets[at : at + draw(st.integers(1, 40))]
        elif kind == "cut":
            del octets[at:]
    return name, bytes(octets)


@bounded
@given(mutated())
def test_mutated_octets_are_decoded_or_refused(case: tuple[str, bytes]) -> None:
    accept(*case)


elements = st.recursive(
    st.builds(
        asn1.wrap,
        st.sampled_from([0x01, 0x02, 0x03, 0x04, 0x05, 0x0C, 0x80, 0x81, 0x5A]),
        st.binary(max_size=20),
    ),
    lambda inner: st.builds(
        lambda tag, parts: asn1.wrap(tag, *parts),
        st.sampled_from([0x30, 0xA0, 0xA1, 0xA2, 0xE3, 0xBF2D, 0xBF4F, 0xBF50, 0xBF51]),
        st.lists(inner, max_size=4),
    ),
    max_leaves=20,
)


@bounded
@given(st.sampled_from(NAMES), elements)
def test_well_formed_octets_of_any_shape_are_decoded_or_refused(name: str, der: bytes) -> None:
    accept(name, der)


@bounded
@given(st.sampled_from(NAMES), st.binary(max_size=200))
def test_any_octets_are_decoded_or_refused(name: str, der: bytes) -> None:
    accept(name, der)


@bounded
@given(st.binary(max_size=100), st.sampled_from([0x30, 0x80, 0xA0, 0x5F37, 0xBF51]))
def test_slicing_any_octets_finds_or_refuses(der: bytes, tag: int) -> None:
    try:
        found = asn1.find(der, tag)
    except asn1.DecodeError:
        return
    assert found is None or (found in der and asn1.wrap(tag, asn1.value(found)) == found)


def test_every_value_of_the_vectors_cut_off_anywhere_is_refused() -> None:
    for name, der in VECTORS[::7]:
        for end in range(0, len(der), 1 + len(der) // 50):
            try:
                asn1.decode(name, der[:end])
            except asn1.DecodeError:
                continue
            raise AssertionError(f"{name} of {len(der)} octets was decoded from {end}")
