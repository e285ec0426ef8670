"""What is not a message gets a refusal: never another exception, never a change in what the eIM knows."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ipad.asn1 import DecodeError, encode, find, member, tlvs, value, wrap
from ipad.testbed.eim import esipa, json_binding
from tests.euicc_card.world import SUED
from tests.testbed.download_world import (
    Indirect,
    compact_authentication,
    compact_cancellation,
    compact_installation,
    compact_notification,
    compact_preparation,
    indirect,
)
from tests.testbed.eim_world import text
from tests.testbed.test_eim_results import notifications

HUGE = bytes.fromhex("7F" + "FF" * 15)
"""An INTEGER that no database's column holds."""


@pytest.fixture(scope="module")
def through(tmp_path_factory: pytest.TempPathFactory, pki_dir: Path) -> Iterator[Indirect]:
    with indirect(tmp_path_factory.mktemp("fuzz"), pki_dir, "asn1") as started:
        yield started


@pytest.fixture(scope="module")
def messages(through: Indirect) -> dict[str, bytes]:
    """A real one of every kind, in full and compact. What they do has been done when they are spoilt."""
    here = through.here
    eid = wrap(0x5A, bytes.fromhex(here.eid))
    through.tell_info2()
    through.release()
    here.order({"enable": SUED})
    result = here.load(here.fetch())
    here.terminal.refresh()
    here.provide(result)
    one, other = notifications(here.terminal)
    number, package = through.up_to_bound()
    transaction = wrap(0x80, through.transaction)
    installed = through.load(package)
    here.admin.delete(f"/packages/{number}")
    _, order = through.trigger()
    through.initiate(order)
    session = wrap(0x80, through.transaction)
    authenticated = through.authenticate_server()
    through.authenticate(authenticated)
    prepared = through.prepare_download()
    cancelled = through.cancel_session(5)
    info1 = through.info1()
    data = wrap(
        0xA0, wrap(0xA0, one, compact_notification(other)), wrap(0xA2, result), info1, wrap(0x84, b"\x01")
    )
    error = encode("IpaEuiccDataResponse", ("ipaEuiccDataResponseError", {"ipaEuiccDataErrorCode": 1}))
    challenge = wrap(0x81, bytes(16))
    return {
        "poll": wrap(0xBF4F, eid, wrap(0x80), wrap(0x81, b"\x01"), wrap(0x82, bytes(3))),
        "result": wrap(0xBF50, eid, result),
        "both": wrap(0xBF50, eid, wrap(0x30, result, wrap(0xA0, one, compact_notification(other, here.eid)))),
        "data": wrap(0xBF50, eid, wrap(0xBF52, data)),
        "data error": wrap(0xBF50, eid, error),
        "download error": wrap(0xBF50, eid, bytes.fromhex("BF54053003800168")),
        "installed": wrap(0xBF50, eid, wrap(0xBF54, installed)),
        "error": wrap(0xBF50, eid, bytes.fromhex("A003020101")),
        "notification": wrap(0xBF3D, wrap(0xA0, one)),
        "compact notification": wrap(0xBF3D, wrap(0xA0, compact_notification(one, here.eid))),
        "installation": wrap(0xBF3D, wrap(0xA0, installed)),
        "compact installation": wrap(0xBF3D, wrap(0xA0, compact_installation(installed))),
        "handled result": wrap(0xBF3D, wrap(0xBF50, eid, result)),
        "initiate": wrap(0xBF39, challenge, wrap(0x83, b"smdp.testbed.example"), info1, wrap(0x82, order)),
        "authenticate": wrap(0xBF3B, session, authenticated),
        "compact authenticate": wrap(0xBF3B, session, compact_authentication(authenticated)),
        "bound": wrap(0xBF3A, session, prepared),
        "compact bound": wrap(0xBF3A, session, compact_preparation(prepared)),
        "cancel": wrap(0xBF41, session, wrap(0xA1, value(cancelled))),
        "compact cancel": wrap(0xBF41, transaction, wrap(0xA1, value(compact_cancellation(cancelled)))),
    }


def handled(through: Indirect, message: bytes) -> Any:
    """The summary of what came of it; None: it was no message."""
    try:
        return esipa.handle(through.here.eim.eim, message).summary
    except (DecodeError, esipa.NotOffered):
        return None


def elements(octets: bytes, start: int = 0) -> Iterator[tuple[int, int, int]]:
    """Of every element inside: where it begins, where its length stands, where it ends."""
    offset = start
    for tag, tlv in tlvs(octets):
        size = (tag.bit_length() + 7) // 8
        yield offset, offset + size, offset + len(tlv)
        if tlv[0] & 0x20:
            content = value(tlv)
            yield from elements(content, offset + len(tlv) - len(content))
        offset += len(tlv)


