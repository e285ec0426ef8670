"""Odd shapes that others send in production, put into the standard's before they are decoded.

Only frames are touched, never what was signed. What is neither odd nor the standard's stays as it is.
"""

from ipad.asn1 import find, tlvs, value, wrap
from ipad.errors import DecodeError

_CERTIFICATE_MEMBERS = 3
"""A SubjectPublicKeyInfo has two."""


def standard(message: bytes) -> bytes:
    """An EsipaMessageFromIpaToEim, whatever is odd in it. Malformed octets are left for the decoder."""
    try:
        [(tag, _)] = tlvs(message)
        if tag == 0xBF50:
            return _provided(message)
        if tag == 0xBF3D:
            parts = [_provided(tlv) if tag == 0xBF50 else tlv for tag, tlv in tlvs(value(message))]
            return wrap(0xBF3D, *parts)
        if tag == 0xBF41:
            return _cancelled(message)
    except (DecodeError, ValueError):
        pass
    return message


def _provided(message: bytes) -> bytes:
    return wrap(0xBF50, *(_arm(tag, tlv) for tag, tlv in tlvs(value(message))))


def _arm(tag: int, tlv: bytes) -> bytes:
    match tag:
        case 0xBF51:
            return _package_result(tlv)
        case 0x30:
            return wrap(
                0x30, *(_package_result(each) if t == 0xBF51 else each for t, each in tlvs(value(tlv)))
            )
        case 0xBF52:
            return _data(tlv)
        case _:
            return tlv


def _package_result(result: bytes) -> bytes:
    """`BF51 { 30… }`: the arm with 30 in the place of its own tag, or its members directly under BF51."""
    content = value(result)
    if [tag for tag, _ in tlvs(content)] == [0x30]:
        content = value(content)
    parts = dict(tlvs(content))
    if set(parts) & {0xA0, 0xA1, 0xA2}:
        return result
    return wrap(0xBF51, wrap(_arm_of(parts.get(0x30)), content))


def _arm_of(signed: bytes | None) -> int:
    if signed is None:
        return 0xA2  # only an unsigned error has no signed data
    return 0xA0 if find(signed, 0x30, 0x83) is not None else 0xA1  # only a result has a seqNumber


def _data(response: bytes) -> bytes:
    """`BF52 { members of IpaEuiccData }`, and whole certificates (30…) under A5 and A6."""
    content = value(response)
    parts = list(tlvs(content))
    if not parts or [tag for tag, _ in parts] == [0xA1]:
        return response
    if [tag for tag, _ in parts] == [0xA0] and not _notifications(parts[0][1]):
        content = value(content)
    return wrap(0xBF52, wrap(0xA0, *(_data_member(tag, tlv) for tag, tlv in tlvs(content))))


def _notifications(tlv: bytes) -> bool:
    """Whether an A0 holds PendingNotifications; empty, it is rather IpaEuiccData without members."""
    return any(tag in (0xBF37, 0x30) for tag, _ in tlvs(value(tlv)))


def _data_member(tag: int, tlv: bytes) -> bytes:
    match tag:
        case 0xA5 | 0xA6 if [inner for inner, _ in tlvs(value(tlv))] == [0x30]:
            return wrap(tag, value(value(tlv)))
        case 0xA2:
            return wrap(0xA2, *(_package_result(each) for _, each in tlvs(value(tlv))))
        case _:
            return tlv


def _cancelled(message: bytes) -> bytes:
    """`cancelSessionResponse A1 { BF41 {…} }`: the tag beside the type's own, not in its place."""
    parts = [
        wrap(0xA1, value(value(tlv))) if tag == 0xA1 and find(tlv, 0xA1, 0xBF41) is not None else tlv
        for tag, tlv in tlvs(value(message))
    ]
    return wrap(0xBF41, *parts)


def configuration(der: bytes) -> bytes:
    """An EimConfigurationData with a bare 30… under A5 or A6, without the arm of the CHOICE."""
    return wrap(0x30, *(_key_data(tag, tlv) if tag in (0xA5, 0xA6) else tlv for tag, tlv in tlvs(value(der))))


def _key_data(tag: int, tlv: bytes) -> bytes:
    bare = find(value(tlv), 0x30)
    if bare is None:
        return tlv
    certificate = len(list(tlvs(value(bare)))) == _CERTIFICATE_MEMBERS
    return wrap(tag, wrap(0xA1 if certificate else 0xA0, value(bare)))


def bare_configuration(der: bytes) -> bytes:
    """The other way: an EimConfigurationData as some eIMs send it."""
    return wrap(
        0x30,
        *(
            wrap(tag, wrap(0x30, value(value(tlv)))) if tag in (0xA5, 0xA6) else tlv
            for tag, tlv in tlvs(value(der))
        ),
    )
