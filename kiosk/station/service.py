"""The station as one thing: desk, board and workers, started and stopped together. Adapters are passed in."""

from __future__ import annotations

import logging
import os
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Final, Generic, ParamSpec

from kiosk.base.worker import Worker
from kiosk.devices.ports import Camera, GoodsShot, LinkState, Printer, Scale, ScaleListener
from kiosk.devices.scanner.settings import ScannerKind
from kiosk.domain.catalog import Catalog
from kiosk.domain.intake import ConfirmedIntake
from kiosk.domain.metrology.indication import ScaleProfile
from kiosk.domain.metrology.legal_status import ScaleLegalStatus
from kiosk.domain.parcel import ParcelNumber
from kiosk.labels.layout import A4_PRINTED_MM
from kiosk.protocols.barcodes.goods_codes import CodesSettings
from kiosk.station.clerk.access import Access
from kiosk.station.clerk.telephone import TelephonePin, load_secret
from kiosk.station.configuration.county import StationCounty, signature_check
from kiosk.station.configuration.inbox import InboxTools
from kiosk.station.counter.counter import ClerkCounter, CounterTools
from kiosk.station.counter.scans import ScanReader, ScanSources
from kiosk.station.counter.settings import CounterSettings
from kiosk.station.counter.state import CounterBoard, CounterState, CounterView
from kiosk.station.desk.desk import Desk
from kiosk.station.desk.live import OK, LiveBoard
from kiosk.station.desk.ports import DeskTools
from kiosk.station.desk.view import DeskRefused, DeskStep, DeskView, PhotoRequest
from kiosk.station.doctor.devices import metrology_findings
from kiosk.station.doctor.finding import DoctorFinding
from kiosk.station.doctor.liveness import LinkStatus
from kiosk.station.doctor.status_files import RelayStatusFile
from kiosk.station.papers.own_layouts import LAYOUTS, OwnLayouts
from kiosk.station.papers.papers import LABEL_PRINTER, make_papers
from kiosk.station.papers.parcel import CounterPapers
from kiosk.station.papers.rendering import render
from kiosk.station.papers.worker import PRINT_STOP_S, FittedPrinter, PrintListeners, print_worker
from kiosk.station.parcels.photos import ParcelPhotos
from kiosk.station.parcels.pickup_key import PickupKey
from kiosk.station.parcels.settings import ParcelSettings
from kiosk.station.parcels.sweeper import TICK_S, ParcelSweep, Sweeper
from kiosk.station.photos.folder import LotPhotos, PhotoFolder, PhotoLimits, PhotoSpace
from kiosk.station.photos.photographer import (
    MAX_PHOTO_BYTES,
    LiveView,
    LotCamera,
    Photographer,
    PlainRequest,
    Previews,
    ShotListeners,
)
from kiosk.station.scale.audit import AuditedScale, ScaleAudit
from kiosk.station.scale.check_weight import CheckWeight
from kiosk.station.scale.settings import MetrologySettings
from kiosk.station.scan_router import ScanRouter
from kiosk.station.shared.clock import StationClock, metrology, software_id
from kiosk.station.shared.clock_setting import FILES, ClockSetter
from kiosk.station.shared.settings import CountyKeys, StationSettings
from kiosk.station.shared.signing import StationSigning
from kiosk.station.slips import PublicSlips, SlipChecks
from kiosk.station.update.updates import StationQuiet
from kiosk.store import Stamp, Store, StoreError
from kiosk.store.database.persistence import BOX_VARIABLE
from kiosk.store.shared.records import IntakePapers, ScaleContent

logger = logging.getLogger(__name__)


P = ParamSpec("P")


class Signal(Generic[P]):
    """Sent by calling it; its receivers are called in the order they were connected in, by the thread that sends.
    Receivers are connected before the first thread starts, and stay.
    """

    def __init__(self) -> None:
        self._receivers: list[Callable[P, object]] = []

    def connect(self, receiver: Callable[P, object]) -> None:
        self._receivers.append(receiver)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> None:
        for receiver in self._receivers:
            receiver(*args, **kwargs)


@dataclass(frozen=True, slots=True)
class StationSignals:
    # Something was committed: there may be papers to print and an event to send.
    committed: Signal[[]] = field(default_factory=Signal)
    paper_moved: Signal[[]] = field(default_factory=Signal)  # A print job has another state
    # The request of a shot, and the shot's SHA-256: it is kept.
    photo_done: Signal[[PhotoRequest, str]] = field(default_factory=Signal)
    photo_retake: Signal[[PhotoRequest, GoodsShot]] = field(default_factory=Signal)  # It was not accepted
    # No shot was taken; the word names a sentence of the screens.
    photo_failed: Signal[[PhotoRequest, str]] = field(default_factory=Signal)
    desk_view: Signal[[DeskView]] = field(default_factory=Signal)
    scale_link: Signal[[LinkState]] = field(default_factory=Signal)


