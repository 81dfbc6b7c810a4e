"""Two different people say that an intake does not count."""

from __future__ import annotations

from kiosk.domain.identifiers import ReceiptNumber
from kiosk.domain.void import Void, VoidReason
from kiosk.station.clerk.access import Access, Session
from kiosk.station.clerk.refusals import CounterRefused
from kiosk.station.counter.acts import Acts
from kiosk.station.counter.intakes import IntakeBook
from kiosk.store.intakes import Intakes
from kiosk.store.records import ConfirmedRow


class Voids:
    """Voids intakes; papers of them that still wait are cancelled."""

    def __init__(self, acts: Acts, access: Access, book: IntakeBook, intakes: Intakes) -> None:
        self._acts = acts
        self._access = access
        self._book = book
        self._intakes = intakes

    def void(self, session: Session, receipt: str, reason: str, second_number: str, second_pin: str) -> ConfirmedRow:
        """Raises CounterRefused: foreign_receipt, unknown_code, already_void, stale_page (an unknown reason), and what
        the second person's PIN raises.
        """
        with self._acts.act(session) as (person, stamp):
            row = self._book.intake(receipt)
            if row.voided:
                raise CounterRefused("already_void")
            if reason not in set(VoidReason):
                raise CounterRefused("stale_page")
            witness = self._access.second(second_number, second_pin, person)
            void = Void(ReceiptNumber.parse(row.receipt), VoidReason(reason), person.actor, witness.witness)
            self._intakes.void(void, stamp)
            self._acts.booked()
            return self._book.intake(receipt)
