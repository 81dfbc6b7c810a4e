"""A connection that ends in time, however slowly the other side drips."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def hung_up_after(seconds: float, connection: socket.socket) -> Iterator[None]:
    """Shut ``connection`` down when the time is over: whoever reads or writes then gets its end.

    The timer has a descriptor of its own: TLS takes that of the connection away.
    """
    own = connection.dup()

    def hang_up() -> None:
        with suppress(OSError):
            own.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, hang_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        own.close()
