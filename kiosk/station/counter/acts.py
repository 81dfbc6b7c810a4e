"""What all acts of the counter share: one at a time, by a signed-in clerk."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Final

from kiosk.domain.clerk import Role
from kiosk.station.clerk.access import Access, CounterSession
from kiosk.station.clerk.pin_hash import Person
from kiosk.station.clerk.refusals import CounterRefused, as_counter_refusals
from kiosk.station.counter.state import CounterState
from kiosk.store.papers.papers import Papers
from kiosk.store.shared.errors import StoreError
from kiosk.store.shared.records import Stamp

logger = logging.getLogger(__name__)


MAX_ROWS: Final = 100  # Of one list: a page holds less, and no request makes the station hold more
LARGEST: Final = 2**63 - 1  # What SQLite takes as a number


def window(limit: int, offset: int) -> tuple[int, int]:
    """Clamp limit and offset to what the store accepts."""
    return min(max(limit, 0), MAX_ROWS), min(max(offset, 0), LARGEST)


_OPEN = ("queued", "sending", "unknown")


class PaperCount:
    """Thread-safe. Called by the print workers as well: a store that fails is only logged."""

    def __init__(self, papers: Papers, state: CounterState) -> None:
        self._papers, self._state = papers, state
        self._turns = count(1)
        self._counted_at = 0

    def update(self) -> None:
        """Count again after a paper was queued or printed, or its fate became unknown. Two threads may count at once;
        an earlier count never replaces a later one.
        """
        turn = next(self._turns)
        try:
            summary = self._papers.summary()
        except StoreError as error:
            logger.error("the papers cannot be counted now: %s", error)
            return
        with self._state.lock:
            if turn < self._counted_at:
                return
            self._counted_at = turn
            pending = sum(summary.get(state, 0) for state in _OPEN)
            if pending != self._state.view().pending_prints:
                self._state.change(pending_prints=pending)


class Acts:
    """``lock`` lets one act after the other through, from its check to its end, disk included. ``on_event`` hears that
    something was committed: there may be papers to print and an event to send.
    """

    def __init__(
        self, access: Access, stamps: Callable[[], Stamp], paper_count: PaperCount, on_event: Callable[[], None]
    ) -> None:
        self.lock = threading.RLock()
        self._access, self.stamp, self._paper_count, self._on_event = access, stamps, paper_count, on_event

    @contextmanager
    def act(self, session: CounterSession | None) -> Iterator[tuple[Person, Stamp]]:
        with self.lock:
            person = self.clerk(session)
            with as_counter_refusals():
                yield person, self.stamp()

    @contextmanager
    def read(self, session: CounterSession | None) -> Iterator[None]:
        """Let a clerk read; turn failures of the store into CounterRefused."""
        self.clerk(session)
        with as_counter_refusals():
            yield

    def clerk(self, session: CounterSession | None) -> Person:
        """Return the clerk of an open session. Raises CounterRefused: not_unlocked, forbidden."""
        found = self._access.session(session.token) if session else None
        if found is None:
            raise CounterRefused("not_unlocked")
        if found.person.role is not Role.CLERK:
            raise CounterRefused("forbidden")
        return found.person

    def is_clerk_present(self) -> bool:
        return self._access.is_clerk_present()

    def notify_committed(self) -> None:
        self._paper_count.update()
        self._on_event()
