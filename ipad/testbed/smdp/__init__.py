"""A simulated SM-DP+ (SGP.22): real certificates, signatures, sessions and protected profiles.

`core` is its functions without a transport, `orders` what it remembers, `euicc` how it checks what a card
signed, `mutual` how it and a card come to know each other, `profiles` what a profile is
made of, `bpp` how it is bound to one card.
"""

from .core import Authenticated, Smdp
from .mutual import Initiated
from .profiles import ProfileOrder
from .refusal import SmdpRefused

__all__ = ["Authenticated", "Initiated", "ProfileOrder", "Smdp", "SmdpRefused"]
