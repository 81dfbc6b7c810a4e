"""Serving the bench inside the process of the demo."""

from __future__ import annotations

import socket
import threading
from ipaddress import ip_address
from typing import Any, Final

from flask import Flask
from waitress.server import create_server  # type: ignore[import-untyped]

_THREADS: Final = 8  # A power cut answers only when the station is back: the page must stay alive meanwhile
MAX_BODY_BYTES: Final = 16 * 1024


class BenchServer:
    """Serves from the moment it is made until ``close``."""

    def __init__(self, app: Flask, host: str, port: int) -> None:
        """Bind and start; port 0 takes a free one. Raises OSError when the address cannot be had."""
        if host != "localhost" and not ip_address(host).is_loopback:
            raise ValueError(f"the bench is served on loopback only, not on {host}")
        # Bound here: waitress starts its threads first and leaves them running when the address is taken.
        listening = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        self._server: Any = create_server(
            app,
            sockets=[listening],
            threads=_THREADS,
            ident=None,
            max_request_body_size=MAX_BODY_BYTES,
            asyncore_use_poll=True,
        )
        self.port = int(listening.getsockname()[1])
        self._loop = threading.Thread(target=self._server.run, name="bench", daemon=True)
        self._loop.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def close(self, timeout_s: float = 5.0) -> None:
        """Finish the requests in hand, close every socket, end every thread."""
        self._server.task_dispatcher.shutdown(timeout=timeout_s)
        self._server.trigger.pull_trigger(self._close_connections)
        self._loop.join(timeout_s)

    def _close_connections(self) -> None:
        """Runs in the loop's own thread; a loop without sockets ends by itself."""
        for channel in list(self._server.active_channels.values()):
            channel.handle_close()
        self._server.close()
