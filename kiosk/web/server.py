"""The web server: waitress on loopback, in this process, with an end that does not wait for open streams."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from typing import Any

from waitress.server import create_server  # type: ignore[import-untyped]

from kiosk.base.http_loop import HttpLoop
from kiosk.texts.templates import use_compiled_cache
from kiosk.web.factory import MAX_BODY_BYTES, THREADS, ServedApp


class Server:
    """``start`` returns when the port is bound; ``stop`` when every thread of the server has ended."""

    def __init__(self, app: ServedApp, host: str, port: int, threads: int) -> None:
        if host != "localhost" and not ip_address(host).is_loopback:
            raise ValueError(f"the pages are served on loopback only, not on {host}")
        # Bound here: when waitress fails to bind, the threads it has started by then are left behind.
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, port), family=family, backlog=64)
        self._streams = app.streams
        sockets: dict[int, Any] = {}
        self._server: Any = create_server(
            app,
            map=sockets,
            sockets=[listening],
            threads=threads,
            ident=None,
            max_request_body_size=MAX_BODY_BYTES,
            channel_timeout=60,
        )
        self._loop = HttpLoop(self._server, sockets, "web")

    @property
    def port(self) -> int:
        return int(self._server.effective_port)

    @property
    def url(self) -> str:
        host = str(self._server.effective_host)
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    def start(self) -> None:
        self._loop.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """End the streams, finish the present requests, close every socket. A second call does nothing."""
        self._streams.stop()
        self._loop.stop(timeout_s)


def serve(app: ServedApp, host: str, port: int, threads: int = THREADS) -> Server:
    """Bind now, so that a port in use is an error here and not in a thread; raises OSError."""
    if app.jinja_env.bytecode_cache is None:
        use_compiled_cache(app.jinja_env, app.root_path)
    return Server(app, host, port, threads)