def test_every_kind_is_a_message_before_it_is_spoilt(through: Indirect, messages: dict[str, bytes]) -> None:
    assert {name for name, message in messages.items() if handled(through, message) is None} == set()


def test_a_message_that_is_cut_off_anywhere_is_none(through: Indirect, messages: dict[str, bytes]) -> None:
    for message in messages.values():
        step = 1 if len(message) < 400 else 7
        for end in range(0, len(message), step):
            assert handled(through, message[:end]) is None
        assert handled(through, message + b"\x00") is None


def test_a_length_that_is_huge_anywhere_is_refused(through: Indirect, messages: dict[str, bytes]) -> None:
    for message in messages.values():
        for _, at, _ in elements(message):
            assert handled(through, message[:at] + b"\x84\x7f\xff\xff\xff" + message[at + 1 :]) is None


def test_a_number_that_is_huge_anywhere_is_answered(through: Indirect, messages: dict[str, bytes]) -> None:
    for message in messages.values():
        for begin, at, end in elements(message):
            tag = message[begin:at]
            if tag in (b"\x02", b"\x80", b"\x81", b"\x83", b"\x84"):
                handled(through, replaced(message, begin, end, tag + bytes([len(HUGE)]) + HUGE))


def replaced(message: bytes, begin: int, end: int, element: bytes) -> bytes:
    """The message with another element at a place; the lengths around it are put right."""

    def rebuilt(octets: bytes, start: int) -> bytes:
        parts, offset = [], start
        for tag, tlv in tlvs(octets):
            if (offset, offset + len(tlv)) == (begin, end):
                parts.append(element)
            elif offset <= begin and end <= offset + len(tlv):
                content = value(tlv)
                parts.append(wrap(tag, rebuilt(content, offset + len(tlv) - len(content))))
            else:
                parts.append(tlv)
            offset += len(tlv)
        return b"".join(parts)

    return rebuilt(message, 0)


def test_an_element_that_is_missing_or_there_twice_is_answered(
    through: Indirect, messages: dict[str, bytes]
) -> None:
    for message in messages.values():
        for begin, _, end in elements(message):
            if end - begin < len(message):
                handled(through, replaced(message, begin, end, b""))
                handled(through, replaced(message, begin, end, message[begin:end] * 2))
                handled(through, replaced(message, begin, end, message[begin:end] + b"\x30\x00"))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_an_octet_that_is_changed_is_answered(
    through: Indirect, messages: dict[str, bytes], seed: int
) -> None:
    chance = random.Random(seed)
    for message in messages.values():
        spoilt = bytearray(message)
        spoilt[chance.randrange(len(spoilt))] = chance.randrange(256)
        handled(through, bytes(spoilt))


def test_deep_nesting_is_refused(through: Indirect) -> None:
    nested = b""
    for _ in range(3000):
        nested = wrap(0x30, nested)
    for message in (nested, wrap(0xBF50, nested), wrap(0xBF3D, wrap(0xA0, nested)), wrap(0xBF41, nested)):
        assert handled(through, message) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
MEMBERS = (
    "eidValue", "notifyStateChange", "stateChangeCause", "rPlmn", "eimPackageResult", "pendingNotification",
    "provideEimPackageResult", "euiccChallenge", "smdpAddress", "euiccInfo1", "eimTransactionId",
    "transactionId", "authenticateServerResponse", "prepareDownloadResponse", "cancelSessionResponse",
)  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    request=st.dictionaries(
        st.sampled_from(MEMBERS), JSON | st.binary(max_size=60).map(text) | st.just("89" * 16)
    ),
    function=st.sampled_from(sorted(json_binding.FUNCTIONS.values())),
)
def test_a_request_in_json_that_is_none_is_refused(
    through: Indirect, request: dict[str, Any], function: str
) -> None:
    body = json.dumps(request).encode()
    try:
        message = json_binding.message(function, body)
    except (DecodeError, json_binding.EidError):
        return
    handled(through, message)


def test_the_octets_of_a_json_request_are_as_hostile(through: Indirect, messages: dict[str, bytes]) -> None:
    result = member(messages["result"], 0xBF50, 0xBF51)
    for end in range(len(result)):
        request = {"eidValue": through.here.eid, "eimPackageResult": text(result[:end])}
        message = json_binding.message("ProvideEimPackageResult", json.dumps(request).encode())
        assert handled(through, message) is None
    assert find(messages["result"], 0xBF50, 0x5A) is not None
