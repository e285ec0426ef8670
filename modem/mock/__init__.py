"""A mock modem on a pty, in front of any Uicc: the far side of the AT port, for tests and the testbed."""

from modem.mock.models import FAULTS, MODELS
from modem.mock.modem import MockModem
from modem.mock.network import AlwaysOn, Network, NetworkStatus

__all__ = ["FAULTS", "MODELS", "AlwaysOn", "MockModem", "Network", "NetworkStatus"]
