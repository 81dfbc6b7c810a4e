"""The station as one thing: desk, board and workers, started and stopped together. Adapters are passed in."""

from __future__ import annotations

import logging
import os
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from kiosk.devices.ports import Camera, LinkState, Printer, Scale, ScaleListener
from kiosk.domain.catalog import Catalog
from kiosk.domain.intake import ConfirmedIntake
from kiosk.domain.metrology.indication import ScaleProfile
from kiosk.domain.metrology.standing import ScaleStanding
from kiosk.domain.parcel import ParcelNumber
from kiosk.station.clock import StationClock
from kiosk.station.counter.access import Access
from kiosk.station.counter.base import CounterTools
from kiosk.station.counter.board import CounterBoard
from kiosk.station.counter.counter import Counter
from kiosk.station.counter.settings import CounterSettings
from kiosk.station.desk.desk import Desk
from kiosk.station.desk.tools import DeskTools
from kiosk.station.desk.view import DeskRefused
from kiosk.station.doctor.doctor import Doctor
from kiosk.station.doctor.finding import Finding
from kiosk.station.doctor.scale import metrology_findings
from kiosk.station.live import OK, LiveBoard
from kiosk.station.outbox_watch import OutboxWatch
from kiosk.station.papers.papers import make_papers
from kiosk.station.papers.parcel import CounterPapers
from kiosk.station.papers.rendering import render
from kiosk.station.papers.worker import PrintWorker
from kiosk.station.parcels.photos import ParcelPhotos
from kiosk.station.parcels.pickup_key import PickupKey
from kiosk.station.parcels.settings import ParcelSettings
from kiosk.station.parcels.sweeper import Sweeper
from kiosk.station.photos.photographer import MAX_PHOTO_BYTES, PhotoFolder, Photographer, ShotRequest
from kiosk.station.photos.room import PhotoRoom
from kiosk.station.scale.book import ScaleBook
from kiosk.station.scale.check_weight import CheckWeight
from kiosk.station.scale.settings import MetrologySettings
from kiosk.station.scale.teach import Teach
from kiosk.station.scans import ScanRouter
from kiosk.station.settings import StationSettings
from kiosk.station.software import metrology, software_id
from kiosk.store import NewPrintJob, Stamp, Store, StoreError
from kiosk.store.backup.settings import BackupSettings
from kiosk.store.records import LoadRow, ScaleContent

logger = logging.getLogger(__name__)

SCALE_WORDS = {
    LinkState.CONNECTED: OK,
    LinkState.SILENT: "scale_silent",
    LinkState.REFUSES: "scale_refuses",
    LinkState.MISSING: "scale_missing",
}

COUNTER, PARCELS, METROLOGY = CounterSettings(), ParcelSettings(), MetrologySettings()
"""What holds when the settings file says nothing of them."""


@dataclass(frozen=True, slots=True)
class Hardware:
    """The adapters of one station. ``scale`` is made once the desk that listens to it exists.

    ``content`` is the scale as it is set up, for its event counter; None says nothing of it.
    """

    profile: ScaleProfile
    scale: Callable[[ScaleListener], Scale] | None
    printers: Mapping[str, Printer]
    camera: Camera | None
    content: ScaleContent | None = None


@dataclass
class _PrinterMarks:
    """The newest problem of each printer; the screen shows one of them. Every printer tells from its own thread."""

    board: LiveBoard
    lock: threading.Lock = field(default_factory=threading.Lock)
    problems: dict[str, str | None] = field(default_factory=dict)

    def tell(self, printer: str, problem: str | None) -> None:
        with self.lock:
            self.problems[printer] = problem
            words = [word for word in self.problems.values() if word]
            own = {printer: problem or OK} if printer in ("label", "receipt") else {}
            # Inside the lock, or an older word could be put up after a newer one.
            self.board.mark(printer=words[0] if words else OK, **own)


