"""What public reports say of modems, where they say it, how the mock plays it, and which test covers it."""

from dataclasses import dataclass

_LPAC = "https://github.com/estkme-group/lpac/issues/"
_COMMA = "https://github.com/commaai/openpilot/issues/"


@dataclass(frozen=True, slots=True)
class Fact:
    """what: the report. seen: on which models. source: where. played: options of `ipad-testbed modem`.
    tests: file::function, below tests/.
    """

    what: str
    seen: str
    source: str
    played: str
    tests: tuple[str, ...]


def _lpac(*numbers: int) -> str:
    return ", ".join(f"[lpac {number}]({_LPAC}{number})" for number in numbers)


def _comma(*numbers: int) -> str:
    return ", ".join(f"[openpilot {number}]({_COMMA}{number})" for number in numbers)


_HERE = "modem/test_facts.py::"
_WAYS = "modem/ways/"

FACTS = (
    Fact(
        "AT+CSIM wants upper-case hexadecimal",
        "Foxconn T99W696, Qualcomm WWAN modules",
        _lpac(428),
        "--model t99w696, --fault upper-case",
        (_HERE + "test_upper_case_hexadecimal_is_what_it_gets",),
    ),
    Fact(
        "no CCHO/CGLA/CCHC, only CSIM",
        "Dell DW5821e, Alcatel IK41",
        _lpac(164),
        "--model dw5821e, --fault no-ccho",
        (_HERE + "test_without_ccho_csim_is_the_way",),
    ),
    Fact(
        "CSIM opens a channel, commands on it fail, CCHO/CGLA work",
        "Quectel EG25",
        _lpac(164),
        "--model eg25, --fault csim-channel",
        (_HERE + "test_where_csim_fails_on_other_channels_cgla_is_the_way",),
    ),
    Fact(
        "CSIM opens no channel, CCHO always fails",
        "Huawei MS2372h-517",
        _lpac(164),
        "--model ms2372h, --fault csim-basic-only --fault ccho-fails",
        (_HERE + "test_where_there_is_no_way_that_is_said_and_nothing_done",),
    ),
    Fact(
        "CCHO returns a session handle, no channel number; the channel's bits are the modem's",
        "Sierra MC7455, EM7590",
        _lpac(138, 139),
        "--model mc7455, --fault session-handles",
        (
            _HERE + "test_a_session_handle_is_handed_back_as_it_came",
            "modem/test_mock_channels.py::test_the_channels_bits_are_the_modems_whatever_the_host_wrote",
        ),
    ),
    Fact(
        "the modem fetches the answer itself: data and 9000 in place of 61xx",
        "several",
        _lpac(143),
        "--model sim7600, --fault fetches-answers",
        (_HERE + "test_a_modem_that_fetches_answers_itself_is_read_to_the_end",),
    ),
    Fact(
        "CCHO answers with a bare `1`",
        "Fibocom FM350-GL",
        _lpac(445, 209),
        "--model fm350, --fault bare-ccho",
        (_HERE + "test_ccho_may_answer_with_nothing_but_the_session",),
    ),
    Fact(
        "AT+CGLA=? is refused, or the `=?` probes get no answer at all",
        "Sierra EM7590; Fibocom FM350-GL",
        _lpac(139, 442),
        "--model em7590, --model fm350, --fault no-tests, --fault silent-tests",
        (_HERE + "test_no_probe_is_sent_that_may_stay_unanswered",),
    ),
    Fact(
        "no CCHC: a channel once opened can't be closed",
        "Sierra EM9191",
        _lpac(187),
        "--model em9191, --fault no-cchc",
        (_HERE + "test_without_cchc_a_channel_is_used_again",),
    ),
    Fact(
        "no free channel after a crash left some open; CCHC on a stale one can be slow",
        "Quectel, Fibocom FM350-GL",
        _lpac(448),
        "--model ec25, --model fm350, --fault stale-channels --fault slow-close",
        (
            _HERE + "test_channels_that_a_crash_left_are_closed",
            _WAYS + "test_conformance.py::test_what_a_run_that_crashed_left_open_is_closed_by_the_next",
        ),
    ),
    Fact(
        "ERROR to STORE DATA in mid download over CGLA; the same card downloads over CSIM",
        "Quectel EC20F, EC25, EG25",
        _lpac(186, 173),
        "--model ec20f, --fault cgla-store-data",
        (_HERE + "test_where_cgla_fails_in_mid_download_the_next_channel_is_opened_by_csim",),
    ),
    Fact(
        "an APDU of a download takes tens of seconds",
        "Fibocom FM350-GL and others",
        _lpac(448),
        "--fault slow@+CSIM",
        (_HERE + "test_an_apdu_may_take_far_longer_than_other_commands",),
    ),
    Fact(
        "garbage before an answer: echo on, a late line of the former command, half a line",
        "several",
        _lpac(173),
        "--fault garbage@N, --fault echo@N, --fault late@N, --fault half-line@N",
        (
            _HERE + "test_no_answer_is_taken_for_anothers",
            "modem/test_at.py::test_a_late_answer_is_never_taken_for_the_next_commands",
        ),
    ),
    Fact(
        "the modem does not act on REFRESH: CFUN=0/1, CFUN=1,1 or the SIM's power off and on help",
        "Quectel EG916Q, RG650E, QMI modems",
        f"{_comma(37779)}, {_lpac(450)}",
        "--model eg916q, --model rm520n, --fault ignore-refresh --fault cfun-keeps-card",
        (_HERE + "test_a_modem_that_ignores_refresh_is_reset",),
    ),
    Fact(
        "the former profile's APN stays in the attach profile, and the next profile uses it",
        "QMI modems",
        "wwand-ipa's operation guide",
        "--model sara-r4, --fault apn-sticks",
        (
            "modem/test_mock_faults.py::test_the_former_profiles_apn_gives_no_bearer_until_it_is_another",
            "matrix/test_matrix.py::test_every_cell_ends_well",
        ),
    ),
    Fact(
        "REFRESH makes the card vanish and come back; the old ICCID is kept",
        "Quectel EC25",
        "mdd-sim-gateway 5",
        "--model dw5821e, --fault old-iccid",
        (
            _HERE + "test_after_a_refresh_the_old_channel_is_lost_and_the_new_iccid_told",
            _HERE + "test_a_modem_that_tells_the_old_iccid_is_reset",
        ),
    ),
    Fact(
        "the carrier configuration stays the old operator's, and the modem never registers",
        "Quectel EC20",
        "VoCat 110",
        "--model ec20f, --fault carrier-stuck",
        (
            "modem/test_mock_faults.py::test_the_former_carriers_configuration_finds_no_network",
            "matrix/test_matrix.py::test_every_cell_ends_well",
        ),
    ),
    Fact(
        "catBusy on enable: a reset of the modem and another try help",
        "Quectel EG25, EG916Q",
        _comma(37779),
        "--model eg916q, --fault cat-busy",
        (
            "modem/test_cat_busy.py::test_a_busy_toolkit_refuses_a_switch_until_the_modem_is_reset",
            "matrix/test_matrix.py::test_every_cell_ends_well",
        ),
    ),
    Fact(
        "USB modems come back under another name after a reset",
        "all on USB",
        "",
        "--model generic-usb, --fault unplug@N",
        (
            _HERE + "test_a_modem_that_comes_back_under_another_name_is_found",
            "modem/test_mock_faults.py::test_a_modem_that_is_pulled_out_comes_back_under_another_name",
        ),
    ),
    Fact(
        "`+CME ERROR: 13` or `ERROR` on CCHO: no ISD-R, or a busy bus",
        "comma devices",
        _comma(37847, 37979),
        "--fault ccho-cme13, --fault cme:13@+CCHO",
        (
            _HERE + "test_a_card_without_the_application_is_not_taken_for_a_broken_one",
            _HERE + "test_a_busy_bus_is_not_taken_for_a_card_without_the_application",
        ),
    ),
    Fact(
        "long APDUs fail on some modems, 255 octets work on most",
        "several",
        "lpac's ENVVARS",
        "--model bg95, --fault short-blocks",
        (
            _HERE + "test_a_modem_that_wants_short_blocks_gets_them",
            _HERE + "test_a_modem_that_takes_long_blocks_gets_them",
        ),
    ),
    Fact(
        "unsolicited lines at any moment, between a command and its result too",
        "all",
        "TS 27.007",
        "--model a7670, --fault noise",
        (_HERE + "test_what_a_modem_says_by_itself_is_no_answer",),
    ),
    Fact(
        "AT may have to be sent more than once after power-up",
        "those on a UART",
        "",
        "--model bg95, --fault deaf-at-first",
        (_HERE + "test_at_is_sent_again_to_a_modem_that_did_not_hear_it",),
    ),
    Fact(
        "a restart or a reset of the card is not announced",
        "Sierra, u-blox",
        "",
        "--model mc7455, --fault quiet",
        (_HERE + "test_a_reset_of_the_card_that_nobody_tells_of_is_noticed",),
    ),
)
