"""Which modems the mock can be: a table.

Identification strings are those that such modems were seen to give in public logs and manuals; where none
was found of a model's own revision, it is UNKNOWN. What they say by themselves and how long they take is
typical of their kind, not measured. Bugs are those of public reports (docs/modems.md names them). IMEIs have
the type allocation code of no real model.
"""

from dataclasses import replace

from modem.mock.models import IccidAnswer, Latencies, Model

UNKNOWN = "testbed 1.0"
"""The revision of a model whose own is not public."""

_QCCID = IccidAnswer("+QCCID", "+QCCID: ", filler=True)
_CCID = IccidAnswer("+CCID", "+CCID: ")
_CICCID = IccidAnswer("+CICCID", "+ICCID: ")
_ICCID = IccidAnswer("+ICCID", "+ICCID: ")

_FAST_USB = Latencies(apdu=0.02, boot=12.0, registration=3.0, sim=1.5, command=0.003)
_LTE_M = Latencies(apdu=0.06, boot=6.0, registration=8.0, sim=2.0, command=0.02)
_5G = Latencies(apdu=0.015, boot=20.0, registration=4.0, sim=2.0, command=0.002)

_QUECTEL = Model(
    "Quectel",
    "",
    "",
    _QCCID,
    reenumerates=True,
    carrier_command="+QMBNCFG",
    starting=("RDY", "+CFUN: 1"),
    sim_ready=("+CPIN: READY", "+QUSIM: 1", "+QIND: SMS DONE", "+QIND: PB DONE"),
    sim_gone=("+CPIN: NOT READY", "+QUSIM: 0"),
    chatter=('+QIND: "csq",20,99', "+CGEV: NW MODIFY 1,0,0"),
    latencies=_FAST_USB,
)
_LONG_INFORMATION = (
    "Manufacturer: {manufacturer}",
    "Model: {name}",
    "Revision: {revision}",
    "IMEI: {imei}",
    "+GCAP: +CGSM",
)
_SIMCOM = Model(
    "SIMCOM INCORPORATED",
    "",
    "",
    _CICCID,
    information=_LONG_INFORMATION,
    prefixed=True,
    starting=("RDY", "+CPIN: READY"),
    sim_ready=("SMS DONE", "PB DONE"),
    sim_gone=("+SIMCARD: NOT AVAILABLE", "+CPIN: SIM REMOVED"),
    chatter=("+CGEV: EPS PDN ACT 1",),
    latencies=_FAST_USB,
)
_SIERRA = Model(
    "Sierra Wireless, Incorporated",
    "",
    "",
    IccidAnswer("!ICCID?", "!ICCID: "),
    information=_LONG_INFORMATION,
    reenumerates=True,
    starting=(),
    sim_ready=(),
    sim_gone=(),
    latencies=_FAST_USB,
)
_UBLOX = Model(
    "u-blox",
    "",
    "",
    _CCID,
    information=("{name}-00",),
    starting=("+UUSTATUS: 1",),
    sim_ready=(),
    sim_gone=(),
    networks="28",
    chatter=("+CIEV: 2,4", "+UREG: 1"),
    latencies=_LTE_M,
)
_HUAWEI = Model(
    "Huawei Technologies Co., Ltd.",
    "",
    "",
    IccidAnswer("^ICCID?", "^ICCID: ", swapped=True),
    information=_LONG_INFORMATION,
    reenumerates=True,
    starting=("^SYSSTART",),
    sim_ready=("^SIMST:1",),
    sim_gone=("^SIMST:255",),
    chatter=("^BOOT:36742410,0,0,0,6", "^RSSI:20", '^HCSQ: "LTE",57,47,126,24'),
    latencies=_FAST_USB,
)

