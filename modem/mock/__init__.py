"""A mock modem on a pty, in front of any Uicc: the far side of the AT port, for tests and the testbed."""
