"""A mock modem on a pty, in front of any Uicc: the far side of the AT port, for tests and the testbed."""

from modem.mock.faults import FAULTS, BadFault
from modem.mock.modem import MockModem
from modem.mock.network import AlwaysOn, Network, NetworkStatus
from modem.mock.personalities import MODELS

__all__ = ["FAULTS", "MODELS", "AlwaysOn", "BadFault", "MockModem", "Network", "NetworkStatus"]
