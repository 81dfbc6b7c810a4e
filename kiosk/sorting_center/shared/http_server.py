"""The HTTP server of the sorting center's processes: waitress, over plain HTTP. TLS and limits are nginx's."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any, Final

from waitress.channel import HTTPChannel  # type: ignore[import-untyped]
from waitress.server import create_server  # type: ignore[import-untyped]
from waitress.task import WSGITask  # type: ignore[import-untyped]

from kiosk.base.http_loop import HttpLoop

_THREADS: Final = 8
# More than the largest form: a client that sends more is disconnected before it fills the disk.
MAX_BODY_BYTES: Final = 17 * 1024 * 1024
_MAX_CONNECTIONS: Final = 1000  # nginx opens one for each request, and limits them itself
_IDLE_S: Final = 60
_CLEANED_EVERY_S: Final = 5


class BrokenBodyChannel(HTTPChannel):  # type: ignore[misc]
    """A connection that closes in the middle of a body: the application gets what has arrived, to keep it. Its input
    ends early then, and the answer is not read.
    """

    request: Any

    def handle_close(self) -> None:
        broken, self.request = self.request, None
        super().handle_close()
        if broken is not None and broken.headers_finished and not broken.completed:
            self.server.add_task(_BrokenRequest(self, broken))


class _BrokenRequest:
    def __init__(self, channel: HTTPChannel, request: Any) -> None:
        self._channel, self._request = channel, request

    def service(self) -> None:
        try:
            environ = WSGITask(self._channel, self._request).get_environment()
            self._channel.server.application(environ, lambda *_: None)
        finally:
            self._request.close()

    def cancel(self) -> None:
        self._request.close()


class WebServer:
    """Answers on a socket that listens already, TCP or Unix; the caller closes the socket."""

    def __init__(
        self,
        app: Callable[..., Any],
        listening: socket.socket,
        max_body_bytes: int = MAX_BODY_BYTES,
        threads: int = _THREADS,
        channel_class: type[HTTPChannel] = HTTPChannel,
    ) -> None:
        sockets: dict[int, Any] = {}
        server = create_server(
            app,
            map=sockets,
            sockets=[listening.dup()],
            threads=threads,
            ident=None,
            max_request_body_size=max_body_bytes,
            clear_untrusted_proxy_headers=False,
            connection_limit=_MAX_CONNECTIONS,
            channel_timeout=_IDLE_S,
            cleanup_interval=_CLEANED_EVERY_S,
        )
        server.channel_class = channel_class
        self._loop = HttpLoop(server, sockets, "http")

    def start(self) -> None:
        self._loop.start()

    def stop(self, timeout_s: float) -> None:
        self._loop.stop(timeout_s)
