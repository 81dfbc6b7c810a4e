"""Addresses at which the sorting center is asked."""

from __future__ import annotations

import errno
import socket
import time
from typing import Final

BIND_TIMEOUT_S: Final = 6.0
"""A further process of a center that was killed keeps its address until it has ended: three seconds at most."""
_RETRY_S: Final = 0.05


def listening_socket(host: str, port: int, timeout_s: float = BIND_TIMEOUT_S) -> socket.socket:
    """Listens at ``host``, an address of IPv4 or IPv6; ``port`` 0 is any free one.

    Raises OSError when the address cannot be used; when another program has it, after ``timeout_s`` seconds.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    give_up = time.monotonic() + timeout_s
    while True:
        try:
            return socket.create_server((host, port), family=family)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() >= give_up:
                raise
        time.sleep(_RETRY_S)
