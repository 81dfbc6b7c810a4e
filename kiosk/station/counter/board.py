"""The newest state of the counter for whoever watches it, and whether anybody does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from time import monotonic

from kiosk.station.counter.shared.view import CounterView

WATCHED_S = 5.0  # A page that changes to the next one is away for less than this; a page that was closed is not


@dataclass(frozen=True, slots=True)
class CounterSnapshot:
    """``number`` grows by one with every change."""

    number: int
    view: CounterView


class CounterBoard:
    """Latest value wins, as on the public board; readers say when they begin and end to watch."""

    def __init__(self, view: CounterView, clock: Callable[[], float] = monotonic) -> None:
        self._condition = threading.Condition()
        self._snapshot = CounterSnapshot(1, view)
        self._clock = clock
        self._watching = 0
        self._left: float | None = None

    def snapshot(self) -> CounterSnapshot:
        """The newest state."""
        return self._snapshot

    def wait(self, after: int, timeout_s: float) -> CounterSnapshot | None:
        """The newest state as soon as its number is above ``after``; None when the time is up."""
        with self._condition:
            if self._condition.wait_for(lambda: self._snapshot.number > after, timeout_s):
                return self._snapshot
            return None

    def show(self, view: CounterView) -> None:
        """Put up a new view; one that is older than what is shown is dropped."""
        with self._condition:
            if view.revision >= self._snapshot.view.revision:
                self._put(replace(self._snapshot, view=view))

    def wake(self) -> None:
        """Let every reader go round once, for example because the station ends."""
        with self._condition:
            self._put(self._snapshot)

    def watch(self) -> None:
        """A page of the counter is open: scans are meant for it."""
        with self._condition:
            self._watching += 1

    def unwatch(self) -> None:
        with self._condition:
            self._watching -= 1
            self._left = self._clock()

    def page_served(self) -> None:
        """A clerk has been given a page that will begin to watch: whoever scans at once means that page."""
        with self._condition:
            self._left = self._clock()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch for as long as the block runs."""
        self.watch()
        try:
            yield
        finally:
            self.unwatch()

    def is_watched(self, within_s: float = WATCHED_S) -> bool:
        """Whether a page of the counter is open, or was, or was handed out, within the last seconds."""
        with self._condition:
            return self._watching > 0 or (self._left is not None and self._clock() - self._left <= within_s)

    def _put(self, snapshot: CounterSnapshot) -> None:
        self._snapshot = replace(snapshot, number=self._snapshot.number + 1)
        self._condition.notify_all()
