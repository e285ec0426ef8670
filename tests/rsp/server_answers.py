"""Answers of an SM-DP+ or SM-DS as JSON bodies, written by hand from SGP.22 6.5.2."""

import json
from base64 import b64encode
from typing import Any

from ipad.asn1 import wrap

TRANSACTION = bytes.fromhex("0a1b2c3d")
CHALLENGE = bytes(range(16))
EUICC_INFO1 = bytes.fromhex("BF20098203020300A900AA00")
CERTIFICATE = wrap(0x30, wrap(0x30, b"\x02\x01\x01"), wrap(0x30, b"\x06\x01\x2a"), b"\x03\x02\x00\xff")
SIGNATURE = wrap(0x5F37, bytes(range(64)))
KEY_ID = wrap(0x04, bytes(range(20)))
SERVER_SIGNED1 = wrap(
    0x30,
    wrap(0x80, TRANSACTION),
    wrap(0x81, CHALLENGE),
    wrap(0x83, b"smdp.example"),
    wrap(0x84, bytes(16)),
)
SMDP_SIGNED2 = wrap(0x30, wrap(0x80, TRANSACTION), b"\x01\x01\xff")
METADATA = wrap(0xBF25, wrap(0x5A, bytes(10)), wrap(0x91, b"Nord"), wrap(0x92, b"IoT"))
BPP = bytes.fromhex("BF3605") + b"\xff\xff\xff\xff\xff"  # what is inside is the card's

SUCCESS = {"functionExecutionStatus": {"status": "Executed-Success"}}


def base64(octets: bytes) -> str:
    return b64encode(octets).decode()


INITIATED: dict[str, Any] = {
    "transactionId": "0A1B2C3D",
    "serverSigned1": base64(SERVER_SIGNED1),
    "serverSignature1": base64(SIGNATURE),
    "euiccCiPKIdToBeUsed": base64(KEY_ID),
    "serverCertificate": base64(CERTIFICATE),
}
AUTHENTICATED: dict[str, Any] = {
    "transactionId": "0A1B2C3D",
    "profileMetadata": base64(METADATA),
    "smdpSigned2": base64(SMDP_SIGNED2),
    "smdpSignature2": base64(SIGNATURE),
    "smdpCertificate": base64(CERTIFICATE),
}
BOUND: dict[str, Any] = {"transactionId": "0A1B2C3D", "boundProfilePackage": base64(BPP)}
EVENTS: dict[str, Any] = {
    "transactionId": "0A1B2C3D",
    "eventEntries": [
        {"eventId": "1-EVENT", "rspServerAddress": "smdp.example"},
        {"eventId": "2-EVENT", "rspServerAddress": "other.example:8443"},
    ],
}


def success(members: dict[str, Any]) -> bytes:
    return json.dumps({"header": SUCCESS, **members}).encode()


def failed(subject: str, reason: str, message: str = "") -> bytes:
    data = {"subjectCode": subject, "reasonCode": reason, "message": message}
    return json.dumps(
        {"header": {"functionExecutionStatus": {"status": "Failed", "statusCodeData": data}}}
    ).encode()
