"""What every way to a card has to do, on the virtual eUICC: AT+CSIM, AT+CCHO/CGLA/CCHC, PC/SC."""

import time

import pytest

from ipad.errors import EuiccRefused
from ipad.euicc import es10c
from ipad.euicc.isdr import ISD_R_AID, Isdr
from ipad.testbed.euicc.channels import LAST_CHANNEL
from ipad.waits import Waits
from modem.card import Channel, exchange
from modem.errors import ChannelLost, ModemError
from tests.modem.ways.conftest import Rig
from tests.modem.ways.rigged import COUNT, LE, LONG, RESET, SAY

NORD = "8900101000000000019"
OPEN = bytes.fromhex("0070000001")
EID = bytes.fromhex("80E2910006BF3E035C015A")


def isdr_of(rig: Rig) -> Isdr:
    return Isdr(rig.run(), Waits(cat_busy=0.01), sleep=time.sleep)


def say(channel: Channel, sw: int) -> int:
    return channel.transmit(bytes((0x80, SAY, sw >> 8, sw & 0xFF, 0))).sw


def test_a_channel_is_opened_used_and_closed(rig: Rig) -> None:
    channel = rig.run().open(ISD_R_AID)
    assert len(channel.transmit(EID).data) > 0
    channel.close()
    channel.close()
    with pytest.raises(ChannelLost) as e:
        channel.transmit(EID)
    assert e.value.executed is False


def test_two_channels_do_not_mix(rig: Rig) -> None:
    card = rig.run()
    first, second = card.open(ISD_R_AID), card.open(ISD_R_AID)
    for channel in (first, second, first):
        assert channel.transmit(bytes((0x80, COUNT, 0, 0, 3, 1, 2, 3))).data == b"\0\3"
    first.close()
    assert second.transmit(bytes((0x80, COUNT, 0, 0, 1, 9))).data == b"\0\1"


def test_an_application_that_is_not_there_is_an_error_and_costs_no_channel(rig: Rig) -> None:
    card = rig.run()
    for _ in range(LAST_CHANNEL + 2):
        with pytest.raises(ModemError) as e:
            card.open(bytes.fromhex("A000000559FFFFFF"))
        assert e.value.executed is False
    assert card.open(ISD_R_AID).transmit(EID).data


def test_channels_that_are_exhausted_are_an_error_with_advice_until_one_is_closed(rig: Rig) -> None:
    card = rig.run()
    kept = [card.open(ISD_R_AID) for _ in range(LAST_CHANNEL)]
    with pytest.raises(ModemError, match="reset the modem"):
        card.open(ISD_R_AID)
    assert all(channel.transmit(EID).data for channel in kept)
    kept.pop().close()
    assert card.open(ISD_R_AID).transmit(EID).data


def test_what_a_run_that_crashed_left_open_is_closed_by_the_next(rig: Rig) -> None:
    for _ in range(LAST_CHANNEL + 3):
        assert rig.run().open(ISD_R_AID).transmit(EID).data
        rig.modems.pop().close()


@pytest.mark.parametrize(
    "sw", [0x6200, 0x6283, 0x6310, 0x6A80, 0x6A82, 0x6A88, 0x6982, 0x6985, 0x6D00, 0x6F00]
)
def test_a_status_word_is_passed_on(rig: Rig, sw: int) -> None:
    channel = rig.run().open(ISD_R_AID)
    assert say(channel, sw) == sw
    assert say(channel, 0x9000) == 0x9000


def test_a_wrong_le_is_corrected(rig: Rig) -> None:
    reply = rig.run().open(ISD_R_AID).transmit(bytes((0x80, LE, 0, 0, 0)))
    assert (reply.data, reply.sw) == (b"\x42" * 7, 0x9000)


@pytest.mark.parametrize("length", [1, 255, 256, 257, 32768])
def test_an_answer_of_any_length_comes_whole(rig: Rig, length: int) -> None:
    reply = rig.run().open(ISD_R_AID).transmit(bytes((0x80, LONG, length >> 8, length & 0xFF, 1, 0)))
    assert reply.sw == 0x9000
    assert reply.data == bytes(n % 251 for n in range(length))


def test_blocks_of_255_octets_reach_the_card(rig: Rig) -> None:
    card = rig.run()
    channel = card.open(ISD_R_AID)
    assert card.block == 255
    assert channel.transmit(bytes((0x80, COUNT, 0, 0, 255)) + bytes(255)).data == b"\0\xff"
    es10c.set_nickname(Isdr(card, Waits(), sleep=time.sleep, block=10), NORD, "in blocks")
    assert {p.nickname for p in es10c.profiles(Isdr(card, Waits(), sleep=time.sleep))} >= {"in blocks"}


def test_a_card_that_is_reset_in_the_middle_is_a_lost_channel_and_serves_the_next(rig: Rig) -> None:
    card = rig.run()
    channel = card.open(ISD_R_AID)
    channel.transmit(bytes((0x80, RESET, 0, 0, 0)))
    with pytest.raises(ChannelLost):
        channel.transmit(EID)
    with pytest.raises(ChannelLost):
        channel.transmit(EID)
    channel.close()
    assert card.open(ISD_R_AID).transmit(EID).data


def test_a_switch_is_taken_and_the_channel_lost_by_it(rig: Rig) -> None:
    isdr = isdr_of(rig)
    before = rig.euicc.resets
    es10c.enable_profile(isdr, NORD)
    radio = rig.modems[-1].radio
    if radio is not None:
        radio.take_profile(NORD)
        isdr.reset()
    end = time.monotonic() + 20
    while True:
        try:
            enabled = [p.iccid for p in es10c.profiles(isdr) if p.enabled]
            break
        except (ModemError, EuiccRefused):
            assert time.monotonic() < end
    assert enabled == [NORD]
    assert rig.euicc.resets > before


def test_somebody_beside_us_on_a_channel_of_his_own_is_not_disturbed(rig: Rig) -> None:
    channel = rig.run().open(ISD_R_AID)
    try:
        opened = rig.beside.transmit(OPEN)
    except ChannelLost:  # a program that starts at a reader resets the card
        opened = rig.beside.transmit(OPEN)
    assert opened.sw == 0x9000
    [theirs] = opened.data
    select = bytes((theirs, 0xA4, 0x00, 0x04, 2, 0x3F, 0x00))
    file = exchange(rig.beside.transmit, select, theirs)
    for _ in range(5):
        assert channel.transmit(EID).data
        assert exchange(rig.beside.transmit, select, theirs) == file
    channel.close()
    assert rig.beside.transmit(bytes((0x00, 0x70, 0x80, theirs))).sw == 0x9000


def test_what_the_card_refuses_by_a_function_is_the_cards_word(rig: Rig) -> None:
    with pytest.raises(EuiccRefused):
        es10c.enable_profile(isdr_of(rig), "89999900000000000017"[:19])
