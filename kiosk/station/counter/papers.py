"""Papers at the counter: listed, printed again, decided on when it is unknown whether they came out; the day's slip."""

from __future__ import annotations

from collections.abc import Sequence

from kiosk.domain.day import DayTotals
from kiosk.station.clerk.access import CounterSession
from kiosk.station.clerk.refusals import CounterRefused, as_counter_refusals
from kiosk.station.counter.acts import LARGEST, Acts
from kiosk.station.papers.papers import LABEL_PRINTER
from kiosk.station.papers.parcel import CounterPapers
from kiosk.store.days import Days
from kiosk.store.papers.papers import Papers
from kiosk.store.shared.records import NewPaper, PrintJob
from kiosk.store.store import Store


class PaperQueue:
    def __init__(self, acts: Acts, papers: Papers) -> None:
        self._acts, self._papers = acts, papers

    def of_intake(self, session: CounterSession, receipt: str) -> list[PrintJob]:
        with self._acts.read(session):
            return self._papers.of_receipt(receipt)

    def queue(self, session: CounterSession) -> list[PrintJob]:
        """List papers that are queued, being sent, or unknown and wait for a person."""
        with self._acts.read(session):
            return self._papers.open_jobs()

    def reprint(self, session: CounterSession, job_id: int) -> int:
        """Queue a paper again, marked COPY. Raises CounterRefused ``reissue`` for a pickup slip."""
        with self._acts.act(session) as (person, stamp):
            copy = self._papers.reprint(_known(job_id), person.actor, stamp)
            self._acts.notify_committed()
            return copy

    def resolve(self, session: CounterSession, job_id: int, came_out: bool) -> None:
        """Record whether a paper of unknown fate came out, as a person saw; if not, queue a copy."""
        with self._acts.act(session) as (person, stamp):
            self._papers.resolve(_known(job_id), came_out, person.actor, stamp)
            self._acts.notify_committed()


class MemberCards:
    def __init__(self, acts: Acts, store: Store, papers: CounterPapers) -> None:
        self._acts, self._store, self._papers = acts, store, papers

    def has_card(self, session: CounterSession, number: str) -> bool:
        """Return whether a card can be printed: the list has the member and a card code, and there is a printer."""
        self._acts.clerk(session)
        return bool(self._card(number))

    def lacks_code(self, session: CounterSession, number: str) -> bool:
        """Return whether the office has to add a card code to the list of members before a card can be printed."""
        with self._acts.read(session):
            _, catalog = self._store.catalogs.get()
        member = catalog.member(number)
        return member is not None and not member.card and LABEL_PRINTER in self._papers.printers

    def print(self, session: CounterSession, number: str) -> None:
        """Print a member's card, marked COPY when there was one before. Raises CounterRefused: stale_page (no card)."""
        with self._acts.act(session) as (person, stamp):
            card = self._card(number)
            if not card:
                raise CounterRefused("stale_page", f"there is no card for {number}")
            self._store.papers.issue(card[0], number, person.actor, stamp)
            self._acts.notify_committed()

    def _card(self, number: str) -> list[NewPaper]:
        with as_counter_refusals():
            _, catalog = self._store.catalogs.get()
        member = catalog.member(number)
        return self._papers.card(member, self._acts.stamp()) if member else []


def _known(job_id: int) -> int:
    if not 0 < job_id <= LARGEST:
        raise CounterRefused("unknown_paper")
    return job_id


class CounterDay:
    """Counts and sums only: the station holds no cash."""

    def __init__(self, acts: Acts, days: Days, papers: CounterPapers) -> None:
        self._acts, self._days, self._papers = acts, days, papers

    def totals(self, session: CounterSession) -> DayTotals:
        with self._acts.read(session):
            return self._days.totals()

    def close(self, session: CounterSession, seen_seq: int | None = None) -> tuple[DayTotals, str]:
        """Close the day and print its slip; return the totals and the head of the journal, 64 hex digits. ``seen_seq``
        is ``last_seq`` of the totals that the clerk has seen. Raises CounterRefused: stale_page when there is more by
        now, checked inside the closing transaction: an intake may be agreed on at this very moment.
        """
        with self._acts.act(session) as (person, stamp):
            log = self._days.county_log()

            def slip(totals: DayTotals, head: str) -> Sequence[NewPaper]:
                if seen_seq is not None and totals.last_seq != seen_seq:
                    raise CounterRefused("stale_page")
                return self._papers.day(totals, head, person.actor, stamp, log)

            closed = self._days.close(person.actor, slip, stamp)
            self._acts.notify_committed()
            return closed
