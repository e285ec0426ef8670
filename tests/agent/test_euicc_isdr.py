"""STORE DATA: cut, joined, refused; and a channel that is opened when needed and never by itself again."""

import pytest

from ipad.errors import DecodeError, EuiccRefused
from ipad.euicc.isdr import ISD_R_AID
from ipad.euicc.refusal import CAT_BUSY_TRIES, while_busy
from modem.errors import CardRefused, ChannelLost
from modem.uicc import Reply

from .scripted_card import ScriptedCard, isdr_on


def test_a_short_request_is_one_last_block() -> None:
    card = ScriptedCard([b"answer"])
    assert isdr_on(card).store_data("GetEID", b"request") == b"answer"
    assert card.sent == [bytes.fromhex("80E2910007") + b"request"]
    assert card.opened == [ISD_R_AID]


@pytest.mark.parametrize(("size", "blocks"), [(255, [255]), (256, [255, 1]), (600, [255, 255, 90])])
def test_a_long_request_is_cut_into_numbered_blocks(size: int, blocks: list[int]) -> None:
    card = ScriptedCard([b""])
    request = bytes(i % 251 for i in range(size))
    isdr_on(card).store_data("LoadEuiccPackage", request)
    assert card.requests == [request]
    assert [apdu[4] for apdu in card.sent] == blocks
    assert [apdu[3] for apdu in card.sent] == list(range(len(blocks)))
    assert [apdu[2] for apdu in card.sent] == [0x11] * (len(blocks) - 1) + [0x91]


def test_the_block_size_is_a_setting() -> None:
    card = ScriptedCard([b""])
    isdr_on(card, block=100).store_data("LoadEuiccPackage", bytes(250))
    assert [apdu[4] for apdu in card.sent] == [100, 100, 50]
    with pytest.raises(ValueError, match="block"):
        isdr_on(card, block=256)


def test_a_request_of_more_than_256_blocks_is_not_begun() -> None:
    card = ScriptedCard([])
    with pytest.raises(DecodeError, match="LoadEuiccPackage"):
        isdr_on(card).store_data("LoadEuiccPackage", bytes(256 * 255 + 1))
    assert card.sent == []


def test_a_pending_proactive_command_is_success() -> None:
    card = ScriptedCard([Reply(b"answer", 0x910B)])
    assert isdr_on(card).store_data("ProfileRollback", b"") == b"answer"


def test_another_status_word_is_refused_and_says_at_what() -> None:
    card = ScriptedCard([Reply(b"", 0x6985), b"fine"])
    isdr = isdr_on(card)
    with pytest.raises(CardRefused, match=r"GetEID.*6985.*REFRESH") as caught:
        isdr.store_data("GetEID", b"")
    assert caught.value.executed is False
    assert isdr.store_data("GetEID", b"") == b"fine"
    assert len(card.opened) == 1


def test_after_a_lost_channel_nothing_is_sent_again_and_the_next_call_opens_anew() -> None:
    lost = ChannelLost("LoadEuiccPackage", "gone", executed=None)
    card = ScriptedCard([lost, b"fine"])
    isdr = isdr_on(card)
    with pytest.raises(ChannelLost) as caught:
        isdr.store_data("LoadEuiccPackage", b"package")
    assert caught.value.executed is None
    assert card.requests == [b"package"]
    assert isdr.store_data("GetEID", b"request") == b"fine"
    assert card.requests == [b"package", b"request"]
    assert len(card.opened) == 2


def test_reset_forgets_the_channel_and_close_closes_it() -> None:
    card = ScriptedCard([b"", b"", b""])
    isdr = isdr_on(card)
    isdr.store_data("GetEID", b"")
    isdr.reset()
    assert card.closed == 0
    isdr.store_data("GetEID", b"")
    isdr.close()
    isdr.close()
    assert card.closed == 1
    isdr.store_data("GetEID", b"")
    assert len(card.opened) == 3


def test_cat_busy_is_tried_again_a_few_times_with_waits() -> None:
    waited: list[float] = []
    isdr = isdr_on(ScriptedCard(), waited.append)
    answers = [5, 5, 0]

    def attempt() -> str:
        if answers.pop(0):
            raise EuiccRefused("ProfileRollback", "catBusy", 5)
        return "done"

    assert while_busy(isdr, attempt) == "done"
    assert waited == [isdr.waits.cat_busy] * 2


def test_cat_busy_is_given_up_on_with_that_reason() -> None:
    tries: list[None] = []

    def attempt() -> None:
        tries.append(None)
        raise EuiccRefused("ProfileRollback", "catBusy", 5)

    with pytest.raises(EuiccRefused, match="catBusy"):
        while_busy(isdr_on(ScriptedCard()), attempt)
    assert len(tries) == CAT_BUSY_TRIES


def test_other_refusals_are_not_tried_again() -> None:
    waited: list[float] = []

    def attempt() -> None:
        raise EuiccRefused("ProfileRollback", "rollbackNotAllowed", 1)

    with pytest.raises(EuiccRefused, match="rollbackNotAllowed"):
        while_busy(isdr_on(ScriptedCard(), waited.append), attempt)
    assert waited == []
