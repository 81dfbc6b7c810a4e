"""Serving the dashboard inside the process of the sorting center."""

from __future__ import annotations

import socket
import threading
from typing import Any, Final

from flask import Flask
from waitress import wasyncore  # type: ignore[import-untyped]
from waitress.server import create_server  # type: ignore[import-untyped]

_THREADS: Final = 4


class DashboardServer:
    """Has its port from the moment it is made; raises OSError when the address cannot be had."""

    def __init__(self, app: Flask, host: str, port: int) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, port), family=family)
        self.host = host
        self.port = int(listening.getsockname()[1])
        self._channels: dict[int, Any] = {}
        self._server = create_server(app, map=self._channels, sockets=[listening], threads=_THREADS, ident=None)
        self._thread = threading.Thread(target=self._server.run, name="dashboard", daemon=True)

    @property
    def address(self) -> str:
        """As a browser is given it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Stop listening, wait for requests in hand, hang up."""
        self._server.task_dispatcher.shutdown(timeout=timeout_s)
        if self._thread.ident is None:
            self._hang_up()
        else:
            # The sockets belong to the loop's thread: closed from another one they may be polled once more.
            self._server.trigger.pull_trigger(self._hang_up)
            self._thread.join(timeout_s)

    def _hang_up(self) -> None:
        wasyncore.close_all(self._channels, ignore_all=True)
