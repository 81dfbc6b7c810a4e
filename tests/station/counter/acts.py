"""Acts of tests at the counter, in one step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from kiosk.station.clerk.access import CounterSession
from kiosk.station.counter.counter import ClerkCounter
from kiosk.station.counter.state import CounterBoard
from kiosk.store.shared.records import ParcelRow


def collect_by_code(counter: ClerkCounter, session: CounterSession | None, code: str) -> ParcelRow:
    """A villager shows six digits, and the clerk hands that parcel out."""
    return counter.handovers.confirm(session, str(counter.handovers.put_up(session, code).number))  # type: ignore[arg-type]


@contextmanager
def watching(board: CounterBoard) -> Iterator[None]:
    """A page of the counter is open for as long as the block runs."""
    board.watch()
    try:
        yield
    finally:
        board.unwatch()
