"""The table of modem models: what differs, and where that is known from (see modem.quirks)."""

from modem.quirks import Row

ROWS: tuple[Row, ...] = ()