MODELS = {
    "generic": Model("Testbed", "UART-1", "1.0", _CCID, faults=frozenset({"upper-case"})),
    "generic-usb": Model(
        "Testbed",
        "USB-1",
        "1.0",
        replace(_QCCID, filler=False),
        tac="00101701",
        reenumerates=True,
        networks="28",
        faults=frozenset({"upper-case"}),
    ),
    "ec20f": replace(
        _QUECTEL,
        name="EC20F",
        revision="EC20CEFAGR06A10M4G",
        tac="00101702",
        faults=frozenset({"cgla-store-data", "carrier-stuck"}),
    ),
    "ec25": replace(
        _QUECTEL,
        name="EC25",
        revision="EC25EFAR06A08M4G",
        tac="00101703",
        faults=frozenset({"cgla-store-data", "stale-channels"}),
    ),
    "eg25": replace(
        _QUECTEL,
        name="EG25",
        revision="EG25GGBR07A08M2G",
        tac="00101704",
        faults=frozenset({"csim-channel", "cat-busy"}),
    ),
    "eg916q": replace(
        _QUECTEL,
        name="EG916Q-GL",
        revision="EG916QGLLGR01A05M04",
        tac="00101705",
        networks="28",
        faults=frozenset({"ignore-refresh", "cat-busy"}),
    ),
    "bg95": replace(
        _QUECTEL,
        name="BG95-M3",
        revision="BG95M3LAR02A03",
        tac="00101706",
        reenumerates=False,
        starting=("RDY", "APP RDY"),
        networks="12,28,30",
        carrier_command="",
        faults=frozenset({"deaf-at-first", "short-blocks"}),
        latencies=_LTE_M,
    ),
    "rm520n": replace(
        _QUECTEL,
        name="RM520N-GL",
        revision="RM520NGLAAR01A07M4G",
        tac="00101707",
        networks="22,28,31,36,37",
        new_radio=True,
        faults=frozenset({"ignore-refresh", "cfun-keeps-card", "lower-case"}),
        latencies=_5G,
    ),
    "sim7600": replace(
        _SIMCOM,
        name="SIMCOM_SIM7600E-H",
        revision="LE11B08SIM7600M22",
        tac="00101708",
        reenumerates=True,
        faults=frozenset({"fetches-answers"}),
    ),
    "sim7080": replace(
        _SIMCOM,
        manufacturer="SIMCOM_Ltd",
        name="SIMCOM_SIM7080",
        revision="1951B08SIM7080",
        tac="00101709",
        iccid=IccidAnswer("+CCID", ""),
        information=("{name} R1951.08",),
        prefixed=False,
        networks="28",
        starting=("RDY", "+CFUN: 1"),
        sim_ready=("+CPIN: READY", "SMS Ready"),
        sim_gone=("+CPIN: NOT INSERTED",),
        faults=frozenset({"no-ccho", "deaf-at-first"}),
        latencies=_LTE_M,
    ),
    "a7670": replace(
        _SIMCOM,
        manufacturer="INCORPORATED",
        name="A7670E-FASE",
        revision="A011B07A7670M7_F",
        tac="00101710",
        networks="12,28,30",
        starting=("*ATREADY: 1",),
        sim_ready=("+CPIN: READY", "SMS DONE", "PB DONE"),
        sim_gone=("+CPIN: SIM REMOVED",),
        faults=frozenset({"noise"}),
        latencies=_LTE_M,
    ),
    "le910": Model(
        "Telit",
        "LE910C1-EU",
        UNKNOWN,
        IccidAnswer("#CCID", "#CCID: "),
        tac="00101711",
        information=("332",),
        reenumerates=True,
        starting=(),
        sim_ready=("#QSS: 1",),
        sim_gone=("#QSS: 0",),
        latencies=_FAST_USB,
    ),
    "mc7455": replace(
        _SIERRA,
        name="MC7455",
        revision="SWI9X30C_02.33.03.00 r8209 CARMD-EV-FRMWR2 2019/08/28 20:59:30",
        tac="00101712",
        faults=frozenset({"session-handles", "quiet"}),
    ),
    "em7590": replace(
        _SIERRA,
        name="EM7590",
        revision=UNKNOWN,
        tac="00101713",
        faults=frozenset({"session-handles", "no-tests", "quiet"}),
    ),
    "em9191": replace(
        _SIERRA,
        name="EM9191",
        revision="SWIX55C_03.09.06.00 340b2d jenkins 2022/03/16 00:37:53",
        tac="00101714",
        networks="22,28,31,36,37",
        new_radio=True,
        faults=frozenset({"no-cchc"}),
        latencies=_5G,
    ),
    "sara-r4": replace(
        _UBLOX,
        name="SARA-R410M-02B",
        revision="L0.0.00.00.05.08",
        tac="00101715",
        faults=frozenset({"apn-sticks", "quiet"}),
    ),
    "sara-r5": replace(
        _UBLOX,
        name="SARA-R510S-01B",
        revision="03.14",
        tac="00101716",
        starting=("+UUSTATUS: 1",),
        sim_gone=("+CPIN: NOT READY",),
        faults=frozenset({"quiet"}),
    ),
    "fm350": Model(
        "Fibocom Wireless Inc.",
        "FM350-GL",
        "81600.0000.00.29.21.24",
        _ICCID,
        tac="00101717",
        information=("Manufacturer: {manufacturer}", "Model: {name}", "Revision: {revision}", "SVN: 10"),
        reenumerates=True,
        networks="22,28,31,36,37",
        new_radio=True,
        starting=("+EIND: 128",),
        sim_ready=("+SIM READY", "+CPIN: READY"),
        chatter=("+ECELLINFO: 1", "+CGEV: ME PDN ACT 0"),
        faults=frozenset({"bare-ccho", "silent-tests", "stale-channels", "slow-close"}),
        latencies=replace(_5G, apdu=0.05),
    ),
    "ms2372h": replace(
        _HUAWEI,
        manufacturer="huawei",
        name="MS2372h-517",
        revision="21.328.02.01.00",
        tac="00101718",
        faults=frozenset({"csim-basic-only", "ccho-fails"}),
    ),
    "me909s": replace(
        _HUAWEI,
        name="ME909s-120",
        revision="11.617.15.00.00",
        tac="00101719",
        faults=frozenset({"noise"}),
    ),
    "t99w696": Model(
        "Foxconn",
        "T99W696",
        UNKNOWN,
        _ICCID,
        tac="00101720",
        information=_LONG_INFORMATION,
        reenumerates=True,
        networks="22,28,31,36,37",
        new_radio=True,
        faults=frozenset({"upper-case"}),
        latencies=_5G,
    ),
    "dw5821e": Model(
        "Dell Inc.",
        "DW5821e Snapdragon X20 LTE",
        "T77W968.F1.0.0.5.2.GC.013",
        _ICCID,
        tac="00101721",
        information=_LONG_INFORMATION,
        reenumerates=True,
        networks="22,28,31",
        faults=frozenset({"no-ccho", "old-iccid"}),
        latencies=_FAST_USB,
    ),
}
"""By the name that `--model` takes."""
