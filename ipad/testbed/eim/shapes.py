"""Odd shapes that eIMs in production send; this one does on demand (`--shape NAME`)."""

from collections.abc import Iterable, Mapping

from ipad.errors import ConfigError

SHAPES: Mapping[str, str] = {
    "bare-key-data": "EimConfigurationData: a bare 30… under A5 and A6, without the CHOICE's arm",
    "no-package-header": "JSON: no package is a header that says Failed 8.1.1/3.7, not eimPackageError 1",
    "error-zero": "JSON: eimPackageError 0 beside a package",
    "raw-signatures": "JSON: signatures and key identifiers as raw octets, not as their TLV",
    "meta-data-name": "JSON: profileMetaData, as the ASN.1 writes it, in place of profileMetadata",
    "empty-200": "HandleNotification is answered with HTTP 200 and an empty body, not 204",
    "own-numbers": "EimAcknowledgements: a number of the eIM's own besides",
    "protocol-2.1.0": "requests whose X-Admin-Protocol is not gsma/rsp/v2.1.0 are refused with HTTP 400",
}

OWN_NUMBER = 4711
"""What "own-numbers" acknowledges besides."""


def chosen(names: Iterable[str]) -> frozenset[str]:
    """The names as a set; ConfigError, with the list of those that there are, for an unknown one."""
    wanted = frozenset(names)
    if unknown := wanted - set(SHAPES):
        known = "\n".join(f"  {name}: {text}" for name, text in SHAPES.items())
        raise ConfigError(f"no shape {', '.join(sorted(unknown))}; there are\n{known}")
    return wanted
