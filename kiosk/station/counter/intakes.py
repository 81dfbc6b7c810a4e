"""Intakes at the counter: found again, voided by two people, their papers printed again or decided on."""

from __future__ import annotations

from kiosk.domain.identifiers import BadIdentifier, ReceiptNumber
from kiosk.domain.void import Void, VoidReason
from kiosk.station.counter.base import CounterBase
from kiosk.station.counter.errors import refusing
from kiosk.station.counter.view import CounterRefused, Session
from kiosk.station.desk.unfinished import Unfinished
from kiosk.station.desk.view import DeskRefused, PhotoView
from kiosk.store.records import ConfirmedRow, PrintJob


class CounterIntakes(CounterBase):
    """The half of the counter that deals with produce."""

    def intakes(self, session: Session, limit: int = 20, offset: int = 0) -> list[ConfirmedRow]:
        """Confirmed since the last close of the day, newest first."""
        self._clerk(session)
        with refusing():
            return self._tools.store.days.intakes(*self._window(limit, offset))

    def intake(self, session: Session, receipt: str) -> ConfirmedRow:
        """One confirmed intake. Raises CounterRefused: foreign_receipt, unknown_code."""
        self._clerk(session)
        return self._intake(receipt)

    def papers(self, session: Session, receipt: str) -> list[PrintJob]:
        """Every paper of an intake, oldest first."""
        self._clerk(session)
        with refusing():
            return self._tools.store.papers.of_receipt(receipt)

    def queue(self, session: Session) -> list[PrintJob]:
        """Papers that are queued, being sent, or unknown and wait for a person."""
        self._clerk(session)
        with refusing():
            return self._tools.store.papers.open_jobs()

    def unfinished(self, session: Session) -> Unfinished | None:
        """The intake that a villager left with bags on it, for as long as it is kept."""
        self._clerk(session)
        return self._tools.unfinished()

    def take_up(self, session: Session, receipt: str) -> None:
        """Go on with it at the desk. Raises CounterRefused: stale_page (kept no more), intake_open (another's)."""
        with self._acting(session):
            try:
                self._tools.take_up(receipt)
            except DeskRefused as error:
                raise CounterRefused(error.code, str(error)) from error
            with self._lock:
                self._set(unfinished="")

    def void(self, session: Session, receipt: str, reason: str, second_number: str, second_pin: str) -> ConfirmedRow:
        """Two different people say that an intake does not count; papers of it that still wait are cancelled.

        Raises CounterRefused: foreign_receipt, unknown_code, already_void, stale_page (an unknown reason), and what
        the second person's PIN raises.
        """
        with self._acting(session) as (person, stamp):
            row = self._intake(receipt)
            if row.voided:
                raise CounterRefused("already_void")
            if reason not in set(VoidReason):
                raise CounterRefused("stale_page")
            second = self._tools.access.second(second_number, second_pin, person)
            number = ReceiptNumber.parse(row.receipt)
            self._tools.store.intakes.void(Void(number, VoidReason(reason), person.actor, second.witness), stamp)
            self._booked()
            return self._intake(receipt)

    def reprint(self, session: Session, job_id: int) -> int:
        """Queue a paper again, marked COPY. Raises CounterRefused ``reissue`` for a pickup slip."""
        with self._acting(session) as (person, stamp):
            copy = self._tools.store.papers.reprint(self._paper(job_id), person.actor, stamp)
            self._booked()
            return copy

    def resolve(self, session: Session, job_id: int, came_out: bool) -> None:
        """A person looked whether a paper of unknown fate came out; if not, a copy is queued."""
        with self._acting(session) as (person, stamp):
            self._tools.store.papers.resolve(self._paper(job_id), came_out, person.actor, stamp)
            self._booked()

    def take_photo(self, session: Session, receipt: str) -> None:
        """Ask for a shot of an intake's goods; the answer comes with the view, under the lot."""
        with self._acting(session):
            row = self._intake(receipt)
            with self._lock:
                if self._view.photo.state == "taking":
                    raise CounterRefused("busy")
                self._set(shot_of=row.lot, photo=PhotoView("taking"))
            self._tools.on_lot_photo(row.lot, row.product)

    def _intake(self, receipt: str) -> ConfirmedRow:
        try:
            number = ReceiptNumber.parse(receipt)
        except BadIdentifier:
            raise CounterRefused("unknown_code") from None
        if number.station != self._tools.station:
            raise CounterRefused("foreign_receipt")
        with refusing():
            row = self._tools.store.intakes.confirmed(receipt)
        if row is None:
            raise CounterRefused("unknown_code")
        return row
