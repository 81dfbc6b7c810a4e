"""The day at the counter: counted, and closed with the head of the journal on paper."""

from __future__ import annotations

from collections.abc import Sequence

from kiosk.domain.day import DayTotals
from kiosk.station.clerk.access import CounterSession
from kiosk.station.clerk.refusals import CounterRefused, as_counter_refusals
from kiosk.station.counter.shared.acts import Acts
from kiosk.station.papers.parcel import CounterPapers
from kiosk.store.days import Days
from kiosk.store.shared.records import NewPaper


class CounterDay:
    """Counts and sums only: the station holds no cash."""

    def __init__(self, acts: Acts, days: Days, papers: CounterPapers) -> None:
        self._acts = acts
        self._days = days
        self._papers = papers

    def totals(self, session: CounterSession) -> DayTotals:
        """What was done since the last close."""
        self._acts.clerk(session)
        with as_counter_refusals():
            return self._days.totals()

    def close(self, session: CounterSession, seen_seq: int | None = None) -> tuple[DayTotals, str]:
        """Close the day and print its slip; returns the totals and the head of the journal, 64 hex digits.

        ``seen_seq`` is ``last_seq`` of the totals that the clerk has seen. Raises CounterRefused: stale_page when there
        is more by now, asked inside the transaction that closes: an intake may be agreed on at this very moment.
        """
        with self._acts.act(session) as (person, stamp):

            def slip(totals: DayTotals, head: str) -> Sequence[NewPaper]:
                if seen_seq is not None and totals.last_seq != seen_seq:
                    raise CounterRefused("stale_page")
                return self._papers.day(totals, head, person.actor, stamp)

            closed = self._days.close(person.actor, slip, stamp)
            self._acts.notify_committed()
            return closed
