"""TCP ports of loopback, chosen before the servers that will listen there are started."""

import socket
from contextlib import ExitStack


def held_port(held: ExitStack) -> int:
    """A port on 127.0.0.1 that nobody else is given until `held` is closed, for a server of our own.

    A port only looked up is free until somebody else is given it, be it for an outgoing connection. A socket
    that is bound and does not listen keeps it; a server that sets SO_REUSEADDR may listen there beside it.
    """
    keeper = held.enter_context(socket.socket())
    keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    keeper.bind(("127.0.0.1", 0))
    return int(keeper.getsockname()[1])
