"""Serving the pages."""

from __future__ import annotations

import socket
import threading
from functools import partial
from typing import Any, Final

from flask import Flask
from waitress import wasyncore  # type: ignore[import-untyped]
from waitress.server import create_server  # type: ignore[import-untyped]

from kiosk.sorting_center.certificate import ReloadingCertificate
from kiosk.sorting_center.web.connections.channels import (
    IDLE_TIMEOUT_S,
    MAX_CONNECTIONS,
    MAX_TLS_RECORD_BYTES,
    LimitedChannel,
    TlsChannel,
    rate_limited_log,
)

_THREADS: Final = 8
MAX_BODY_BYTES: Final = 17 * 1024 * 1024
"""More than the largest form: whoever sends more is hung up on before it fills the disk."""
_CLEANUP_INTERVAL_S: Final = 5


class WebServer:
    """Answers on a socket that listens already; whoever made the socket closes it. ``tls``: None for plain HTTP; its
    files are looked at again and again.
    """

    def __init__(
        self,
        app: Flask,
        listening: socket.socket,
        tls: ReloadingCertificate | None = None,
        max_body_bytes: int = MAX_BODY_BYTES,
    ) -> None:
        self._channels: dict[int, Any] = {}
        self._server = create_server(
            app,
            map=self._channels,
            sockets=[listening.dup()],
            threads=_THREADS,
            ident=None,
            url_scheme="http" if tls is None else "https",
            max_request_body_size=max_body_bytes,
            clear_untrusted_proxy_headers=False,
            recv_bytes=MAX_TLS_RECORD_BYTES,
            connection_limit=2 * MAX_CONNECTIONS,  # nothing is accepted beyond it, so room is made before
            channel_timeout=IDLE_TIMEOUT_S,
            cleanup_interval=_CLEANUP_INTERVAL_S,
            asyncore_use_poll=True,
        )
        self._server.channel_class = LimitedChannel if tls is None else partial(TlsChannel, tls, rate_limited_log())
        self._thread = threading.Thread(target=self._server.run, name="pages", daemon=True)
        self._shutdown = threading.Event()
        self._certificate_thread = (
            threading.Thread(target=tls.watch, args=(self._shutdown,), name="certificate", daemon=True) if tls else None
        )

    def start(self) -> None:
        self._thread.start()
        if self._certificate_thread is not None:
            self._certificate_thread.start()

    def stop(self, timeout_s: float) -> None:
        """Stop listening, wait for requests in hand, hang up."""
        self._shutdown.set()
        self._server.task_dispatcher.shutdown(timeout=timeout_s)
        if self._certificate_thread is not None and self._certificate_thread.ident is not None:
            self._certificate_thread.join(timeout_s)
        if self._thread.ident is None:
            self._close_connections()
        else:
            # The sockets belong to the loop's thread: closed from another one they may be polled once more.
            self._server.trigger.pull_trigger(self._close_connections)
            self._thread.join(timeout_s)

    def _close_connections(self) -> None:
        for one in list(self._channels.values()):
            if isinstance(one, LimitedChannel):
                one.handle_close()  # with the file of an answer that was not sent to its end
        wasyncore.close_all(self._channels, ignore_all=True)
