"""Whatever a stranger sends to the SM-DP+: a DecodeError or a named refusal, and no order is touched."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ipad.asn1 import DecodeError
from ipad.testbed import pki
from ipad.testbed.smdp import Smdp, SmdpRefused

from .test_smdp_core import ADDRESS, CHALLENGE, NEW, Card, begin, client

BOUNDED = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def smdp(tmp_path: Path, pki_dir: Path) -> Smdp:
    made = Smdp(tmp_path, pki_dir, ADDRESS)
    made.order(NEW, matching_id="ID")
    return made


@pytest.fixture
def card(pki_dir: Path) -> Card:
    pki.make_smdp_pki(pki_dir)
    return Card(pki_dir)


@given(draw=st.data(), function=st.sampled_from(("info1", "client", "package", "cancel", "result", "other")))
@BOUNDED
def test_a_changed_message_is_refused(smdp: Smdp, card: Card, draw: st.DataObject, function: str) -> None:
    began = begin(smdp, card)
    found = client(smdp, card)
    if function == "result":
        smdp.get_bound_profile_package(found.transaction_id, card.prepared(found))
    transaction_id = began.transaction_id if function == "client" else found.transaction_id
    good = {
        "info1": card.info1(),
        "client": card.authenticated(began),
        "package": card.prepared(found),
        "cancel": card.cancelled(transaction_id),
        "result": card.installed(transaction_id),
        "other": card.told(),
    }[function]
    before = [(order.state, order.attempts) for order in smdp.orders()]
    place = draw.draw(st.integers(0, len(good) - 1))
    octet = good[place] ^ draw.draw(st.integers(1, 255))
    bad = draw.draw(
        st.sampled_from(
            (
                good[:place],
                good + b"\x00",
                good[:place] + bytes([octet]) + good[place + 1 :],
                good[:place] + b"\x84\xff\xff\xff\xff" + good[place:],
            )
        )
    )
    calls: dict[str, Callable[[], object]] = {
        "client": lambda: smdp.authenticate_client(transaction_id, bad),
        "package": lambda: smdp.get_bound_profile_package(transaction_id, bad),
        "cancel": lambda: smdp.cancel_session(transaction_id, bad),
        "result": lambda: smdp.handle_notification(bad),
        "other": lambda: smdp.handle_notification(bad),
    }
    if function == "info1":  # nothing in it is signed: it may still be one
        with contextlib.suppress(DecodeError, SmdpRefused):
            smdp.initiate_authentication(CHALLENGE, ADDRESS, bad)
        return
    with pytest.raises((DecodeError, SmdpRefused)):
        calls[function]()
    assert [(order.state, order.attempts) for order in smdp.orders()] == before
    smdp._memory.orders[0].attempts = 0
