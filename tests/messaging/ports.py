"""Ports for the servers of a test: given to nobody else meanwhile, and waited for."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

SOON_S = 60.0


@contextmanager
def claimed_port() -> Iterator[int]:
    """A loopback port that no other program is given by chance until the end: between two lives of a server, too.

    It is bound and not listened on. Who connects is refused, and who asks for any free port gets another one; a server
    that names the port and sets SO_REUSEADDR, as Mosquitto does, may listen there.
    """
    with socket.socket() as claim:
        claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        claim.bind(("127.0.0.1", 0))
        port: int = claim.getsockname()[1]
        yield port


def wait_for_listener(port: int) -> None:
    """Until somebody listens there. Mosquitto opens its listeners one after the other; a Broker waits for the first."""
    give_up = time.monotonic() + SOON_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=SOON_S).close()
            return
        except OSError:
            assert time.monotonic() < give_up, f"nobody listens on port {port}"
            # Nothing announces a listening socket from outside; asking again soon is all there is.
            time.sleep(0.01)
