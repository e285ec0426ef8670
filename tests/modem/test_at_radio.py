"""The radio against the mock modem: status, remedies, and taking a profile that the card has enabled."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from modem.card import Channel
from modem.connect import connect
from modem.errors import ChannelLost, PortGone
from modem.mock import NetworkStatus
from modem.radio import Identity, RadioStatus, Registration, Remedy, Sim
from tests.modem.mocked import WAITS, World, radio_of, readable, world
from tests.modem.tiny_uicc import AID, ECHO, ICCIDS, SWITCH, TinyUicc


def switch(channel: Channel, profile: int) -> None:
    assert channel.transmit(bytes((0x80, SWITCH, 0, 0, 1, profile))).data == b"\x00"


def until_registered(made: World, plmn: str) -> None:
    made.wait_for("registered", 2)
    assert made.network.imsi is not None
    assert made.network.imsi.startswith(plmn)


def test_identity_is_read(tmp_path: Path) -> None:
    with world(tmp_path) as made:
        assert radio_of(made.modem()).identity() == Identity(
            "Testbed", "UART-1", "1.0", "001017000000011", frozenset({"GSM", "UTRAN", "E-UTRAN"})
        )


def test_status_of_a_registered_modem(tmp_path: Path) -> None:
    with world(tmp_path) as made:
        assert radio_of(made.modem()).status() == RadioStatus(
            sim=Sim.READY,
            registration=Registration.HOME,
            cause=None,
            plmn="00101",
            tech="E-UTRAN",
            signal=-71,
            iccid=ICCIDS[0],
            address="10.64.0.2",
        )


@pytest.mark.parametrize(
    ("forced", "registration", "cause"),
    [
        (NetworkStatus(2), Registration.SEARCHING, None),
        (NetworkStatus(3, cause=11), Registration.DENIED, 11),
        (NetworkStatus(5, "00102", rssi=-90, address="10.64.0.3"), Registration.ROAMING, None),
    ],
)
def test_a_change_in_the_network_wakes_the_loop_and_is_in_the_status(
    tmp_path: Path, forced: NetworkStatus, registration: Registration, cause: int | None
) -> None:
    with world(tmp_path) as made:
        radio = radio_of(made.modem())
        radio.status()
        while radio.pump():
            continue
        made.network.force(forced)
        assert readable(radio.fileno())
        assert radio.pump()
        status = radio.status()
        assert (status.registration, status.cause, status.plmn, status.address) == (
            registration,
            cause,
            forced.plmn,
            forced.address,
        )


def test_a_modem_without_a_profile_says_that_no_sim_is_there(tmp_path: Path) -> None:
    with world(tmp_path, uicc=TinyUicc(profile=None)) as made:
        status = radio_of(made.modem()).status()
        assert (status.sim, status.iccid, status.registration) == (
            Sim.ABSENT,
            None,
            Registration.NOT_REGISTERED,
        )


@pytest.mark.parametrize("qualifier", [0x03, 0x04])
@pytest.mark.parametrize("model", ["generic", "generic-usb"])
def test_a_modem_that_acts_on_the_refresh_is_not_reset(tmp_path: Path, model: str, qualifier: int) -> None:
    with world(tmp_path, model=model, uicc=TinyUicc(qualifier=qualifier)) as made:
        modem = made.modem()
        assert radio_of(modem).status().iccid == ICCIDS[0]
        channel = modem.card.open(AID)
        switch(channel, 1)
        radio_of(modem).take_profile(ICCIDS[1])
        assert made.names().count("reset") == 0
        assert radio_of(modem).status().iccid == ICCIDS[1]
        until_registered(made, "00102")
        with pytest.raises(ChannelLost):
            channel.transmit(bytes((0x80, ECHO, 0, 0, 1, 1)))
        assert modem.card.open(AID).transmit(bytes((0x80, ECHO, 0, 0, 1, 1))).data == b"\x01"


@pytest.mark.parametrize("model", ["generic", "generic-usb"])
def test_a_modem_that_ignores_the_refresh_is_reset(tmp_path: Path, model: str) -> None:
    waits = replace(WAITS, refresh=0.3)
    with world(tmp_path, model=model, faults=("ignore-refresh",)) as made:
        modem = made.modem(waits)
        radio_of(modem).status()
        channel = modem.card.open(AID)
        switch(channel, 1)
        radio_of(modem).take_profile(ICCIDS[1])
        assert made.names().count("reset") == 1
        assert "refresh" not in made.names()
        assert radio_of(modem).status().iccid == ICCIDS[1]
        until_registered(made, "00102")
        with pytest.raises(ChannelLost):
            channel.transmit(bytes((0x80, ECHO, 0, 0, 1, 1)))


def test_a_profile_that_the_modem_uses_already_is_taken_at_once(tmp_path: Path) -> None:
    with world(tmp_path) as made:
        radio_of(made.modem()).take_profile(ICCIDS[0])
        assert made.names().count("reset") == 0


def test_that_a_modem_never_takes_the_profile_is_told(tmp_path: Path) -> None:
    waits = replace(WAITS, refresh=0.1, sim_ready=0.3)
    with world(tmp_path) as made:
        assert not radio_of(made.modem(waits)).take_profile(ICCIDS[1])
        assert made.names().count("reset") == 1


@pytest.mark.parametrize("faults", [(), ("ignore-refresh",)])
def test_switching_to_no_profile_at_all_is_taken(tmp_path: Path, faults: tuple[str, ...]) -> None:
    waits = replace(WAITS, refresh=1.0, sim_ready=1.0)
    with world(tmp_path, faults=faults) as made:
        modem = made.modem(waits)
        radio_of(modem).status()
        switch(modem.card.open(AID), 0xFF)
        radio_of(modem).take_profile(None)
        assert made.names().count("reset") == len(faults)
        assert radio_of(modem).status().iccid is None
        assert modem.card.open(AID).fci


@pytest.mark.parametrize("remedy", [Remedy.REATTACH, Remedy.BEARER, Remedy.RADIO_CYCLE])
def test_a_remedy_brings_the_modem_back(tmp_path: Path, remedy: Remedy) -> None:
    with world(tmp_path) as made:
        radio = radio_of(made.modem())
        radio.apply(remedy)
        if remedy is not Remedy.BEARER:
            made.wait_for("unregistered", 2)
            made.wait_for("registered", 2)
        assert radio.status().address == "10.64.0.2"
        assert made.names().count("reset") == 0


@pytest.mark.parametrize("model", ["generic", "generic-usb"])
def test_a_reset_brings_the_modem_back_set_up_as_before(tmp_path: Path, model: str) -> None:
    with world(tmp_path, model=model) as made:
        radio = radio_of(made.modem())
        radio.status()
        radio.apply(Remedy.RESET)
        made.wait_for("registered", 2)
        assert radio.status().plmn == "00101"
        made.network.force(NetworkStatus(3, cause=11))
        deadline = time.monotonic() + 20
        while radio.status().cause != 11:
            assert time.monotonic() < deadline


def test_a_modem_that_restarts_by_itself_is_set_up_again_by_the_next_call(tmp_path: Path) -> None:
    with world(tmp_path) as made:
        radio = radio_of(made.modem())
        radio.status()
        made.at().command("AT+CFUN=1,1")
        made.wait_for("registered", 2)
        deadline = time.monotonic() + 20
        while radio.status().plmn != "00101":
            assert time.monotonic() < deadline


def test_a_path_without_a_modem_is_a_port_that_is_gone(tmp_path: Path) -> None:
    with world(tmp_path) as made:
        modem = connect(made.path, waits=WAITS)
        radio_of(modem).status()
    assert readable(radio_of(modem).fileno())
    with pytest.raises(PortGone):
        radio_of(modem).pump()
    with pytest.raises(PortGone) as e:
        radio_of(modem).status()
    assert e.value.executed is False
    modem.close()


def test_a_talkative_modem_is_understood_all_the_same(tmp_path: Path) -> None:
    with world(tmp_path, faults=("noise",)) as made:
        modem = made.modem()
        channel = modem.card.open(AID)
        for number in range(60):
            apdu = bytes((0x80, ECHO, 0, 0, 2, number, 255 - number))
            assert channel.transmit(apdu).data == bytes((number, 255 - number))
        assert radio_of(modem).identity().model == "UART-1"
        assert radio_of(modem).status().iccid == ICCIDS[0]
