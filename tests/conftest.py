"""What all tests share."""

import os

from hypothesis import settings

# The gate gives the same answer each time; HYPOTHESIS_PROFILE=search looks for new cases.
settings.register_profile("gate", derandomize=True, deadline=None)
settings.register_profile("search", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "gate"))
