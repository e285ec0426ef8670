"""The table of modem models: what differs, and where that is known from (see modem.quirks).

Only what a source says is here. What works on a modem that is not, or is here by half, is found out
(modem.way, modem.at_radio); a row spares the detour, or a harm that finding out would do.
"""

from modem.quirks import Row

_CRSM = "AT+CRSM=176,12258,0,0,10"
_MANUAL = "AT commands manual of "
_LPAC = "estkme-group/lpac "

ROWS: tuple[Row, ...] = (
    # Quectel: EC2x, EG2x, EG91x, BG9x, RM5xx
    Row(
        _MANUAL + "Quectel EC2x, EG9x, EG2x-G",
        "quectel",
        changes={"iccid_commands": ("AT+QCCID", "AT+CCID", _CRSM)},
    ),
    Row(
        # Where CSIM does not work on a channel (EG25, #164), the other way is found out.
        _LPAC + "#186, #173: in mid download CGLA says ERROR to STORE DATA, CSIM does not",
        "quectel",
        r"^(EC20|EC21|EC25|EG25)",
        changes={"ways": ("csim", "cgla")},
    ),
    Row(
        "MengMengCode/VoCat #110: the former operator's MBN stays active after a switch",
        "quectel",
        r"^EC2",
        changes={"carrier": ('AT+QMBNCFG="AutoSel",0', 'AT+QMBNCFG="Select","ROW_Generic_3GPP"')},
    ),
    Row(
        "commaai/openpilot #37779: a switch needs CFUN=0 and 1",
        "quectel",
        r"^(EG91|EG916|RG650)",
        changes={"take": ("refresh", "cfun", "reset")},
    ),
    Row(
        _LPAC + "#450: without the SIM's power off and on the former profile stays in use",
        "quectel",
        r"^(RM5|RG5|BG9)",
        changes={"take": ("refresh", "cfun", "reset")},
    ),
    # SIMCom: SIM7600, A76xx; SIM70x0
    Row(
        _MANUAL + "SIMCom SIM7500_SIM7600 and A76XX: AT+CICCID",
        "simcom|simtech|^incorporated",
        r"SIM7[56]|A76",
        changes={"iccid_commands": ("AT+CICCID", "AT+CCID", _CRSM)},
    ),
    Row(
        _LPAC + "#168: no AT+CCHO",
        "simcom|simtech|^incorporated",
        r"SIM7[56]",
        changes={"ways": ("csim", "cgla")},
    ),
    Row(
        _MANUAL + "SIMCom SIM7070_SIM7080_SIM7090: AT+CCID",
        "simcom|simtech|^incorporated",
        r"SIM70[0-9]",
        changes={"iccid_commands": ("AT+CCID", _CRSM)},
    ),
    # Telit LE910
    Row(
        _MANUAL + "Telit LE910Cx (80502ST10950A): #CCID; #SIMDET takes the SIM away and brings it back",
        "telit",
        r"LE910",
        changes={
            "iccid_commands": ("AT#CCID", "AT+ICCID", _CRSM),
            "take": ("refresh", "sim", "reset"),
            "sim_power": ("AT#SIMDET=0", "AT#SIMDET=1"),
        },
    ),
    # Sierra Wireless MC, EM
    Row(
        "ModemManager, mm-sim-sierra.c: !ICCID?",
        "sierra",
        r"^(MC|EM)",
        changes={"iccid_commands": ("AT!ICCID?", "AT+ICCID", "AT+CCID", _CRSM)},
    ),
    Row(
        _LPAC + "#138, #139: CCHO gives a handle, and CGLA works by it",
        "sierra",
        r"^(MC74|EM74|EM75)",
        changes={"ways": ("cgla", "csim")},
    ),
    Row(
        _LPAC + "#139: CGLA is there and CGLA=? is not",
        "sierra",
        r"^EM759",
        changes={"test_commands": False},
    ),
    Row(_LPAC + "#187: CCHC is not there", "sierra", r"^EM919", changes={"cchc": False}),
    # u-blox SARA-R4, SARA-R5
    Row(
        _MANUAL
        + "u-blox SARA-R4 (UBX-17003787) and SARA-R5 (UBX-19047455): CFUN and COPS take up to 3 minutes",
        "u-?blox",
        r"SARA-R[45]",
        changes={"iccid_commands": ("AT+CCID", _CRSM), "patience": 3.0},
    ),
    Row(
        "u-blox/ubxlib: the second value of CFUN is not a reset; CFUN=15 is",
        "u-?blox",
        r"SARA-R4",
        changes={"reset": ("AT+CFUN=15",)},
    ),
    Row(
        "u-blox/ubxlib: SARA-R5 has no CFUN=15, but 16, which resets the SIM too",
        "u-?blox",
        r"SARA-R5",
        changes={"reset": ("AT+CFUN=16",)},
    ),
    # Fibocom
    Row(
        _LPAC + "#442, #445: CCHO and CGLA work; =? gets no answer at all",
        "fibocom",
        r"FM350",
        changes={"ways": ("cgla", "csim"), "test_commands": False},
    ),
    Row(
        _LPAC + "#448: closing an old channel and some commands of a download take very long",
        "fibocom",
        r"FM350",
        changes={"patience": 2.0},
    ),
    Row(_LPAC + "#300: no test commands", "fibocom", r"FG132", changes={"test_commands": False}),
    # Huawei
    Row(
        "4IceG/luci-app-3ginfo-lite #25: ^ICCID?",
        "huawei",
        changes={"iccid_commands": ("AT^ICCID?", _CRSM)},
    ),
    Row(
        "ModemManager, mm-broadband-modem-huawei.c: ^RESET, and on MU736 CFUN=16",
        "huawei",
        changes={"reset": ("AT^RESET",)},
    ),
    # Others
    Row(
        _LPAC + "#428: lower-case hex gets ERROR",
        "foxconn|qualcomm",
        changes={"hex_case": "upper"},
    ),
    Row(_LPAC + "#164: no AT+CCHO", "dell", r"DW5821e", changes={"ways": ("csim",)}),
    Row(_LPAC + "#164: no AT+CCHO", "alcatel|tcl", r"IK41", changes={"ways": ("csim",)}),
)

AT_INTERFACES: dict[str, int] = {
    # ModemManager's *-port-types.rules and its mailing list: the interface of the primary AT port.
    "2c7c:0125": 2,  # Quectel EC25, EG25
    "2c7c:0191": 2,  # EG91
    "2c7c:0195": 2,  # EG95
    "2c7c:0296": 2,  # BG96
    "2c7c:0306": 2,  # EG06
    "2c7c:0800": 2,  # RM500
    "1e0e:9001": 2,  # SIMCom SIM7000, SIM7100, SIM7600
    "1e0e:9205": 2,  # SIM7070, SIM7080, SIM7090
    "1e0e:9206": 2,
    "1bc7:1201": 4,  # Telit LE910C1
    "1bc7:1101": 1,  # ME910C1
    "1bc7:1040": 4,  # LM9x0
    "1199:9071": 3,  # Sierra MC74xx, EM74xx
    "2cb7:0104": 1,  # Fibocom FM150
    "2cb7:01a0": 2,  # NL668
    "2cb7:01a2": 2,  # FM101
    "1546:1107": 0,  # u-blox TOBY-R2
    "1546:110a": 0,  # LARA-R2
}
"""USB ids, and the number of the interface whose tty speaks AT."""
