"""Parcels back to the driver in totes: packed under a seal, handed over with a manifest."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from kiosk.domain.identifiers import BadIdentifier, SerialNumber
from kiosk.station.clerk.access import CounterSession
from kiosk.station.clerk.refusals import CounterRefused, as_counter_refusals
from kiosk.station.counter.parcels import ParcelSteps
from kiosk.station.papers.papers import LABEL_PRINTER
from kiosk.station.papers.parcel import CounterPapers
from kiosk.station.papers.tote import MANIFEST_SHEET, manifest, tags
from kiosk.store.parcels.totes import MANIFEST, MAX_TOTES_PER_MANIFEST, TOTE
from kiosk.store.shared.records import NewPaper, ParcelRow, PrintJob, Stamp, ToteRow
from kiosk.store.store import Store


class DriverTotes:
    """Only where their tags can be printed."""

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
        """Parcels that go back and are in no tote."""
        self._acts.clerk(session)
        with as_counter_refusals():
            return self._totes.free()

    def packed_totes(self, session: CounterSession) -> Sequence[ToteRow]:
        self._acts.clerk(session)
        with as_counter_refusals():
            return self._totes.packed()

    def manifest(self, session: CounterSession) -> PrintJob | None:
        self._acts.clerk(session)
        with as_counter_refusals():
            return self._queue.latest(MANIFEST_SHEET)

    def totes_of_manifest(self, session: CounterSession, manifest: str) -> tuple[Sequence[ToteRow], PrintJob | None]:
        """What went with a manifest, and its sheet, None once that is forgotten. Raises CounterRefused: stale_page."""
        self._acts.clerk(session)
        number = _number(MANIFEST, manifest)
        with as_counter_refusals():
            totes = self._totes.handed_over(number)
            sheet = self._queue.latest(MANIFEST_SHEET, number.text(MANIFEST))
        if not totes:
            raise CounterRefused("stale_page", f"there is no manifest {manifest}")
        return totes, sheet

    def of_parcel(self, session: CounterSession, parcel: ParcelRow) -> ToteRow | None:
        """The tote it is in and has to come out of, should its addressee come."""
        self._acts.clerk(session)
        with as_counter_refusals():
            return self._totes.of_parcel(parcel.number)

    def pack(self, session: CounterSession, parcels: Collection[str]) -> None:
        """Raises CounterRefused: stale_page (a parcel does not go back any more or is packed; no printer)."""
        with self._acts.act(session) as (_, stamp):
            if not self.has_printer:
                raise CounterRefused("stale_page", "no label printer is set up")
            numbers = [self._book.number(text) for text in parcels]
            self._totes.pack(numbers, lambda tote: tags(self._papers.settings, tote, stamp), stamp)
            self._acts.notify_committed()

    def unpack(self, session: CounterSession, tote: str) -> None:
        """Raises CounterRefused: stale_page when it does not wait any more."""
        with self._acts.act(session) as (_, stamp):
            self._totes.unpack(_number(TOTE, tote), stamp)
            self._acts.notify_committed()

    def tag_copy(self, session: CounterSession, tote: str) -> None:
        """The tag of a tote that waits once more, marked COPY; of a seal there is none. Raises CounterRefused."""
        with self._acts.act(session) as (person, stamp):
            number = _number(TOTE, tote)
            row = next((row for row in self._totes.packed() if row.number == number), None)
            if row is None:
                raise CounterRefused("stale_page", "the tote does not wait any more")
            tag = tags(self._papers.settings, row, stamp)[0]
            self._queue.issue(tag, tag.about, person.actor, stamp)
            self._acts.notify_committed()

    def hand_over(self, session: CounterSession, totes: Collection[str]) -> None:
        """``totes`` are those the clerk has seen. Raises CounterRefused: stale_page, tote_changed."""
        with self._acts.act(session) as (person, stamp):
            going = [parcel for tote in self._totes.packed()[:MAX_TOTES_PER_MANIFEST] for parcel in tote.parcels]

            def papers(number: SerialNumber, rows: Sequence[ToteRow]) -> list[NewPaper]:
                return self._sheet(number, rows, person.actor, stamp)

            self._totes.hand_over([_number(TOTE, text) for text in totes], papers, person.actor, stamp)
            for parcel in going:
                self._steps.after_move(parcel)

    def _sheet(self, number: SerialNumber, rows: Sequence[ToteRow], actor: str, stamp: Stamp) -> list[NewPaper]:
        body = msgspec.json.encode(manifest(self._papers.settings, number, rows, actor, stamp))
        return [NewPaper(MANIFEST_SHEET, self._papers.sheets, body, number.text(MANIFEST))]


def _number(kind: str, text: str) -> SerialNumber:
    try:
        return SerialNumber.parse(kind, text)
    except BadIdentifier as error:
        raise CounterRefused("stale_page", str(error)) from None
