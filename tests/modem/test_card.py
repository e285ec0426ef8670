"""Logical channels over a Uicc: what is sent, what is followed, and when a channel is lost."""

import pytest

from modem.card import UiccCard, UiccChannel, exchange, with_channel
from modem.errors import CardRefused, ChannelLost, ModemError, NoCard
from modem.uicc import Reply
from tests.modem.tiny_uicc import AID, ECHO, EMPTY, REFUSE, SWITCH, WRONG_LE, TinyUicc


def command(ins: int, data: bytes = b"", p1: int = 0) -> bytes:
    return bytes((0x80, ins, p1, 0)) + (bytes((len(data),)) + data if data else b"")


def opened(uicc: TinyUicc) -> tuple[UiccCard, UiccChannel]:
    card = UiccCard(uicc)
    return card, card.open(AID)


@pytest.mark.parametrize(
    ("cla", "channel", "coded"),
    [
        (0x00, 0, 0x00), (0x00, 3, 0x03), (0x80, 1, 0x81), (0x0C, 2, 0x0E), (0x10, 1, 0x11),
        (0x00, 4, 0x40), (0x80, 4, 0xC0), (0x00, 19, 0x4F), (0x80, 19, 0xCF), (0x0C, 5, 0x61),
        (0x8C, 5, 0xE1), (0x90, 6, 0xD2),
    ],
)  # fmt: skip
def test_the_channel_is_coded_into_the_class(cla: int, channel: int, coded: int) -> None:
    assert with_channel(cla, channel) == coded


@pytest.mark.parametrize("cla", [0x01, 0x40, 0x83, 0xC0, 0x20])
def test_a_class_that_names_a_channel_already_is_refused(cla: int) -> None:
    with pytest.raises(ValueError, match="basic channel"):
        with_channel(cla, 1)


def test_a_channel_is_opened_and_the_application_selected_on_it() -> None:
    uicc = TinyUicc()
    _, channel = opened(uicc)
    assert channel.fci == b"\x6f\x09\x84\x07" + AID
    assert uicc.applet_on[channel.number]
    assert not uicc.applet_on[0]


def test_commands_and_get_response_carry_the_channel() -> None:
    uicc = TinyUicc()
    _, channel = opened(uicc)
    assert channel.transmit(command(ECHO, b"\x11\x22")) == Reply(b"\x11\x22", 0x9000)
    assert [apdu[:2] for apdu in uicc.sent[-2:]] == [b"\x81\x01", b"\x01\xc0"]


def test_the_nineteenth_channel_works_like_the_first() -> None:
    uicc = TinyUicc(channels=19)
    card = UiccCard(uicc)
    channels = [card.open(AID) for _ in range(19)]
    assert channels[18].transmit(command(ECHO, b"\x11")) == Reply(b"\x11", 0x9000)
    assert [apdu[:2] for apdu in uicc.sent[-2:]] == [b"\xcf\x01", b"\x4f\xc0"]


def test_a_long_answer_is_fetched_to_its_end() -> None:
    _, channel = opened(TinyUicc())
    assert channel.transmit(command(ECHO, bytes(range(200)), p1=7)).data == bytes(range(200)) * 8


def test_a_wrong_le_is_corrected_once() -> None:
    uicc = TinyUicc()
    _, channel = opened(uicc)
    assert channel.transmit(command(WRONG_LE) + b"\x00") == Reply(b"\x42" * 7, 0x9000)
    assert uicc.sent[-2:] == [bytes.fromhex("8102000000"), bytes.fromhex("8102000007")]


def test_the_announcement_of_a_proactive_command_is_passed_on() -> None:
    uicc = TinyUicc()
    uicc.toolkit = True
    _, channel = opened(uicc)
    assert channel.transmit(command(SWITCH, b"\x01")) == Reply(b"\x00", 0x910B)


def test_a_card_that_announces_data_and_gives_none_is_not_asked_for_ever() -> None:
    _, channel = opened(TinyUicc())
    with pytest.raises(ModemError, match="gives none") as e:
        channel.transmit(command(EMPTY))
    assert e.value.executed is True


