"""A virtual IoT eUICC (SGP.32) that checks what a card checks, and keeps its memory in a directory.

From the outside in: `card` (reset, T=0), `commands` (instructions), `channels`, `files`, `proactive`
(REFRESH), `store_data` (chaining), `functions` (ES10 by tag), then one file per group of functions.
`package` is LoadEuiccPackage, `psmo` and `eco` its operations, `switch` what changes the enabled profile
(with `emergency` and `immediate_enable`), `state` the memory, `shapes` how cards in the field answer instead.
A download is `authentication`, then `load` with `metadata` and `profile_elements`; `session` is its memory.
Why a switch cannot be cut in two stands in `isdr`.
"""

from .card import VirtualEuicc
from .commands import ISDR_AID
from .defaults import default_profiles
from .show import show
from .state import Profile

__all__ = ["ISDR_AID", "Profile", "VirtualEuicc", "default_profiles", "show"]
