"""Decoded values as JSON for people: octets as hexadecimal, ICCIDs as digits, the rest as it is."""

from typing import Any

from ipad.testbed.euicc.bcd import digits


def readable(value: Any, name: str = "") -> Any:
    """Of a decoded value; `name`: the member that it is. A CHOICE becomes an object with one member."""
    match value:
        case bytes():
            return digits(value) if name == "iccid" else value.hex().upper()
        case dict():
            return {str(key): readable(member, str(key)) for key, member in value.items()}
        case list():
            return [readable(element) for element in value]
        case (str() as arm, content):
            return {arm: readable(content, arm)}
        case (bytes() as bits, int() as count):
            return "".join(f"{octet:08b}" for octet in bits)[:count]
        case _:
            return value
