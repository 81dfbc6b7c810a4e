"""The one thread class: a step that is called again and again."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final

logger = logging.getLogger(__name__)

RETRY_S: Final = 5.0
STOP_S: Final = 5.0


class Worker:
    """Call ``step`` in a daemon thread until ``stop``.

    ``step`` returns the seconds until the next call: 0.0 when there is more to do, None to wait for ``wake`` alone.
    An exception does not end the thread: it is logged, once as long as every step fails, and ``step`` is called again
    after ``retry_s``. Those of the types ``expected`` are logged without a traceback. ``on_end`` is called in the
    thread after the last step.
    """

    def __init__(
        self,
        name: str,
        step: Callable[[], float | None],
        *,
        retry_s: float = RETRY_S,
        expected: tuple[type[Exception], ...] = (),
        on_end: Callable[[], None] | None = None,
    ) -> None:
        self._step, self._retry_s, self._expected, self._on_end = step, retry_s, expected, on_end
        self._failing = False
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """End the pause between two steps; during a step, leave out the pause after it."""
        self._wake.set()

    def stop(self, timeout_s: float = STOP_S) -> None:
        """End after the step in progress; wait for it no longer than ``timeout_s``.

        May be called before ``start``, from the step itself, and twice.
        """
        self._stopping.set()
        self._wake.set()
        if self._thread.ident is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout_s)

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    @property
    def is_stopping(self) -> bool:
        return self._stopping.is_set()

    def pause(self, seconds: float) -> bool:
        """Wait inside a step; True at once when the worker is to stop. ``wake`` does not shorten it."""
        return self._stopping.wait(seconds)

    def _run(self) -> None:
        while True:
            self._wake.clear()
            if self._stopping.is_set():  # checked after the line above, which may have cleared what ``stop`` set
                break
            self._wake.wait(self._next_pause_s())
        if self._on_end is not None:
            self._on_end()

    def _next_pause_s(self) -> float | None:
        try:
            pause_s = self._step()
        except Exception as error:
            if not self._failing:
                trace = None if isinstance(error, self._expected) else error
                logger.error(
                    "%s failed: %s; retrying every %g s", self._thread.name, error, self._retry_s, exc_info=trace
                )
            self._failing = True
            return self._retry_s
        if self._failing:
            logger.info("%s works again", self._thread.name)
        self._failing = False
        return pause_s