def test_an_answer_beyond_the_limit_is_cut_off() -> None:
    _, channel = opened(TinyUicc())
    with pytest.raises(ModemError, match="longer than 100") as e:
        exchange(channel._card.uicc.transmit, bytes.fromhex("8101010080") + bytes(128), 0x01, limit=100)
    assert e.value.executed is True


def test_an_application_that_is_not_there_is_refused_and_its_channel_given_back() -> None:
    uicc = TinyUicc()
    with pytest.raises(CardRefused, match="no such application") as e:
        UiccCard(uicc).open(b"\xa0\x00\x00\x00\x00")
    assert e.value.sw == 0x6A82
    assert set(uicc.applet_on) == {0}


def test_a_refusal_by_the_application_is_an_answer() -> None:
    _, channel = opened(TinyUicc())
    assert channel.transmit(command(REFUSE)).sw == 0x6985


def test_a_channel_that_a_reset_has_closed_is_lost() -> None:
    uicc = TinyUicc()
    _, channel = opened(uicc)
    uicc.reset()
    with pytest.raises(ChannelLost) as e:
        channel.transmit(command(ECHO, b"\x01"))
    assert e.value.executed is False


def test_a_channel_of_a_former_epoch_is_lost_even_if_its_number_is_open_again() -> None:
    uicc, epoch = TinyUicc(), [1]
    card = UiccCard(uicc, lambda: epoch[0])
    old = card.open(AID)
    uicc.reset()
    epoch[0] += 1
    new = card.open(AID)
    assert new.number == old.number
    sent = len(uicc.sent)
    with pytest.raises(ChannelLost):
        old.transmit(command(ECHO, b"\x01"))
    old.close()
    assert len(uicc.sent) == sent
    assert new.transmit(command(ECHO, b"\x01")).data == b"\x01"


def test_a_refusal_while_the_card_was_reset_is_a_lost_channel() -> None:
    epoch = [1]

    class Resetting(TinyUicc):
        def transmit(self, apdu: bytes) -> Reply:
            if apdu[1] == REFUSE:
                epoch[0] += 1
            return super().transmit(apdu)

    channel = UiccCard(Resetting(), lambda: epoch[0]).open(AID)
    with pytest.raises(ChannelLost):
        channel.transmit(command(REFUSE))


def test_a_closed_channel_is_given_back_and_lost() -> None:
    uicc = TinyUicc()
    _, channel = opened(uicc)
    channel.close()
    channel.close()
    assert set(uicc.applet_on) == {0}
    with pytest.raises(ChannelLost):
        channel.transmit(command(ECHO, b"\x01"))


def test_closing_is_quiet_when_the_card_is_gone() -> None:
    class Gone(TinyUicc):
        gone = False

        def transmit(self, apdu: bytes) -> Reply:
            if self.gone:
                raise NoCard("sending", "+CME ERROR: 10")
            return super().transmit(apdu)

    uicc = Gone()
    _, channel = opened(uicc)
    uicc.gone = True
    channel.close()


def test_channels_that_a_former_run_left_open_are_taken_back() -> None:
    uicc = TinyUicc()
    kept = [UiccCard(uicc).open(AID) for _ in range(3)]
    _, channel = opened(uicc)
    assert channel.number == 3
    assert kept[0].transmit(command(ECHO, b"\x01")).data == b"\x01"


def test_channels_in_use_are_not_taken_and_no_free_one_is_refused_with_advice() -> None:
    card = UiccCard(TinyUicc())
    kept = [card.open(AID) for _ in range(3)]
    with pytest.raises(CardRefused, match="reset the modem") as e:
        card.open(AID)
    assert e.value.sw == 0x6A81
    assert all(channel.transmit(command(ECHO, b"\x01")).data == b"\x01" for channel in kept)


def test_channels_that_were_dropped_without_being_closed_are_taken_back() -> None:
    card = UiccCard(TinyUicc())
    for _ in range(5):
        card.open(AID)
    assert card.open(AID).transmit(command(ECHO, b"\x01")).data == b"\x01"
