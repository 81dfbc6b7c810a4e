"""The day at the counter: counted, and closed with the head of the journal on paper."""

from __future__ import annotations

from collections.abc import Sequence

from kiosk.domain.day import DayTotals
from kiosk.station.counter.base import CounterBase
from kiosk.station.counter.errors import refusing
from kiosk.station.counter.view import CounterRefused, Session
from kiosk.store.records import NewPaper


class CounterDay(CounterBase):
    """The half of the counter that ends the day."""

    def day_totals(self, session: Session) -> DayTotals:
        """What was done since the last close. Counts and sums only: the station holds no cash."""
        self._clerk(session)
        with refusing():
            return self._tools.store.days.totals()

    def close_day(self, session: Session, seen_seq: int | None = None) -> tuple[DayTotals, str]:
        """Close the day and print its slip; returns the totals and the head of the journal, 64 hex digits.

        ``seen_seq`` is ``last_seq`` of the totals that the clerk has seen. Raises CounterRefused: stale_page when there
        is more by now, asked inside the transaction that closes: an intake may be agreed on at this very moment.
        """
        with self._acting(session) as (person, stamp):
            papers = self._tools.papers

            def slip(totals: DayTotals, head: str) -> Sequence[NewPaper]:
                if seen_seq is not None and totals.last_seq != seen_seq:
                    raise CounterRefused("stale_page")
                return papers.day(totals, head, person.actor, stamp)

            closed = self._tools.store.days.close(person.actor, slip, stamp)
            self._booked()
            return closed
