import socket
from contextlib import ExitStack

import pytest

from ipad.testbed.held_port import held_port


def test_nobody_else_gets_the_port_and_a_server_may_come_and_go_there() -> None:
    with ExitStack() as held:
        port = held_port(held)
        for _ in range(2):
            with socket.create_server(("127.0.0.1", port)), pytest.raises(OSError, match="in use"):
                socket.create_server(("127.0.0.1", port))
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", port))
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