STORE_FAILED: Final = "store_failed"


class StoreProbe:
    """Marks the board while nothing can be written: page, lamp, ``/health`` and doctor show it before a farmer notices.
    It does not starve the watchdog: a restart repairs neither a card that went read-only nor a wrong owner, and a
    station that restarts forever does not show what is wrong.
    """

    def __init__(self, store: Store, board: LiveBoard) -> None:
        self._store, self._board = store, board

    def ask(self) -> None:
        """Read, as the sign of life, which an error here denies; then check that a write could begin."""
        self._store.outbox.counts()
        try:
            self._store.check_writable()
        except StoreError as error:
            if self._board.snapshot().marks.store == OK:
                logger.error("nothing can be kept now: %s", error)
            self._board.mark(store=STORE_FAILED)
        else:
            if self._board.snapshot().marks.store != OK:
                logger.warning("the database can be written again")
            self._board.mark(store=OK)


OUTBOX_POLL_S: Final = 0.5


class OutboxPoller:
    """Reads only after another process has committed, or after ``reread``."""

    def __init__(
        self,
        store: Store,
        on_pending: Callable[[int], None],
        on_change: Callable[[], None],
        period_s: float = OUTBOX_POLL_S,
    ) -> None:
        self._store, self._on_pending, self._on_change, self._period_s = store, on_pending, on_change, period_s
        self._reread = threading.Event()
        self._reread.set()

    def reread(self) -> None:
        """Read at the next poll, since this process has written something itself."""
        self._reread.set()

    def poll(self) -> float:
        try:
            if self._store.changed() or self._reread.is_set():
                self._reread.clear()
                self._on_pending(self._store.outbox.counts().pending)
                self._on_change()
        except Exception:
            self._reread.set()  # or this change would be reported only after the next one
            raise
        return self._period_s


SCALE_WORDS = {
    LinkState.CONNECTED: OK,
    LinkState.SILENT: "scale_silent",
    LinkState.REFUSES: "scale_refuses",
    LinkState.MISSING: "scale_missing",
}


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """What a village has set of the service; only ``station`` has nothing that holds by itself."""

    station: StationSettings
    counter: CounterSettings = field(default_factory=CounterSettings)
    parcels: ParcelSettings = field(default_factory=ParcelSettings)
    metrology: MetrologySettings = field(default_factory=MetrologySettings)
    codes: CodesSettings = field(default_factory=CodesSettings)
    county: CountyKeys | None = None
    relay: bool = True  # Whether a way to the sorting center is set


@dataclass(frozen=True, slots=True)
class Hardware:
    """The adapters of one station. ``scale`` is made once the desk that listens to it exists. ``content`` is the scale
    as it is set up, for its event counter; None when that is unknown. ``clock`` is the one the scale dates its readings
    with.
    """

    profile: ScaleProfile
    scale: Callable[[ScaleListener], Scale] | None
    printers: Mapping[str, Printer]
    camera: Camera | None
    content: ScaleContent | None = None
    clock: Callable[[], float] = monotonic
    auto_shutter: bool = False  # Whether the camera takes shots of goods by itself, once they lie still
    scanner: ScannerKind | None = None  # What reads codes; None for nothing but fingers
    codes: Camera | None = None  # The camera, where it is the scanner
    media: Callable[[], Sequence[Path]] = tuple  # The top folders of sticks


