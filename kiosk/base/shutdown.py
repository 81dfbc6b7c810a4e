"""Shutdown by SIGTERM or SIGINT."""

from __future__ import annotations

import signal
import threading
from typing import Final

_SLEEP_S: Final = 1.0


class ShutdownEvent(threading.Event):
    """Set by the handler of a signal, which interrupts the main thread at any point.

    The main thread may be inside a method of this event and hold its lock: so the lock is reentrant. A waiting thread
    sleeps a second at a time: Python notices a signal that comes in the instant before a thread falls asleep only when
    that thread wakes.
    """

    def __init__(self) -> None:
        super().__init__()
        self._changed = threading.Condition(threading.RLock())
        self._is_shutdown = False

    def is_set(self) -> bool:
        return self._is_shutdown

    def set(self) -> None:
        with self._changed:
            self._is_shutdown = True
            self._changed.notify_all()

    def wait(self, timeout: float | None = None) -> bool:
        left_s = timeout
        with self._changed:
            while not self._is_shutdown and (left_s is None or left_s > 0):
                sleep_s = _SLEEP_S if left_s is None else min(_SLEEP_S, left_s)
                self._changed.wait(sleep_s)
                left_s = None if left_s is None else left_s - sleep_s
            return self._is_shutdown


def shutdown_event(from_terminal: bool = True) -> ShutdownEvent:
    """Make an event that SIGTERM sets, and SIGINT ``from_terminal``.

    A terminal sends SIGINT to all its processes: a child process ignores it, and is ended by its parent.
    """
    event = ShutdownEvent()
    signal.signal(signal.SIGTERM, lambda *_: event.set())
    signal.signal(signal.SIGINT, (lambda *_: event.set()) if from_terminal else signal.SIG_IGN)
    return event
