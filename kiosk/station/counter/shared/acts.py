"""What all acts of the counter share: one at a time, by a clerk who has signed in."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from kiosk.domain.clerk import Role
from kiosk.station.clerk.access import Access, CounterSession
from kiosk.station.clerk.people import Person
from kiosk.station.clerk.refusals import CounterRefused, as_counter_refusals
from kiosk.station.counter.shared.paper_count import PaperCount
from kiosk.store.shared.records import Stamp


class Acts:
    """``lock`` lets one act after the other through, from its check to its end, disk included.

    ``on_event`` hears that something was committed: there may be papers to print and an event to send.
    """

    def __init__(
        self, access: Access, stamps: Callable[[], Stamp], paper_count: PaperCount, on_event: Callable[[], None]
    ) -> None:
        self.lock = threading.RLock()
        self._access = access
        self.stamp = stamps
        self._paper_count = paper_count
        self._on_event = on_event

    @contextmanager
    def act(self, session: CounterSession | None) -> Iterator[tuple[Person, Stamp]]:
        """One act of a clerk: alone, allowed, with the store's failures as refusals."""
        with self.lock:
            person = self.clerk(session)
            with as_counter_refusals():
                yield person, self.stamp()

    def clerk(self, session: CounterSession | None) -> Person:
        """The clerk of an open session. Raises CounterRefused: not_unlocked, forbidden."""
        found = self._access.session(session.token) if session else None
        if found is None:
            raise CounterRefused("not_unlocked")
        if found.person.role is not Role.CLERK:
            raise CounterRefused("forbidden")
        return found.person

    def is_clerk_present(self) -> bool:
        """Whether a clerk is at the counter."""
        return self._access.is_clerk_present()

    def notify_committed(self) -> None:
        """Something was committed by this act."""
        self._paper_count.update()
        self._on_event()
