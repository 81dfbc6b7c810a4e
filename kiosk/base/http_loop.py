"""The loop of a waitress server in its own thread, with an end that closes every socket."""

from __future__ import annotations

import logging
import threading
from typing import Any, Final

from waitress import wasyncore  # type: ignore[import-untyped]
from waitress.channel import HTTPChannel  # type: ignore[import-untyped]

logger = logging.getLogger(__name__)

_TURN_S: Final = 1.0  # How often the loop looks up when nothing happens; anything that happens wakes it at once


class HttpLoop:
    """Run ``server``, which waitress made with ``map=sockets``; ``stop`` returns when its threads have ended."""

    def __init__(self, server: Any, sockets: dict[int, Any], name: str) -> None:
        self._server = server
        self._sockets = sockets
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Finish the requests in progress, end the loop, close every socket. A second call does nothing."""
        if self._stopping:
            return
        self._server.task_dispatcher.shutdown(timeout=timeout_s)
        self._stopping = True
        self._server.trigger.pull_trigger()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        # Only now: a socket closed while the loop may still be woken by it could be another one's by then.
        for one in list(self._sockets.values()):
            if isinstance(one, HTTPChannel):
                one.handle_close()  # with the file of an answer that was not sent to its end
        wasyncore.close_all(self._sockets, ignore_all=True)

    def _run(self) -> None:
        while not self._stopping:
            try:
                wasyncore.loop(timeout=_TURN_S, use_poll=True, map=self._sockets, count=1)
            except Exception:
                logger.exception("the web server had an error and goes on")
