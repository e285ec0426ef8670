"""Decoded values as JSON for people: octets as hexadecimal, ICCIDs and PLMNs as digits."""

from typing import Any

from modem.bcd import iccid_digits, plmn_digits


def readable(value: Any, name: str = "") -> Any:
    """Of a decoded value; `name`: the member that it is. A CHOICE becomes an object with one member."""
    match value:
        case bytes():
            return _octets(value, name)
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


def _octets(value: bytes, name: str) -> str:
    try:
        return {"iccid": iccid_digits, "rPLMN": plmn_digits}.get(name, _hexadecimal)(value)
    except ValueError:
        return _hexadecimal(value)


def _hexadecimal(value: bytes) -> str:
    return value.hex().upper()
