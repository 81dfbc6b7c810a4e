"""The end of the HTTP server's loop."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from waitress.server import create_server

from kiosk.base.http_loop import HttpLoop

SOON_S = 20.0


def test_a_loop_that_ends_by_itself_in_the_moment_of_the_stop_is_no_error() -> None:
    """A worker that has answered wakes the loop between the request to stop and the stop's own wake-up."""
    sockets: dict[int, Any] = {}
    server = create_server(lambda *_: [], map=sockets, sockets=[socket.create_server(("127.0.0.1", 0))], threads=1)
    loop = HttpLoop(server, sockets, "test")
    pull: Callable[[], None] = server.trigger.pull_trigger

    def pull_late() -> None:
        pull()
        loop._thread.join(SOON_S)
        assert not loop._thread.is_alive()
        pull()

    server.trigger.pull_trigger = pull_late
    loop.start()
    loop.stop(SOON_S)
    loop.stop(SOON_S)
    assert not sockets
