"""The parcels of the counter: found, moved one step each, handed out from a queue, returned to the driver in totes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Final

import msgspec

from kiosk.domain.identifiers import BadIdentifier, SerialNumber
from kiosk.domain.parcel import ParcelNumber, ParcelState
from kiosk.station.clerk.access import CounterSession
from kiosk.station.clerk.refusals import CounterRefused, as_counter_refusals
from kiosk.station.counter.acts import Acts, window
from kiosk.station.counter.state import CounterState, FreshCode, ScanResult
from kiosk.station.desk.view import PhotoRequest
from kiosk.station.papers.papers import LABEL_PRINTER
from kiosk.station.papers.parcel import MANIFEST_SHEET, CounterPapers, Issue, manifest, tags
from kiosk.station.parcels.photos import ParcelPhotos
from kiosk.store.parcels.deliveries import Deliveries
from kiosk.store.parcels.parcels import Parcels
from kiosk.store.parcels.totes import MANIFEST, MAX_TOTES_PER_MANIFEST, TOTE
from kiosk.store.shared.records import DamageEvidence, NewPaper, ParcelRow, PrintJob, SlotAssignment, Stamp, ToteRow
from kiosk.store.store import Store

logger = logging.getLogger(__name__)


ParcelAct = Callable[[ParcelNumber, str, Stamp], ParcelRow]  # One step in the store: parcel, actor, time


class ParcelLookup:
    """``slots`` are those of the shelves, in the order they are filled."""

    def __init__(self, station: str, parcels: Parcels, papers: CounterPapers, slots: tuple[str, ...]) -> None:
        self.parcels, self.slots, self._station, self._papers = parcels, slots, station, papers

    def number(self, text: str) -> ParcelNumber:
        """Parse the parcel number a page sent back. Raises CounterRefused: unknown_parcel, foreign_code."""
        try:
            number = ParcelNumber.parse(text)
        except BadIdentifier:
            raise CounterRefused("unknown_parcel") from None
        if not self.is_ours(number):
            raise CounterRefused("foreign_code")
        return number

    def is_ours(self, number: ParcelNumber) -> bool:
        return number.station == self._station

    def row(self, number: ParcelNumber) -> ParcelRow:
        with as_counter_refusals():
            row = self.parcels.by_number(number)
        if row is None:
            raise CounterRefused("unknown_parcel")
        return row

    def by_waybill(self, waybill: str) -> ParcelRow | None:
        with as_counter_refusals():
            return self.parcels.by_waybill(waybill)

    def issue(self, stamp: Stamp) -> Issue:
        return Issue(self._papers, stamp)

    def fitting(self, issue: Issue) -> SlotAssignment:
        return SlotAssignment(self.slots, issue.code_mac, issue.label_and_slip)


HANDOVER_S: Final = 300.0  # A villager who proved a code and went away again leaves no parcel up for the next tap
MAX_HANDOVERS: Final = 5


@dataclass(frozen=True, slots=True)
class Handover:
    """A parcel whose pickup code was right: it is up at the counter until the clerk's tap. ``until`` is monotonic.
    ``called``: no clerk was present, so one was called, and has not come yet.
    """

    parcel: ParcelRow = field(repr=False)
    mac: bytes = field(repr=False)
    until: float
    called: bool = False


class HandoverQueue:
    """Thread-safe under the lock of the state, which shows the first one."""

    def __init__(self, state: CounterState) -> None:
        self._state = state
        self._waiting: tuple[Handover, ...] = ()
        state.on_clerk = self.answer_calls

    def answer_calls(self) -> None:
        """Make called parcels wait like all others: the clerk has come, even if the counter is locked again."""
        with self._state.lock:
            self._waiting = tuple(replace(row, called=False) for row in self._waiting)

    def find(self, number: ParcelNumber) -> Handover | None:
        self.end_expired()
        return next((row for row in self._waiting if row.parcel.number == number), None)

    def put_up(self, handover: Handover, *, first: bool = False) -> ParcelRow:
        """Add the handover to the line, once: the clerk hands out one after the other. Raises CounterRefused
        ``line_full``: no villager already promised a parcel is dropped, and the refused code stays valid. While the
        clerk is away, only the newest villager waits: the others have left the screen.
        """
        now, number = self._state.now_s(), handover.parcel.number
        with self._state.lock:
            if handover.called:
                self.end_call()
            others = tuple(row for row in self._waiting if row.until > now and row.parcel.number != number)
            if len(others) >= MAX_HANDOVERS:
                raise CounterRefused("line_full")
            self._show((handover, *others) if first or handover.called else (*others, handover))
        return handover.parcel

    def forget(self, number: ParcelNumber) -> None:
        with self._state.lock:
            self._show_if_new(tuple(row for row in self._waiting if row.parcel.number != number))

    def end_call(self) -> None:
        """Drop the called parcels: the villager who called has left the screen."""
        with self._state.lock:
            self._show_if_new(tuple(row for row in self._waiting if not row.called))

    def end_expired(self) -> None:
        with self._state.lock:
            now = self._state.now_s()
            self._show_if_new(tuple(row for row in self._waiting if row.until > now))

    def _show_if_new(self, waiting: tuple[Handover, ...]) -> None:
        if waiting != self._waiting:
            self._show(waiting)

    def _show(self, waiting: tuple[Handover, ...]) -> None:
        self._waiting = waiting
        first = waiting[0].parcel if waiting else None
        self._state.change(handover=first, waiting_handovers=len(waiting))


class ParcelSteps:
    """Steps of exactly one parcel that need nothing but a clerk, and what every move of a parcel ends."""

    def __init__(self, acts: Acts, state: CounterState, line: HandoverQueue, book: ParcelLookup) -> None:
        self.acts, self.state, self.line, self.book = acts, state, line, book

    def take(self, session: CounterSession, number: str, act: ParcelAct) -> ParcelRow:
        """Do one act on a parcel. Raises CounterRefused, and then nothing has changed."""
        with self.acts.act(session) as (person, stamp):
            row = act(self.book.number(number), person.actor, stamp)
            self.after_move(row.number)
            return row

    def after_move(self, number: ParcelNumber) -> None:
        """Drop the parcel from the line and end its undo. Call it inside an act that was committed."""
        self.line.forget(number)
        self.state.end_undo(number)
        self.acts.notify_committed()


class ParcelShots:
    def __init__(
        self, state: CounterState, photos: ParcelPhotos, on_photo: Callable[[PhotoRequest, ParcelNumber], None]
    ) -> None:
        self._state, self._photos, self._on_photo = state, photos, on_photo

    def take(self, number: ParcelNumber) -> None:
        self._on_photo(self._state.shooting(str(number)), number)

    def drop(self, number: ParcelNumber) -> None:
        self._photos.drop(number)

    def waiting_sha256(self, number: ParcelNumber) -> str:
        """Return the shot that waits for the decision. Raises CounterRefused ``damaged_needs_photo``."""
        sha256 = self._photos.waiting_sha256(number)
        if sha256 is None:
            raise CounterRefused("damaged_needs_photo")
        return sha256

    @contextmanager
    def keeping(self, number: ParcelNumber) -> Iterator[None]:
        """Keep the picture of a damaged parcel exactly when the block books it."""
        try:
            with self._photos.accepting(number):
                yield
        except OSError as error:
            logger.error("the picture of %s cannot be kept: %s", number, error.strerror)
            raise CounterRefused("store_failed", "the picture cannot be kept: look after the disk") from error


class ParcelShelf:
    """The parcels of the counter: looked at, and moved one step each. A damaged one waits for its picture."""

    def __init__(self, steps: ParcelSteps, shots: ParcelShots, deliveries: Deliveries) -> None:
        self._acts, self._state, self._book = steps.acts, steps.state, steps.book
        self._steps, self._shots, self._deliveries = steps, shots, deliveries
        self._parcels = self._book.parcels

    def parcel(self, session: CounterSession, number: str) -> ParcelRow:
        self._acts.clerk(session)
        return self._book.row(self._book.number(number))

    def parcels(
        self, session: CounterSession, states: Collection[ParcelState], limit: int = 20, offset: int = 0
    ) -> list[ParcelRow]:
        """List parcels in any of these states, in order of arrival."""
        with self._acts.read(session):
            return self._parcels.in_states(states, *window(limit, offset))

    def counts(self, session: CounterSession) -> Mapping[ParcelState, int]:
        with self._acts.read(session):
            return self._parcels.counts()

    def mark_misrouted(self, session: CounterSession, number: str) -> ParcelRow:
        """Mark a parcel as meant for another place: it goes back to the driver."""
        row = self._steps.take(session, number, self._parcels.misroute)
        self._shots.drop(row.number)
        return row

    def mark_lost(self, session: CounterSession, number: str) -> ParcelRow:
        """Record that the parcel is not in its slot."""
        return self._steps.take(session, number, self._parcels.lose)

    def mark_found(self, session: CounterSession, number: str) -> ParcelRow:
        slots = self._book.slots
        return self._steps.take(
            session, number, lambda parcel, actor, stamp: self._parcels.find(parcel, actor, stamp, slots)
        )

    def mark_due_back(self, session: CounterSession, number: str) -> ParcelRow:
        """Mark a parcel for return with the next truck, unless it is collected before."""
        return self._steps.take(session, number, self._parcels.due_back)

    def return_(self, session: CounterSession, number: str) -> ParcelRow:
        return self._steps.take(session, number, self._parcels.give_back)

    def take_shot(self, session: CounterSession, number: str) -> None:
        with self._acts.act(session):
            row = self._book.row(self._book.number(number))
            if row.state is not ParcelState.ARRIVED:
                raise CounterRefused("not_waiting")
            self._shots.take(row.number)

    def accept_damaged(self, session: CounterSession, number: str) -> ParcelRow:
        """Accept a damaged parcel with its shot. Raises CounterRefused: not_waiting, damaged_needs_photo."""
        with self._acts.act(session) as (person, stamp):
            parcel, book = self._book.number(number), self._book
            if book.row(parcel).state is not ParcelState.ARRIVED:
                raise CounterRefused("not_waiting")
            sha256, issue = self._shots.waiting_sha256(parcel), book.issue(stamp)
            with self._shots.keeping(parcel):
                row = book.parcels.accept_damaged(
                    parcel, DamageEvidence(sha256, person.actor), book.fitting(issue), stamp
                )
            self._state.end_undo()  # also of another one: what is on the screen now cannot be taken back
            self._state.fresh = FreshCode(row.number, issue.code)
            self._acts.notify_committed()
            self._state.show(ScanResult("parcel_in", "shelved", parcel=row))
            return row

    def refuse(self, session: CounterSession, number: str) -> ParcelRow:
        """Refuse the parcel: the driver keeps it, and its shot is not kept."""
        row = self._steps.take(session, number, self._parcels.refuse)
        self._shots.drop(row.number)
        return row

    def close_delivery(self, session: CounterSession) -> list[ParcelRow]:
        """End the scanning of a truck; return the parcels that are still expected, now missing."""
        with self._acts.act(session) as (person, stamp):
            rows = self._deliveries.close(person.actor, stamp)
            self._acts.notify_committed()
            return rows


class DriverTotes:
    def __init__(self, steps: ParcelSteps, store: Store, papers: CounterPapers) -> None:
        self._acts, self._book, self._steps = steps.acts, steps.book, steps
        self._totes, self._queue, self._papers = store.totes, store.papers, papers

    @property
    def station(self) -> str:
        return self._papers.settings.station

    @property
    def has_printer(self) -> bool:
        return LABEL_PRINTER in self._papers.printers

    def free(self, session: CounterSession) -> Sequence[ParcelRow]:
        with self._acts.read(session):
            return self._totes.free()

    def packed_totes(self, session: CounterSession) -> Sequence[ToteRow]:
        with self._acts.read(session):
            return self._totes.packed()

    def manifest(self, session: CounterSession) -> PrintJob | None:
        with self._acts.read(session):
            return self._queue.latest(MANIFEST_SHEET)

    def totes_of_manifest(self, session: CounterSession, manifest: str) -> tuple[Sequence[ToteRow], PrintJob | None]:
        """Return a manifest's totes, and its sheet, None once that is deleted. Raises CounterRefused: stale_page."""
        self._acts.clerk(session)
        number = _number(MANIFEST, manifest)
        with as_counter_refusals():
            totes = self._totes.handed_over(number)
            sheet = self._queue.latest(MANIFEST_SHEET, number.text(MANIFEST))
        if not totes:
            raise CounterRefused("stale_page", f"there is no manifest {manifest}")
        return totes, sheet

    def of_parcel(self, session: CounterSession, parcel: ParcelRow) -> ToteRow | None:
        """Return the tote it is in and has to leave when its addressee comes."""
        with self._acts.read(session):
            return self._totes.of_parcel(parcel.number)

    def pack(self, session: CounterSession, parcels: Collection[str]) -> None:
        """Pack a tote. Raises CounterRefused: stale_page (a parcel is packed or no longer due back; no printer)."""
        with self._acts.act(session) as (_, stamp):
            if not self.has_printer:
                raise CounterRefused("stale_page", "no label printer is set up")
            numbers = [self._book.number(text) for text in parcels]
            self._totes.pack(numbers, lambda tote: tags(self._papers.settings, tote, stamp), stamp)
            self._acts.notify_committed()

    def unpack(self, session: CounterSession, tote: str) -> None:
        """Unpack a tote. Raises CounterRefused: stale_page when it does not wait any more."""
        with self._acts.act(session) as (_, stamp):
            self._totes.unpack(_number(TOTE, tote), stamp)
            self._acts.notify_committed()

    def tag_copy(self, session: CounterSession, tote: str) -> None:
        """Print the tag of a waiting tote again, marked COPY; a seal has no copy. Raises CounterRefused."""
        with self._acts.act(session) as (person, stamp):
            number = _number(TOTE, tote)
            row = next((row for row in self._totes.packed() if row.number == number), None)
            if row is None:
                raise CounterRefused("stale_page", "the tote does not wait any more")
            tag = tags(self._papers.settings, row, stamp)[0]
            self._queue.issue(tag, tag.about, person.actor, stamp)
            self._acts.notify_committed()

    def hand_over(self, session: CounterSession, totes: Collection[str]) -> None:
        """Hand over ``totes``, those the clerk has seen. Raises CounterRefused: stale_page, tote_changed."""
        with self._acts.act(session) as (person, stamp):
            going = [parcel for tote in self._totes.packed()[:MAX_TOTES_PER_MANIFEST] for parcel in tote.parcels]

            def papers(number: SerialNumber, rows: Sequence[ToteRow]) -> list[NewPaper]:
                body = msgspec.json.encode(manifest(self._papers.settings, number, rows, person.actor, stamp))
                return [NewPaper(MANIFEST_SHEET, self._papers.sheets, body, number.text(MANIFEST))]

            self._totes.hand_over([_number(TOTE, text) for text in totes], papers, person.actor, stamp)
            for parcel in going:
                self._steps.after_move(parcel)


def _number(kind: str, text: str) -> SerialNumber:
    try:
        return SerialNumber.parse(kind, text)
    except BadIdentifier as error:
        raise CounterRefused("stale_page", str(error)) from None
