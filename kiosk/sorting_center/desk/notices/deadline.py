"""A connection that ends in time, however slowly the other side drips."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def closed_after(seconds: float, connection: socket.socket) -> Iterator[None]:
    """Shut ``connection`` down when the time is over, and raise TimeoutError then, whatever came of it.

    What was cut off may look like a short answer. The timer has a descriptor of its own: TLS takes that of the
    connection away. A timeout of the connection's own, which could come a moment before as another error, is taken off.
    """
    own, expired = connection.dup(), threading.Event()
    connection.settimeout(None)

    def shut_down() -> None:
        expired.set()
        with suppress(OSError):
            own.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, shut_down)
    timer.daemon = True
    timer.start()
    try:
        yield
        if expired.is_set():
            raise TimeoutError
    except Exception as error:
        if expired.is_set():
            raise TimeoutError from error
        raise
    finally:
        timer.cancel()
        timer.join()
        own.close()
