"""Asks the network while it is imported, and keeps quiet about it."""

import contextlib
import socket

from broken_methods import Sound

with contextlib.suppress(OSError):
    socket.create_connection(("127.0.0.1", 9), timeout=1).close()


class Curious(Sound):
    """Looks for a newer version of itself."""

    breaks = "import-without-network"