@dataclass
class _PrinterMarks:
    """The newest problem of each printer; the screen shows one of them. Every printer reports from its own thread."""

    board: LiveBoard
    lock: threading.Lock = field(default_factory=threading.Lock)
    problems: dict[str, str | None] = field(default_factory=dict)

    def report(self, printer: str, problem: str | None) -> None:
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
        settings: ServiceSettings,
        store: Store,
        hardware: Hardware,
        clock: StationClock,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self.settings, self.store, self.clock = settings.station, store, clock
        self.software, self.metrology = software_id(), metrology()
        self.signing = StationSigning(self.settings.data)
        self.clock_setter = ClockSetter(
            FILES.asker(self.settings.data, time.monotonic) if environ.get(BOX_VARIABLE) == "1" else None
        )
        self._codes = settings.codes
        self._hardware = hardware
        self._signals = StationSignals()
        self.committed = self._signals.committed  # To be sent by code that commits outside of the service
        self.code_requested: Signal[[]] = Signal()  # A clerk holds a code before the camera
        self._key = PickupKey.load(settings.parcels, self.settings.data, environ)
        self.own_layouts = OwnLayouts(self.settings.data / LAYOUTS)
        self.photo_folder = PhotoFolder(self.settings.data / "photos")
        # For clerks alone: the label of a damaged parcel may hold a name.
        self.parcel_photos = ParcelPhotos(self.settings.data / "parcel-photos")
        # A shot of goods is kept as three pictures at most.
        limits = PhotoLimits(self.settings.photo_budget_mb * 1_000_000, 3 * MAX_PHOTO_BYTES)
        self._space = PhotoSpace(self.photo_folder, store, limits)
        lots = LotPhotos(self.photo_folder, store, self.stamp)
        previews = Previews(hardware.camera, auto=hardware.auto_shutter)
        self._photographer = self._photographer_of(hardware.camera, previews)
        self.live_view = LiveView(previews, self._photographer.worker.wake)
        self._lot_camera = LotCamera(self._photographer, self._space, lots, self._signals.photo_done)
        audited = AuditedScale(settings.metrology, hardware.content)
        self.scale_audit = ScaleAudit(store, audited, self.stamp, self.committed)
        self.desk = Desk(hardware.profile, self._desk_tools())
        self.scale = hardware.scale(self.desk.readings) if hardware.scale else None
        self.board = LiveBoard(self.desk.view())
        self._marks = _PrinterMarks(self.board)
        self._outbox = OutboxPoller(store, self.board.count_pending, self.desk.result_screen.refresh)
        self._outbox_worker = Worker("outbox-poller", self._outbox.poll, retry_s=OUTBOX_POLL_S, expected=(StoreError,))
        self._printers = {name: self._worker(name, printer) for name, printer in hardware.printers.items()}
        first = CounterView(consent=settings.parcels.consent.value)
        self.counter_board = CounterBoard(first)
        state = CounterState(first, self.stamp, self.counter_board.show)
        self.access = Access(store, settings.counter.lock_after_s, self.stamp, state.access_changed, self._key.pins())
        self.telephone_pin = TelephonePin(
            self.access,
            self.settings.station,
            load_secret(settings.county.pin_secret if settings.county else None),
            lambda: self.stamp().moment.monotonic_ms,
        )
        self.check_weight = CheckWeight(hardware.profile, self.desk.loads, self.scale_audit, self.access)
        slip_checks = SlipChecks(
            *(self.settings.station, self.settings.region, store.intakes),
            live=lambda: self.county.live,
            own_public=self.signing.current_public,
        )
        ways = ScanSources(
            typed=hardware.scanner in (None, "camera"),
            request_camera_scan=self.code_requested if hardware.scanner == "camera" else None,
            check_slip=slip_checks.check,
        )
        self.counter = ClerkCounter(state, self._counter_tools(settings, ways))
        self.slips = PublicSlips(ways.check_slip, self.board, ways.request_camera_scan)
        self.scans = ScanRouter(
            self.counter, self.counter_board, self.access, self.desk.choices, self.slips, self.board.notify
        )
        self._records_compared = False
        self._proven: datetime | None = None
        self.proven_time_worker = Worker("proven-time", self.prove_time, retry_s=TICK_S, expected=(StoreError,))
        self._link = LinkStatus(RelayStatusFile(self.settings.data) if settings.relay else None)
        sweep = ParcelSweep(store, self.parcel_photos, settings.parcels, self.stamp, self.committed)
        self._sweeper = Worker(
            "counter-sweeper", Sweeper(sweep, self._tick).step, retry_s=TICK_S, expected=(StoreError,)
        )
        self.county = StationCounty(self._inbox_tools(settings.county), settings.county is not None, hardware.media)
        self._connect()

    def _connect(self) -> None:
        """Connect signals and listeners. No signal is sent before ``start``."""
        signals, desk, counter = self._signals, self.desk, self.counter
        for worker in self._printers.values():
            signals.committed.connect(worker.wake)
        signals.committed.connect(self._outbox.reread)
        signals.paper_moved.connect(desk.result_screen.refresh)
        signals.paper_moved.connect(counter.paper_count.update)
        signals.paper_moved.connect(self._outbox.reread)
        signals.photo_done.connect(desk.result_screen.photo_done)
        signals.photo_done.connect(counter.state.photo_done)
        signals.photo_done.connect(lambda photo_request, sha256: self._outbox.reread())
        signals.photo_retake.connect(desk.result_screen.photo_retake)
        signals.photo_retake.connect(counter.state.photo_retake)
        signals.photo_failed.connect(desk.result_screen.photo_failed)
        signals.photo_failed.connect(counter.state.photo_failed)
        signals.desk_view.connect(self.board.show)
        signals.scale_link.connect(lambda link: self.board.mark(scale=SCALE_WORDS[link]))

    def stamp(self) -> Stamp:
        return Stamp(self.clock.now(), self.software, self.settings.region, sign=self.signing.sign)

    def start(self) -> None:
        """Clean up what the last stop left unfinished, then start every worker."""
        stamp = self.stamp()
        self._tidy("goods", self.photo_folder.tidy)
        self._tidy("parcels", lambda: self.parcel_photos.tidy(self.store.parcels.by_number))
        self.desk.readings.resume(self.scale_audit.begin())
        for receipt in self.store.intakes.abandon_left_open(stamp):
            logger.warning("receipt %s was left open by the last stop and is abandoned", receipt)
        for job in self.store.papers.recover(stamp):
            logger.warning("print job %s of %s was interrupted: whether it came out is unknown", job.id, job.about)
            self._marks.report(job.printer, "printer_unknown")
        self._ask_for_bags()
        for worker in self._printers.values():
            worker.start()
        self._photographer.worker.start()
        self._outbox_worker.start()
        self._sweeper.start()
        self.county.load()
        self.county.worker.start()
        self.proven_time_worker.start()
        self.scale_audit.worker.start()
        self.counter.paper_count.update()
        if self.scale is not None:
            self.scale.start()

    def stop(self) -> None:
        """Stop the scale first, so that nothing new begins, then let the workers finish, even if one of them fails."""
        for worker in self._printers.values():
            worker.stop(0.0)  # the current job is waited for below
        with ExitStack() as ends:  # called from the last to the first
            ends.callback(self.board.wake)
            ends.callback(self.counter_board.wake)
            ends.callback(self._photographer.stop)
            for worker in self._printers.values():
                ends.callback(worker.stop, PRINT_STOP_S)
            ends.callback(self._outbox_worker.stop, 2.0)
            ends.callback(self._sweeper.stop, 6.0)
            ends.callback(self.county.worker.stop, 6.0)
            ends.callback(self.proven_time_worker.stop, 6.0)
            ends.callback(self.scale_audit.worker.stop, 6.0)
            ends.callback(self.desk.readings.close)
            if self.scale is not None:
                ends.callback(self.scale.stop)

    @property
    def phone(self) -> str:
        """Of the county, as receipts have it; "" where nobody has said."""
        return self.county.live.on_paper(self.settings).phone

    def quiet(self) -> StationQuiet:
        return StationQuiet(self.desk.view, self.desk.intake_exit.unfinished, self.board, self.store.papers)

    def standing(self) -> ScaleLegalStatus:
        return self.scale_audit.standing()

    def scale_findings(self) -> list[DoctorFinding]:
        """Check the scale's legal status; empty when the database cannot be read, which has a row of its own."""
        try:
            standing = self.standing()
        except StoreError as error:
            logger.error("cannot read the legal status of the scale: %s", error)
            return []
        plate = self._hardware.profile if self.scale is not None else None
        return list(metrology_findings(self.scale_audit.settings, standing, self.stamp().moment, plate))

    def prove_time(self) -> float:
        """Move an unsynchronized clock up to the county's newest document, once for each; return seconds to wait."""
        proven = self.county.proven_time()
        if proven is not None and proven != self._proven:
            self._proven = proven
            self.clock_setter.prove(proven, self.stamp().moment)
        return TICK_S

    def _inbox_tools(self, keys: CountyKeys | None) -> InboxTools:
        return InboxTools(
            self.settings,
            self.store,
            self.stamp,
            signature_check(keys),
            self.quiet().serving,
            self._open_goods,
            lambda live: self.own_layouts.use_county(live.layouts),
            self.committed,
        )

    def _open_goods(self) -> Sequence[str]:
        view, unfinished = self.desk.view(), self.desk.intake_exit.unfinished()
        at_desk = [view.intake.product] if view.intake is not None and view.step is not DeskStep.TAKE else []
        return at_desk + ([unfinished.product] if unfinished is not None else [])

    def _photographer_of(self, camera: Camera | None, previews: Previews) -> Photographer:
        signals = self._signals
        listeners = ShotListeners(signals.photo_done, signals.photo_failed, signals.photo_retake)
        return Photographer(camera, listeners, MAX_PHOTO_BYTES, previews)

    def _desk_tools(self) -> DeskTools:
        return DeskTools(
            store=self.store,
            stamps=self.stamp,
            new_token=lambda: secrets.token_urlsafe(16),
            documents=self._papers,
            certificate=self.settings.certificate,
            on_view=self._signals.desk_view,
            on_scale=self._signals.scale_link,
            on_event=self.committed,
            on_photo=self._lot_camera.shoot,
            standing=self.scale_audit.standing,
            on_note=self.scale_audit.note,
            clock=self._hardware.clock,
            scan_after_sticking=self.settings.scan_after_sticking,
        )

    def _counter_tools(self, settings: ServiceSettings, ways: ScanSources) -> CounterTools:
        return CounterTools(
            station=self.settings.station,
            store=self.store,
            access=self.access,
            papers=CounterPapers(
                self.settings,
                settings.parcels,
                self._key,
                self._hardware.printers,
                settings.codes,
                _sheet_printer(self._hardware.printers),
                lambda settings: self.county.live.on_paper(settings),
                signing_key=self.signing.current_key,
            ),
            photos=self.parcel_photos,
            slots=settings.parcels.slots,
            undo_s=settings.counter.undo_s,
            stamps=self.stamp,
            desk=self.desk.intake_exit,
            on_event=self.committed,
            on_parcel_photo=self._shoot_parcel,
            lots=self._lot_camera,
            ways=ways,
            reader=ScanReader(settings.codes.layouts, settings.codes.company),
        )

    def _tick(self) -> None:
        if not self._records_compared:
            self._log_altered()
        self.board.mark(link=self._link.word(self.board.snapshot().pending))
        try:
            self.desk.intake_exit.give_up_expired()
        except DeskRefused as error:
            logger.error("an unfinished intake cannot be given up now: %s", error)
        self.counter.tick()
        self.signing.poll(self.store, self.stamp)

    def _log_altered(self) -> None:
        """Log altered records once, beside the start and not before it: weighing goes on, people decide."""
        self._records_compared = True
        try:
            for found in self.store.intakes.altered():
                logger.error("the record of %s is not what was sealed: %s", found.receipt, ", ".join(found.what))
        except StoreError as error:
            logger.error("the newest intakes cannot be compared with what was sealed: %s", error)

    def _ask_for_bags(self) -> None:
        try:
            self.desk.result_screen.resume()
        except DeskRefused as error:
            # The screen begins at home then: weighing continues, and the labels wait at the counter.
            logger.error("whether bags are still to be scanned cannot be read now: %s", error)

    @staticmethod
    def _tidy(what: str, tidy: Callable[[], None]) -> None:
        try:
            tidy()
        except OSError as error:
            # A picture more or less keeps no station from weighing; the next start tries again.
            logger.error("the pictures of %s cannot be tidied: %s", what, error)

    def _shoot_parcel(self, photo_request: PhotoRequest, number: ParcelNumber) -> None:
        keep = partial(self.parcel_photos.keep, number)
        self._photographer.ask(PlainRequest(photo_request, self._space.for_others, keep))

    def _papers(self, confirmed: ConfirmedIntake, catalog: Catalog, stamp: Stamp) -> IntakePapers:
        """Build the papers with a fitted printer; any other would wait for good and keep the screen from home."""
        settings = self.county.live.on_paper(self.settings)
        papers = make_papers(settings, self._codes, confirmed, catalog, stamp)
        return lambda head: [paper for paper in papers(head) if paper.printer in self._hardware.printers]

    def _worker(self, name: str, printer: Printer) -> Worker:
        setup, layouts, key = printer.setup, self.own_layouts, self.signing.current_key
        return print_worker(
            FittedPrinter(name, printer, lambda job: render(job, setup, self._key, layouts.layouts, key)),
            self.store.papers,
            self.stamp,
            PrintListeners(self._signals.paper_moved, self._marks.report),
        )


def _sheet_printer(printers: Mapping[str, Printer]) -> str:
    """Find the printer of manifests: the one that prints A4, whatever its name; otherwise the label printer."""
    heads = {name: printer.setup.head for name, printer in printers.items()}
    wide = (name for name, head in heads.items() if head.width_dots / head.per_mm >= A4_PRINTED_MM)
    return next(wide, LABEL_PRINTER)
