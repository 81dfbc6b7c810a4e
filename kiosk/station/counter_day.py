"""The day at the counter: counted, and closed with the head of the journal on paper."""

from __future__ import annotations

from kiosk.domain.day import DayTotals
from kiosk.station.counter_base import CounterBase
from kiosk.station.counter_errors import refusing
from kiosk.station.counter_view import Session


class CounterDay(CounterBase):
    """The half of the counter that ends the day."""

    def day_totals(self, session: Session) -> DayTotals:
        """What was done since the last close. Counts and sums only: the station holds no cash."""
        self._clerk(session)
        with refusing():
            return self._tools.store.day_totals()

    def close_day(self, session: Session) -> tuple[DayTotals, str]:
        """Close the day and print its slip; returns the totals and the head of the journal, 64 hex digits."""
        with self._acting(session) as (person, stamp):
            papers = self._tools.papers
            closed = self._tools.store.close_day(
                person.actor, lambda totals, head: papers.day(totals, head, person.actor, stamp), stamp
            )
            self._booked()
            return closed
