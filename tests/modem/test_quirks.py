"""The table of models, the user's rows, and what is laid over what."""

from typing import Any

import pytest

from modem import quirks
from modem.mock import MODELS
from modem.models import AT_INTERFACES, ROWS
from modem.quirk_rows import row
from modem.quirks import DEFAULT, NAMES, Row


@pytest.mark.parametrize("number", range(len(ROWS)))
def test_a_row_of_the_table_has_a_source_and_would_pass_as_a_users(number: int) -> None:
    known = ROWS[number]
    assert len(known.source) > 10
    assert known.manufacturer
    table = {name: list(v) if isinstance(v, tuple) else v for name, v in known.changes.items()}
    made = row({"manufacturer": known.manufacturer, "model": known.model, **table}, known.source)
    assert made.changes == dict(known.changes)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (("Quectel", "EC25", "EC25EFAR06A08M4G"), {"iccid_commands": "AT+QCCID", "ways": "csim"}),
        (("Quectel", "EG916Q-GL", ""), {"take": "refresh", "ways": "csim"}),
        (("SIMCOM INCORPORATED", "SIMCOM_SIM7600E-H", ""), {"iccid_commands": "AT+CICCID"}),
        (("INCORPORATED", "A7670E-FASE", ""), {"iccid_commands": "AT+CICCID"}),
        (("SIMCOM_Ltd", "SIMCOM_SIM7080", ""), {"iccid_commands": "AT+CCID"}),
        (("Telit", "LE910C1-EU", ""), {"iccid_commands": "AT#CCID", "sim_power": "AT#SIMDET=0"}),
        (("Sierra Wireless, Incorporated", "MC7455", ""), {"iccid_commands": "AT!ICCID?", "ways": "cgla"}),
        (("u-blox", "SARA-R410M-02B", ""), {"reset": "AT+CFUN=15"}),
        (("u-blox", "SARA-R510S-01B", ""), {"reset": "AT+CFUN=16"}),
        (("Fibocom Wireless Inc.", "FM350-GL", ""), {"ways": "cgla"}),
        (("Huawei Technologies Co., Ltd.", "ME909s-120", ""), {"iccid_commands": "AT^ICCID?"}),
    ],
)
def test_what_is_known_of_a_model_is_found_by_what_it_says_of_itself(
    said: tuple[str, str, str], expected: dict[str, str]
) -> None:
    found = quirks.of(*said)
    assert {name: getattr(found, name)[0] for name in expected} == expected


def test_a_modem_that_nobody_knows_is_as_the_standard_says() -> None:
    assert quirks.of("Testbed", "UART-1", "1.0") is not None
    assert quirks.of("Testbed", "UART-1", "1.0") == DEFAULT
    assert quirks.of("", "", "") == DEFAULT


def test_no_model_is_taken_for_one_of_another_maker() -> None:
    for model in MODELS.values():
        _, rows = quirks.explained(model.manufacturer, model.name, model.revision)
        assert len({r.manufacturer for r in rows}) <= 1, (model.name, rows)


def test_later_rows_are_laid_over_earlier_ones_and_the_users_over_all() -> None:
    mine = (Row("mine", model="^EC25", changes={"block": 100, "ways": ("cgla",)}),)
    found, rows = quirks.explained("Quectel", "EC25", "", mine)
    assert (found.block, found.ways) == (100, ("cgla",))
    assert found.iccid_commands[0] == "AT+QCCID"
    assert rows[-1].source == "mine"


def test_a_firmware_alone_may_make_the_difference() -> None:
    mine = (Row("mine", firmware=r"R06A0[78]", changes={"cchc": False}),)
    assert not quirks.of("Quectel", "EC25", "EC25EFAR06A08M4G", mine).cchc
    assert quirks.of("Quectel", "EC25", "EC25EFAR06A09M4G", mine).cchc


def test_usb_ids_are_written_as_sysfs_writes_them() -> None:
    assert all(usb == usb.lower() and len(usb) == 9 and 0 <= n < 256 for usb, n in AT_INTERFACES.items())


VALUES: dict[str, Any] = {
    "hex_case": "lower",
    "ways": ["cgla"],
    "block": 120,
    "cchc": False,
    "test_commands": False,
    "patience": 2,
    "init": ['AT+QURCCFG="urcport","usbat"'],
    "iccid_commands": ["AT+CCID"],
    "take": ["cfun", "reset"],
    "reset": ["AT+CFUN=1,1"],
    "sim_power": ["AT#SIMDET=0", "AT#SIMDET=1"],
    "carrier": ['AT+QMBNCFG="AutoSel",1'],
    "rebooted": "^READY",
    "card_gone": "^GONE",
}


def test_everything_that_the_table_may_change_a_user_may_too() -> None:
    assert VALUES.keys() == NAMES
    made = row({"manufacturer": "acme", **VALUES}, "file")
    found = quirks.of("ACME", "M4", "1", (made,))
    assert found.patience == 2.0
    assert found.rebooted.match("READY")
    assert found.init == ('AT+QURCCFG="urcport","usbat"',)


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ({}, "needs one of"),
        ({"manufacturer": "("}, "no regular expression"),
        ({"manufacturer": 3}, "expected a regular expression"),
        ({"model": "x", "source": 3}, "source"),
        ({"model": "x", "color": "red"}, "no such key; known here: block"),
        ({"model": "x", "block": 0}, "1 to 255"),
        ({"model": "x", "block": True}, "1 to 255"),
        ({"model": "x", "patience": 0.1}, "a factor"),
        ({"model": "x", "patience": 1e9}, "a factor"),
        ({"model": "x", "cchc": "no"}, "true or false"),
        ({"model": "x", "ways": []}, "csim, cgla"),
        ({"model": "x", "ways": ["qmi"]}, "csim, cgla"),
        ({"model": "x", "take": "reset"}, "refresh, cfun"),
        ({"model": "x", "init": ["rm -rf"]}, "AT commands"),
        ({"model": "x", "init": ["AT\r\nAT+CFUN=0"]}, "AT commands"),
        ({"model": "x", "hex_case": "mixed"}, '"upper" or "lower"'),
        ({"model": "x", "rebooted": "["}, "no regular expression"),
    ],
)
def test_what_is_no_row_says_why(table: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        row(table, "file")
