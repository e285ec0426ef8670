"""Reading the information lines of the AT commands that a Radio needs (TS 27.007). Pure."""

import re
from dataclasses import dataclass

from modem.radio import Registration, Sim

REGISTRATION_ANSWER = re.compile(r"\+C(?:5G|E|G)?REG: *(\d+) *, *(\d+)")
"""The answer to +CxREG? has <n> and <stat> as numbers; the unsolicited line only <stat>, then text."""

ICCID_ANSWER = re.compile(r"(?<![0-9A-Za-z])(\d\d[0-9A-F]{16,18})F?(?![0-9A-Za-z])")
_VALUE = re.compile(r'(?:^|,) *(?:"([^"]*)[^,]*|([^,]*))')
"""One of the values between commas. A string has no quotes in it: \\22 stands for one (V.250 5.4.2.2)."""
_REGISTRATION_TOLD = re.compile(r"\+C(?:5G|E|G)?REG: *(\d+)")
_TECHNOLOGIES = {
    0: "GSM", 1: "GSM", 2: "UTRAN", 3: "GSM", 4: "UTRAN", 5: "UTRAN", 6: "UTRAN", 7: "E-UTRAN",
    8: "GSM", 9: "E-UTRAN", 10: "E-UTRAN", 11: "NR", 12: "NR", 13: "E-UTRAN",
}  # fmt: skip
_GERAN, _UTRAN, _E_UTRAN, _NG_RAN = "GSM", "UTRAN", "E-UTRAN", "NR"
_WS46 = {
    12: (_GERAN,), 22: (_UTRAN,), 28: (_E_UTRAN,), 36: (_NG_RAN,),
    25: (_GERAN, _UTRAN),  # with E-UTRAN only since that exists: a modem that has it lists another with it
    29: (_GERAN, _UTRAN), 30: (_GERAN, _E_UTRAN), 31: (_UTRAN, _E_UTRAN),
    35: (_GERAN, _UTRAN, _E_UTRAN, _NG_RAN), 37: (_E_UTRAN, _NG_RAN), 38: (_UTRAN, _E_UTRAN, _NG_RAN),
    39: (_GERAN, _E_UTRAN, _NG_RAN), 40: (_UTRAN, _NG_RAN), 41: (_GERAN, _UTRAN, _NG_RAN),
    42: (_GERAN, _NG_RAN),
}  # fmt: skip
WS46_ANSWER = re.compile(r"(?:\+WS46: *)?\(")
"""The answer to AT+WS46=?, which some modems give without its name."""
# 6 and 7 are SMS only, 8 is emergency only; 9 and 10 are registered with CS fallback not preferred.
_STATS = {
    **{int(stat): stat for stat in Registration},
    9: Registration.HOME,
    10: Registration.ROAMING,
}
_SIM_BY_CAUSE = {10: Sim.ABSENT, 11: Sim.LOCKED, 12: Sim.LOCKED, 15: Sim.ABSENT, 16: Sim.LOCKED}


@dataclass(frozen=True, slots=True)
class Registered:
    """One of +CREG, +CGREG, +CEREG, +C5GREG."""

    stat: Registration
    cause: int | None = None


def fields(line: str) -> list[str]:
    """The values after the colon, without their quotes. An empty line has none."""
    values = line.partition(":")[2].strip()
    return [found[1] or found[2] or "" for found in _VALUE.finditer(values)] if values else []


def number(text: str) -> int | None:
    """A decimal number; None if it is none."""
    return int(text) if text.isascii() and text.isdigit() else None


def sim(lines: list[str]) -> Sim:
    """+CPIN (TS 27.007 8.3)."""
    said = lines[0].partition(":")[2].strip().strip('"') if lines else ""
    if said == "READY":
        return Sim.READY
    return Sim.NOT_READY if said in ("", "NOT READY") else Sim.LOCKED


def sim_by_cause(code: int | None) -> Sim:
    """The state of the SIM behind +CPIN's +CME ERROR (TS 27.007 9.2.1)."""
    return _SIM_BY_CAUSE.get(code if code is not None else -1, Sim.NOT_READY)


