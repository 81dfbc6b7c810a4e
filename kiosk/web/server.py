"""The web server: waitress on loopback, in this process, with an end that does not wait for open streams."""

from __future__ import annotations

import logging
import socket
import threading
from ipaddress import ip_address
from typing import Any

from waitress import wasyncore  # type: ignore[import-untyped]
from waitress.channel import HTTPChannel  # type: ignore[import-untyped]
from waitress.server import create_server  # type: ignore[import-untyped]

from kiosk.texts.templates import use_compiled_cache
from kiosk.web.factory import MAX_BODY_BYTES, THREADS, ServedApp

logger = logging.getLogger(__name__)

_TURN_S = 1.0  # How often the loop looks up when nothing happens; anything that happens wakes it at once


class Server:
    """``start`` returns when the port is bound; ``stop`` when every thread of the server has ended."""

    def __init__(self, app: ServedApp, host: str, port: int, threads: int) -> None:
        if host != "localhost" and not ip_address(host).is_loopback:
            raise ValueError(f"the pages are served on loopback only, not on {host}")
        # Bound here: when waitress fails to bind, the threads it has started by then are left behind.
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, port), family=family, backlog=64)
        self._streams = app.streams
        self._stopping = False
        self._sockets: dict[int, Any] = {}
        self._server: Any = create_server(
            app,
            map=self._sockets,
            sockets=[listening],
            threads=threads,
            ident=None,
            max_request_body_size=MAX_BODY_BYTES,
            channel_timeout=60,
        )
        self._loop = threading.Thread(target=self._run, name="web", daemon=True)

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
        """End the streams, finish the requests in hand, close every socket. A second call does nothing."""
        if self._stopping:
            return
        self._streams.stop()
        self._server.task_dispatcher.shutdown(timeout=timeout_s)
        self._stopping = True
        self._server.pull_trigger()
        if self._loop.ident is not None:
            self._loop.join(timeout_s)
        # Only now: a socket closed while the loop may still be told something could be somebody else's by then.
        for one in list(self._sockets.values()):
            if isinstance(one, HTTPChannel):
                one.handle_close()  # with the file that it had not sent to its end
        wasyncore.close_all(self._sockets)

    def _run(self) -> None:
        while not self._stopping:
            try:
                wasyncore.loop(timeout=_TURN_S, use_poll=True, map=self._sockets, count=1)
            except Exception:
                logger.exception("the web server stumbled and goes on")


def serve(app: ServedApp, host: str, port: int, threads: int = THREADS) -> Server:
    """Bind now, so that a port in use is an error here and not in a thread; raises OSError."""
    if app.jinja_env.bytecode_cache is None:
        use_compiled_cache(app.jinja_env, app.root_path)
    return Server(app, host, port, threads)
