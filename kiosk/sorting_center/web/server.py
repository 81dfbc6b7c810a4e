"""Serving the pages."""

from __future__ import annotations

import socket
import threading
from typing import Any, Final

from flask import Flask
from waitress import wasyncore  # type: ignore[import-untyped]
from waitress.server import create_server  # type: ignore[import-untyped]

_THREADS: Final = 8
_MAX_BODY_BYTES: Final = 17 * 1024 * 1024
"""More than the largest form: whoever sends more is hung up on before it fills the disk."""


class WebServer:
    """Answers on a socket that listens already; whoever made the socket closes it."""

    def __init__(self, app: Flask, listening: socket.socket) -> None:
        self._channels: dict[int, Any] = {}
        self._server = create_server(
            app,
            map=self._channels,
            sockets=[listening.dup()],
            threads=_THREADS,
            ident=None,
            max_request_body_size=_MAX_BODY_BYTES,
            clear_untrusted_proxy_headers=False,
        )
        self._thread = threading.Thread(target=self._server.run, name="pages", daemon=True)

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