def registered(lines: list[str]) -> Registered | None:
    """The answer to +CxREG?; the cause from its form 3, where <cause_type> 0 is the network's own."""
    for line in lines:
        if match := REGISTRATION_ANSWER.match(line):
            values = fields(line)
            cause = number(values[6]) if len(values) > 6 and values[5] == "0" else None
            stat = _STATS.get(int(match[2]), Registration.UNKNOWN)
            return Registered(stat, cause if stat is Registration.DENIED else None)
    return None


def is_registration(line: str) -> bool:
    """Whether an unsolicited line tells of a change of registration."""
    return _REGISTRATION_TOLD.match(line) is not None


def best(seen: list[Registered]) -> Registered:
    """One verdict of several domains: registered in one is registered, denied says more than searching."""
    order = (
        Registration.HOME,
        Registration.ROAMING,
        Registration.DENIED,
        Registration.SEARCHING,
        Registration.UNKNOWN,
        Registration.NOT_REGISTERED,
    )
    return min(seen, key=lambda one: order.index(one.stat), default=Registered(Registration.UNKNOWN))


def operator(lines: list[str]) -> tuple[str | None, str | None]:
    """PLMN and technology of +COPS? (TS 27.007 7.3); the PLMN only where the format is numeric."""
    for line in lines:
        values = fields(line)
        if len(values) >= 3 and values[1] == "2" and number(values[2]) is not None:
            tech = number(values[3]) if len(values) > 3 else None
            return values[2], _TECHNOLOGIES.get(tech) if tech is not None else None
    return None, None


def technologies(lines: list[str]) -> frozenset[str]:
    """What the modem can be told to use alone or together, of AT+WS46=? (TS 27.007 5.9)."""
    found: set[str] = set()
    for first, last in re.findall(r"(\d{1,3})(?:-(\d{1,3}))?", " ".join(lines).rpartition("(")[2]):
        for n in range(int(first), int(last or first) + 1):
            found.update(_WS46.get(n, ()))
    return frozenset(found)


def csq(lines: list[str]) -> int | None:
    """RSSI in dBm of +CSQ (TS 27.007 8.5)."""
    values = fields(lines[0]) if lines else []
    value = number(values[0]) if values else None
    return -113 + 2 * value if value is not None and value <= 31 else None


def cesq(lines: list[str]) -> int | None:
    """Received level in dBm of +CESQ (TS 27.007 8.69): RSRP, else RSCP, else RXLEV."""
    values = [number(text) for text in fields(lines[0])] if lines else []
    if len(values) < 6:
        return None
    rxlev, rscp, rsrp = values[0], values[2], values[5]
    if rsrp is not None and rsrp <= 97:
        return -141 + rsrp
    if rscp is not None and rscp <= 96:
        return -121 + rscp
    return -111 + rxlev if rxlev is not None and rxlev <= 63 else None


def active_contexts(lines: list[str]) -> set[str]:
    """The <cid>s that +CGACT? says are active (TS 27.007 10.1.10)."""
    return {values[0] for values in map(fields, lines) if len(values) >= 2 and values[1] == "1"}


def addresses(lines: list[str]) -> dict[str, str]:
    """The address of each <cid> that has one, of +CGPADDR (TS 27.007 10.1.14)."""
    found: dict[str, str] = {}
    for values in map(fields, lines):
        for address in values[1:]:
            if address.strip("0.:"):
                found.setdefault(values[0], address)
    return found


def iccid(lines: list[str]) -> str | None:
    """An ICCID of 18 to 20 digits, some operators' with letters, in whatever the command says around it.

    READ BINARY of EF ICCID (+CRSM, TS 27.007 8.18) and some vendors' commands tell it as it is in the file,
    digits swapped: 89, which all begin with (ITU-T E.118), is 98 there.
    """
    for line in lines:
        if match := ICCID_ANSWER.search(line):
            digits = match[1]
            if digits.startswith("98") and len(digits) == 20:
                digits = "".join(digits[i + 1] + digits[i] for i in range(0, 20, 2))
            return digits.rstrip("F")
    return None
