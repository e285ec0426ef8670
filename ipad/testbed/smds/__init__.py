"""A simulated SM-DS (SGP.22): says to an authenticated card which servers have something for it.

`core` is its functions without a transport, `es11` their JSON, `serve` both as a process.
"""

from .core import Event, Smds

__all__ = ["Event", "Smds"]
