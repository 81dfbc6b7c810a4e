"""Ports for the servers of a test: given to nobody else meanwhile, and waited for."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

from kiosk.simulators.shared.processes import HeldPort

SOON_S = 60.0


@contextmanager
def claimed_port() -> Iterator[int]:
    """A loopback port that no other program is given by chance until the end: between two lives of a server, too."""
    held = HeldPort()
    try:
        yield held.number
    finally:
        held.release()


def wait_for_listener(port: int, patience_s: float = SOON_S) -> None:
    """Until somebody listens there. Mosquitto opens its listeners one after the other; a Broker waits for the first."""
    give_up = time.monotonic() + patience_s
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=SOON_S).close()
            return
        except OSError:
            assert time.monotonic() < give_up, f"nobody listens on port {port}"
            # Nothing announces a listening socket from outside; asking again soon is all there is.
            time.sleep(0.01)
