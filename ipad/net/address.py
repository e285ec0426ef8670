"""Addresses of servers as cards, activation codes and events write them."""

HTTPS_PORT = 443


def host_and_port(text: str) -> tuple[str, int] | None:
    """Host and port of `host` or `host:port`, an IPv6 address in brackets; None for what is neither."""
    host, colon, digits = text.rpartition(":") if not text.endswith("]") else (text, "", "")
    if not colon:
        host, digits = text, str(HTTPS_PORT)
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    port = int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 5 else 0
    well_formed = (
        host.isascii() and host.isprintable() and not set(host) & set(" /@[]?#") and host[:1] not in ("", ".")
    )
    return (host, port) if well_formed and 0 < port < 65536 else None
