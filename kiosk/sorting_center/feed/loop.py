"""A thread of the feed's process: it steps while there is more to do, and else waits for news."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final


class StepLoop:
    """``step`` says whether there may be more; it raises nothing. Without news it is tried every ``idle_s`` all the
    same: other processes commit too, and wake nobody here. ``on_end`` is called when it ends.
    """

    def __init__(
        self, name: str, step: Callable[[], bool], idle_s: float, on_end: Callable[[], None] | None = None
    ) -> None:
        self._step = step
        self._idle_s: Final = idle_s
        self._on_end = on_end
        self._news = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """End after the step in hand."""
        self._stopping.set()
        self._news.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    @property
    def is_alive(self) -> bool:
        """Whether the thread runs; it does until `stop`."""
        return self._thread.is_alive()

    @property
    def is_stopping(self) -> bool:
        return self._stopping.is_set()

    def wake(self) -> None:
        """There may be something new."""
        self._news.set()

    def pause(self, seconds: float) -> None:
        """Wait in a step, whatever news come, but not when it is to stop."""
        self._stopping.wait(seconds)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._news.clear()
            if not self._step():
                self._news.wait(self._idle_s)
        if self._on_end is not None:
            self._on_end()
