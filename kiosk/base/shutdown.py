"""Shutdown by SIGTERM or SIGINT."""

from __future__ import annotations

import threading
from typing import Final

_SLEEP_S: Final = 1.0


class ShutdownEvent(threading.Event):
    """Set by the handler of a signal. Who waits for ever sleeps a second at a time: of a signal that comes in the
    instant before a thread falls asleep Python hears only when that thread wakes.
    """

    def wait(self, timeout: float | None = None) -> bool:
        if timeout is not None:
            return super().wait(timeout)
        while not super().wait(_SLEEP_S):
            pass
        return True