class StationService:
    """Everything a station does, without pages and without a way to the broker."""

    def __init__(
        self,
        settings: StationSettings,
        store: Store,
        hardware: Hardware,
        clock: StationClock,
        counter: CounterSettings = COUNTER,
        parcels: ParcelSettings = PARCELS,
        environ: Mapping[str, str] = os.environ,
        metrology_settings: MetrologySettings = METROLOGY,
        backup: BackupSettings | None = None,
    ) -> None:
        self.settings = settings
        self.store = store
        self.software = software_id()
        self.metrology = metrology()
        self.clock = clock
        self._hardware = hardware
        self.doctor: Doctor | None = None
        """Given by the composition root, which holds what the doctor asks."""
        self.teach: Teach | None = None
        """Given by the composition root, which holds the scale's port."""
        self._folder = PhotoFolder(settings.data / "photos")
        self._room = PhotoRoom(
            self._folder,
            store,
            settings.photo_budget_mb * 1_000_000,
            MAX_PHOTO_BYTES,
            backup.folder if backup is not None else None,
        )
        self.scale_book = ScaleBook(store, metrology_settings, hardware.content, self.stamp, self.booked)
        self.desk = Desk(hardware.profile, self._tools())
        self.board = LiveBoard(self.desk.view())
        self._marks = _PrinterMarks(self.board)
        self._watch = OutboxWatch(store, self._pending, self.desk.refresh_result)
        self._photographer = Photographer(
            hardware.camera,
            self._folder,
            store,
            self.stamp,
            self._photo_done,
            self._photo_failed,
            max_bytes=MAX_PHOTO_BYTES,
            room=self._room.for_goods,
        )
        self._printers = {name: self._worker(name, printer) for name, printer in hardware.printers.items()}
        self._scale = hardware.scale(self.desk) if hardware.scale else None
        self._parcel_photos = ParcelPhotos(settings.data / "parcel-photos")
        self._key = PickupKey.load(parcels, settings.data, environ)
        self.access = Access(store, counter, self.stamp, lambda: self.counter.access_changed(), self._key.pins())
        self.check_weight = CheckWeight(
            hardware.profile, self.desk, self.scale_book, store, self.access, self.stamp, self.booked
        )
        self.counter = Counter(self._counter_tools(counter, parcels))
        self.counter_board = CounterBoard(self.counter.view())
        self._scans = ScanRouter(self.counter, self.counter_board, self.access, self.desk, self.board.notify)
        self._records_compared = False
        self._sweeper = Sweeper(store, self._parcel_photos, parcels, self.stamp, self._tick, self.booked)

    def stamp(self) -> Stamp:
        """The time and the software, for everything that is written."""
        return Stamp(self.clock.now(), self.software)

    def start(self) -> None:
        """Settle what the last stop left undone, then start every worker."""
        stamp = self.stamp()
        self.access.wrap_pins()
        self._folder.tidy()
        self._tidy_parcel_photos()
        self.desk.resume(self.scale_book.begin())
        for receipt in self.store.abandon_left_open(stamp):
            logger.warning("receipt %s was left open by the last stop and is abandoned", receipt)
        for job in self.store.print_recover(stamp):
            logger.warning("print job %s of %s was interrupted: whether it came out is unknown", job.id, job.about)
            self._marks.tell(job.printer, "printer_unknown")
        for worker in self._printers.values():
            worker.start()
        self._photographer.start()
        self._watch.start()
        self._sweeper.start()
        self.scale_book.start()
        self.counter.papers_moved()
        if self._scale is not None:
            self._scale.start()

    def stop(self) -> None:
        """Stop the scale first, so that nothing new begins, then let the workers finish; one failing stops no other."""
        for worker in self._printers.values():
            worker.wind_down()
        with ExitStack() as ends:  # called from the last to the first
            ends.callback(self.board.wake)
            ends.callback(self.counter_board.wake)
            ends.callback(self._photographer.stop)
            for worker in self._printers.values():
                ends.callback(worker.stop)
            ends.callback(self._watch.stop)
            ends.callback(self._sweeper.stop)
            ends.callback(self.scale_book.stop)
            ends.callback(self.desk.close_pan)
            if self._scale is not None:
                ends.callback(self._scale.stop)

    def photo_path(self, sha256: str) -> Path | None:
        """The file of a kept picture."""
        return self._folder.path(sha256)

    def parcel_photo_path(self, sha256: str) -> Path | None:
        """The file of a damaged parcel's picture: for clerks alone, its label may hold a name."""
        return self._parcel_photos.path(sha256)

    def standing(self) -> ScaleStanding:
        """What the scale is worth now: for trade, verified, checked, and its event counters. Raises StoreError."""
        return self.scale_book.standing()

    def scale_findings(self) -> list[Finding]:
        """What the doctor says of the scale's worth; nothing while the database cannot be read, a row itself."""
        try:
            standing = self.standing()
        except StoreError as error:
            logger.error("the worth of the scale cannot be read now: %s", error)
            return []
        plate = self._hardware.profile if self._scale is not None else None
        return list(metrology_findings(self.scale_book.settings, standing, self.stamp().moment, plate))

    def unbooked_loads(self, limit: int = 50, offset: int = 0) -> list[LoadRow]:
        """The journal of the pan, newest first. Raises StoreError."""
        return self.store.unbooked_loads(limit, offset)

    @property
    def scale(self) -> Scale | None:
        """The scale's supervisor; None when no scale is set up."""
        return self._scale

    def scans(self, text: str) -> None:
        """Take one scan from the scanner's thread."""
        self._scans.on_scan(text)

    def _tools(self) -> DeskTools:
        settings = self.settings
        return DeskTools(
            store=self.store,
            stamps=self.stamp,
            new_token=lambda: secrets.token_urlsafe(16),
            documents=self._papers,
            certificate=settings.certificate,
            metrology=self.metrology,
            on_view=lambda view: self.board.show(view),
            on_scale=lambda state: self.board.mark(scale=SCALE_WORDS[state]),
            on_event=self.booked,
            on_photo=lambda lot, product: self._photographer.request(lot, product),
            standing=self.standing,
            on_note=self.scale_book.note,
        )

    def _counter_tools(self, counter: CounterSettings, parcels: ParcelSettings) -> CounterTools:
        return CounterTools(
            station=self.settings.station,
            store=self.store,
            access=self.access,
            papers=CounterPapers(self.settings, parcels, self._key, self._printers),
            photos=self._parcel_photos,
            counter=counter,
            parcels=parcels,
            stamps=self.stamp,
            on_view=lambda view: self.counter_board.show(view),
            on_event=self.booked,
            on_parcel_photo=self._shoot_parcel,
            on_lot_photo=lambda lot, product: self._photographer.request(lot, product),
            unfinished=lambda: self.desk.unfinished(),
            take_up=lambda receipt: self.desk.take_up(receipt),
        )

    def _tick(self) -> None:
        if not self._records_compared:
            self._tell_altered()
        try:
            self.desk.let_go()
        except DeskRefused as error:
            logger.error("an unfinished intake cannot be given up now: %s", error)
        self.counter.tick()

    def _tell_altered(self) -> None:
        """Once, beside the start and not before it: weighing goes on. What is altered is a matter for people."""
        self._records_compared = True
        try:
            for found in self.store.altered_intakes():
                logger.error("the record of %s is not what was sealed: %s", found.receipt, ", ".join(found.what))
        except StoreError as error:
            logger.error("the newest intakes cannot be compared with what was sealed: %s", error)

    def _tidy_parcel_photos(self) -> None:
        try:
            self._parcel_photos.tidy(self.store.parcel)
        except OSError as error:
            # A picture more or less keeps no station from weighing; the next start tries again.
            logger.error("the pictures of parcels cannot be tidied: %s", error)

    def _shoot_parcel(self, number: ParcelNumber) -> None:
        self._photographer.ask(
            ShotRequest(
                str(number),
                self._room.for_parcel,
                lambda shot: self._parcel_photos.keep(number, shot),
                self.counter.photo_done,
                self.counter.photo_failed,
            )
        )

    def _papers(self, confirmed: ConfirmedIntake, catalog: Catalog, stamp: Stamp) -> Sequence[NewPrintJob]:
        """A paper for which no printer is fitted would wait for ever and keep the screen from going home by itself."""
        papers = make_papers(self.settings, self.metrology, confirmed, catalog, stamp)
        return [paper for paper in papers if paper.printer in self._printers]

    def _worker(self, name: str, printer: Printer) -> PrintWorker:
        setup = printer.setup
        return PrintWorker(
            name,
            self.store,
            printer,
            lambda job: render(job, setup, self._key),
            self.stamp,
            self._paper_moved,
            self._marks.tell,
        )

    def booked(self) -> None:
        """Something was committed: there may be papers to print and an event to send."""
        for worker in self._printers.values():
            worker.wake()
        self._watch.wake()

    def _paper_moved(self) -> None:
        self.desk.refresh_result()
        self.counter.papers_moved()
        self._watch.wake()

    def _photo_done(self, lot: str, sha256: str) -> None:
        self.desk.photo_done(lot, sha256)
        self.counter.photo_done(lot, sha256)
        self._watch.wake()

    def _photo_failed(self, lot: str, problem: str) -> None:
        self.desk.photo_failed(lot, problem)
        self.counter.photo_failed(lot, problem)

    def _pending(self, pending: int) -> None:
        self.board.count_pending(pending)
