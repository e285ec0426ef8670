"""What the link is, and what to do about it. Pure: no I/O, no clock, no randomness of its own."""
