"""Intakes at the counter: found again, photographed, taken up where a villager left them, voided, packed in crates."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial

from kiosk.domain.identifiers import BadIdentifier, ReceiptNumber, parse_internal_code
from kiosk.domain.void import Void, VoidReason
from kiosk.station.clerk.access import Access, CounterSession
from kiosk.station.clerk.refusals import CounterRefused, as_counter_refusals
from kiosk.station.counter.acts import Acts, window
from kiosk.station.counter.state import CounterState
from kiosk.station.desk.intake_exit import IntakeExit
from kiosk.station.desk.unfinished import UnfinishedIntake
from kiosk.station.desk.view import DeskRefused, PhotoRequest
from kiosk.station.papers.papers import LABEL_PRINTER, CrateGoods, crate_paper
from kiosk.station.papers.parcel import CounterPapers
from kiosk.station.photos.photographer import LotCamera
from kiosk.store.days import Days
from kiosk.store.intakes import Intakes as IntakeTable
from kiosk.store.papers.crates import Crates as CrateTable
from kiosk.store.photos import Photos as PhotoTable
from kiosk.store.shared.records import ConfirmedRow, CrateBag
from kiosk.store.store import Store


class IntakeLookup:
    def __init__(self, station: str, intakes: IntakeTable, days: Days, crates: CrateTable) -> None:
        self._station, self._intakes, self._days, self._crates = station, intakes, days, crates

    def intake(self, receipt: str) -> ConfirmedRow:
        """Read a confirmed intake. Raises CounterRefused: foreign_receipt, unknown_code."""
        try:
            number = ReceiptNumber.parse(receipt)
        except BadIdentifier:
            raise CounterRefused("unknown_code") from None
        if number.station != self._station:
            raise CounterRefused("foreign_receipt")
        with as_counter_refusals():
            row = self._intakes.confirmed(receipt)
        if row is None:
            raise CounterRefused("unknown_code")
        return row

    def by_code(self, code: str, foreign: str) -> ConfirmedRow:
        """Find the intake of a receipt's, lot's or bag's code. Raises CounterRefused: unknown_code, ``foreign``."""
        with as_counter_refusals():
            row = self._intakes.find(code)
        if row is None:
            own = parse_internal_code(code).body.startswith(self._station[1:])
            raise CounterRefused("unknown_code" if own else foreign)
        return row

    def by_sscc(self, sscc: str) -> tuple[str, int] | None:
        with as_counter_refusals():
            return self._crates.receipt_of(sscc)

    def since_close(self, limit: int, offset: int) -> list[ConfirmedRow]:
        """Return intakes confirmed since the last close of the day, newest first."""
        with as_counter_refusals():
            return self._days.intakes(*window(limit, offset))


class CounterIntakes:
    def __init__(self, acts: Acts, state: CounterState, book: IntakeLookup, desk: IntakeExit) -> None:
        self._acts, self._state, self._book, self._desk = acts, state, book, desk

    def since_close(self, session: CounterSession, limit: int = 20, offset: int = 0) -> list[ConfirmedRow]:
        self._acts.clerk(session)
        return self._book.since_close(limit, offset)

    def intake(self, session: CounterSession, receipt: str) -> ConfirmedRow:
        self._acts.clerk(session)
        return self._book.intake(receipt)

    def unfinished(self, session: CounterSession) -> UnfinishedIntake | None:
        """Return the intake that a villager left with bags on it, while it is kept."""
        self._acts.clerk(session)
        return self._desk.unfinished()

    def take_up(self, session: CounterSession, receipt: str) -> None:
        """Continue it at the desk. Raises CounterRefused: stale_page (no longer kept), intake_open (another one is)."""
        with self._acts.act(session):
            try:
                self._desk.take_up(receipt)
            except DeskRefused as error:
                raise CounterRefused(error.code, str(error)) from error
            self._state.change(unfinished="")


