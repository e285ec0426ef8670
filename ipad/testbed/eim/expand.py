"""Compact forms back into the full ones (minimizeEsipaBytes, SGP.32 6.1): octet for octet what was signed.

Each function puts together what came and what the eIM knows, and verifies nothing: whoever calls it checks
the signature over the rebuilt octets before anything is done with them. Where the eIM does not know which
of a few octets were left out, all that they can have been are given, and the signature tells.
"""

from collections.abc import Iterable, Iterator

from ipad.asn1 import encode, find, member, tlvs, value, wrap

SIMA_SUCCESS = bytes.fromhex("3007A0053003800100")
"""simaResponse where CompactSuccessResult has none."""
_AID_BEGIN, _AID_END = bytes.fromhex("A0000005591010FFFFFFFF8900"), b"\x00"
"""An ISD-P's AID (SGP.02 annex H) around its octets 14 and 15."""
_INSTALL = bytes.fromhex("0780")
_REASONS = (0, 1, 2, 3, 4, 5, 127)
"""CancelSessionReason."""


class Missing(Exception):
    """Something was left out that the eIM does not know; the message says what."""


def known(octets: bytes | None, what: str) -> bytes:
    """The octets, which have to be there. Missing."""
    if not octets:
        raise Missing(what)
    return octets


def authenticate_server_response(
    response: bytes,
    *,
    server_signed1: bytes,
    info2: bytes | None,
    ctx_params1: bytes | None,
    euicc: bytes | None,
    eum: bytes | None,
) -> bytes:
    """BF38 with compactAuthenticateResponseOk to the same with authenticateResponseOk.

    info2: the card's EUICCInfo2 as it was last heard; only extCardResource in it may have changed.
    ctx_params1: those that the eIM gave. euicc, eum: certificates, 30…. Missing.
    """
    parts = dict(tlvs(value(member(response, 0xBF38, 0xA2))))
    signed = parts.get(0x30) or _euicc_signed1(parts[0xA0], server_signed1, info2, ctx_params1)
    return wrap(
        0xBF38,
        wrap(
            0xA0,
            signed,
            parts[0x5F37],
            _certificate(parts.get(0xA1), euicc, "the eUICC's certificate"),
            _certificate(parts.get(0xA2), eum, "the EUM's certificate"),
        ),
    )


def _euicc_signed1(
    compact: bytes, server_signed1: bytes, info2: bytes | None, ctx_params1: bytes | None
) -> bytes:
    resource, told = member(compact, 0xA0, 0x84), find(compact, 0xA0, 0xA2)
    info2 = known(info2, "EUICCInfo2")
    return wrap(
        0x30,
        *(member(server_signed1, 0x30, tag) for tag in (0x80, 0x83, 0x84)),
        wrap(0xBF22, *(resource if tag == 0x84 else tlv for tag, tlv in tlvs(value(info2)))),
        known(ctx_params1, "ctxParams1") if told is None else value(told),
    )


def _certificate(sent: bytes | None, registered: bytes | None, what: str) -> bytes:
    return known(registered, what) if sent is None else wrap(0x30, value(sent))


def prepare_download_response(
    response: bytes, *, transaction: bytes, otpk: bytes | None, hash_cc: bytes | None
) -> bytes:
    """BF21 with compactDownloadResponseOk to the same with downloadResponseOk.

    otpk: bppEuiccOtpk of smdpSigned2 (5F49). hash_cc: the one that the eIM gave (04). Missing.
    """
    compact, signature = member(response, 0xBF21, 0xA2, 0x30), member(response, 0xBF21, 0xA2, 0x5F37)
    signed = wrap(
        0x30,
        wrap(0x80, transaction),
        find(compact, 0x30, 0x5F49) or known(otpk, "euiccOtpk"),
        find(compact, 0x30, 0x04) or hash_cc or b"",
    )
    return wrap(0xBF21, wrap(0xA0, signed, signature))


def cancel_session_responses(response: bytes, *, transaction: bytes, oid: str) -> Iterator[bytes]:
    """BF41 with compactCancelSessionResponseOk to those with cancelSessionResponseOk that it can mean.

    oid: of the SM-DP+. With the reason left out, it is one of all that there are.
    """
    compact, signature = member(response, 0xBF41, 0xA2, 0x30), member(response, 0xBF41, 0xA2, 0x5F37)
    reason = find(compact, 0x30, 0x80)
    contents = [bytes([each]) for each in _REASONS] if reason is None else [value(reason)]
    for content in contents:
        signed = wrap(0x30, wrap(0x80, transaction), _oid(0x81, oid), wrap(0x82, content))
        yield wrap(0xBF41, wrap(0xA0, signed, signature))


def other_notification(compact: bytes, euicc: bytes, eum: bytes) -> bytes:
    """CompactOtherSignedNotification (A1) to OtherSignedNotification (30)."""
    signed, signature = member(compact, 0xA1, 0xBF2F), member(compact, 0xA1, 0x5F37)
    return wrap(0x30, signed, signature, euicc, eum)


def installation_results(
    compact: bytes, *, addresses: Iterable[str], oid: str, iccid: bytes | None
) -> Iterator[bytes]:
    """CompactProfileInstallationResult (A0) to the ProfileInstallationResults (BF37) that it can mean.

    addresses: the SM-DP+'s, and others that the profile names for its notifications. oid: the SM-DP+'s.
    iccid: the whole 5A of the profile's metadata. Missing.
    """
    data, signature = member(compact, 0xA0, 0xA0), member(compact, 0xA0, 0x5F37)
    present = find(data, 0xA0, 0x01)
    with_iccid = present is None or value(present) != b"\x00"
    for address in addresses:
        metadata = wrap(
            0xBF2F,
            wrap(0x80, value(member(data, 0xA0, 0x02))),
            wrap(0x81, _INSTALL),
            wrap(0x0C, address.encode()),
            known(iccid, "the profile's ICCID") if with_iccid else b"",
        )
        signed = wrap(
            0xBF27,
            member(data, 0xA0, 0x80),
            metadata,
            _oid(0x06, oid),
            wrap(0xA2, _final_result(member(data, 0xA0, 0xA2))),
        )
        yield wrap(0xBF37, signed, signature)


def _final_result(compact: bytes) -> bytes:
    success = find(compact, 0xA2, 0xA0)
    if success is None:
        return member(compact, 0xA2, 0xA1)
    aid = wrap(0x4F, _AID_BEGIN, value(member(success, 0xA0, 0x4F)), _AID_END)
    return wrap(0xA0, aid, find(success, 0xA0, 0x04) or wrap(0x04, SIMA_SUCCESS))


def _oid(tag: int, oid: str) -> bytes:
    return wrap(tag, value(member(encode("sgp22:DpProprietaryData", {"dpOid": oid}), 0x30, 0x80)))
