"""What only root can do: mount, give files away, become somebody else. CI is root."""

import os

import pytest

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can do this")