class LotShots:
    """Shots of the goods of an intake, judged as the villager's own. A clerk may decide against most reasons, once."""

    def __init__(
        self, acts: Acts, state: CounterState, book: IntakeLookup, lots: LotCamera, photos: PhotoTable
    ) -> None:
        self._acts, self._state, self._book, self._lots, self._photos = acts, state, book, lots, photos

    def take(self, session: CounterSession, receipt: str) -> None:
        with self._acts.act(session):
            row = self._book.intake(receipt)
            with self._state.lock:
                if self._state.view().photo.state == "taking":
                    raise CounterRefused("busy")
                photo_request = self._state.shooting(row.lot)
            self._lots.shoot(photo_request, row.product)

    def take_when_still(self, session: CounterSession, receipt: str) -> None:
        """Take the shot when the goods are still, as the tap would, unless the lot has one. Further shots need a tap.
        Raises CounterRefused.
        """
        with self._acts.act(session):
            row, view = self._book.intake(receipt), self._state.view()
            is_due = view.shot_of != row.lot or view.photo.state == "retake"
            if is_due and not row.voided and not self._photos.of_lot(row.lot):
                self.take(session, receipt)

    def overrule(self, session: CounterSession, receipt: str, token: str) -> None:
        """Keep the shot that was refused just now, in the clerk's name. ``token`` is that of the shot the clerk saw.
        Raises CounterRefused: not_overruled (the reasons do not allow it), stale_page (the shot is gone or replaced),
        disk_full.
        """
        with self._acts.act(session) as (person, _):
            row = self._book.intake(receipt)
            with self._state.lock:
                view, shot = self._state.view(), self._state.refused_shot
            photo = view.photo
            if view.shot_of != row.lot or photo.state != "retake" or photo.token != token:
                raise CounterRefused("stale_page")
            if shot is None:
                raise CounterRefused("not_overruled")
            self._lots.keep(PhotoRequest(row.lot, photo.token), row.product, shot, person.actor)
            self._acts.notify_committed()


class Voids:
    """Two different people say that an intake does not count; papers of it that still wait are cancelled."""

    def __init__(self, acts: Acts, access: Access, book: IntakeLookup, intakes: IntakeTable) -> None:
        self._acts, self._access, self._book, self._intakes = acts, access, book, intakes

    def void(
        self, session: CounterSession, receipt: str, reason: str, second_number: str, second_pin: str
    ) -> ConfirmedRow:
        """Void an intake. Raises CounterRefused: foreign_receipt, unknown_code, already_void, stale_page (an unknown
        reason), and what the second person's PIN raises.
        """
        with self._acts.act(session) as (person, stamp):
            row = self._book.intake(receipt)
            if row.voided:
                raise CounterRefused("already_void")
            if reason not in set(VoidReason):
                raise CounterRefused("stale_page")
            witness = self._access.authenticate_second(second_number, second_pin, person)
            void = Void(ReceiptNumber.parse(row.receipt), VoidReason(reason), person.actor, witness.witness)
            self._intakes.void(void, stamp)
            self._acts.notify_committed()
            return self._book.intake(receipt)


class CounterCrates:
    def __init__(self, acts: Acts, book: IntakeLookup, store: Store, papers: CounterPapers) -> None:
        self._acts, self._book, self._store, self._papers = acts, book, store, papers

    @property
    def has_printer(self) -> bool:
        return LABEL_PRINTER in self._papers.printers

    def bags(self, session: CounterSession, receipt: str) -> Sequence[CrateBag]:
        """Return the bags of a lot and their crates. Raises CounterRefused: foreign_receipt, unknown_code."""
        self._acts.clerk(session)
        row = self._book.intake(receipt)
        with as_counter_refusals():
            return self._store.crates.bags(row.receipt)

    def pack(self, session: CounterSession, receipt: str, bags: Collection[int]) -> None:
        """Pack bags. Raises CounterRefused: stale_page (one is packed, no printer), already_void, and as ``bags``."""
        with self._acts.act(session) as (_, stamp):
            row = self._book.intake(receipt)
            if not self.has_printer:
                raise CounterRefused("stale_page", "no label printer is set up")
            scale, (_, catalog) = self._store.weighings.legal_status(row.receipt), self._store.catalogs.get()
            goods = CrateGoods(row, catalog, scale is not None and scale.trade is False)
            papers = partial(crate_paper, self._papers.settings, self._papers.codes, goods, stamp=stamp)
            self._store.crates.pack(ReceiptNumber.parse(row.receipt), bags, papers, stamp)
            self._acts.notify_committed()

    def unpack(self, session: CounterSession, receipt: str, crate: int) -> None:
        """Unpack a crate. Raises CounterRefused: stale_page when there is no such crate any more, and as ``bags``."""
        with self._acts.act(session) as (_, stamp):
            row = self._book.intake(receipt)
            self._store.crates.unpack(ReceiptNumber.parse(row.receipt), crate, stamp)
            self._acts.notify_committed()
