"""A station with a real counter: the real store, desk, access and counter, with a camera that clicks when asked."""

from __future__ import annotations

import atexit
import hashlib
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from io import BytesIO
from pathlib import Path

import msgspec
from PIL import Image, ImageDraw

from kiosk.devices.ports import Shot
from kiosk.domain.catalog import Catalog
from kiosk.domain.clerk import Role
from kiosk.domain.metrology.legal_status import ScaleLegalStatus
from kiosk.domain.metrology.pan_journal import PanNote
from kiosk.domain.parcel import ParcelNumber
from kiosk.station.clerk.access import Access, CounterSession
from kiosk.station.clerk.telephone import TelephonePin
from kiosk.station.counter.counter import ClerkCounter, CounterTools
from kiosk.station.counter.scans import ParsedScan, ScanSources
from kiosk.station.counter.settings import CounterSettings
from kiosk.station.counter.state import CounterBoard, CounterState, CounterView, ScanResult
from kiosk.station.desk.desk import Desk
from kiosk.station.desk.live import LiveBoard
from kiosk.station.papers.parcel import CounterPapers, WaitingSlip
from kiosk.station.parcels.photos import ParcelPhotos
from kiosk.station.parcels.pickup_key import PickupKey
from kiosk.station.parcels.settings import ParcelSettings
from kiosk.station.scale.audit import AuditedScale, ScaleAudit
from kiosk.station.scale.check_weight import CheckWeight
from kiosk.station.scale.settings import MetrologySettings
from kiosk.station.scan_router import ScanRouter
from kiosk.store import Stamp, Store
from kiosk.store.database.migrate import migrate
from kiosk.store.database.opening import OpenOptions
from kiosk.store.shared.records import CheckRow, ExpectedParcel, ParcelRow, ScaleContent
from tests.station.counter.rig import HASHES, PIN, PINS, SECOND_PIN
from tests.station.fakes import MOMENT, PROFILE, STAMP
from tests.station.hardware import FakeLotCamera, asked
from tests.web.shop import CATALOG, Shop

PARCELS = ParcelSettings()
SETTINGS = CounterSettings(undo_s=60)
KEY = PickupKey(bytes(range(32)), "a test")
SECRET = bytes(range(32))
CHECKS = MetrologySettings(check_weight_g=5000)
SCALE = ScaleContent("5" * 64, "xk3190_tf0", PROFILE.e_g, PROFILE.max_g, PROFILE.unit, trade=True)
PEOPLE = (("Aygul", Role.CLERK, PIN), ("Memet", Role.CLERK, SECOND_PIN), ("Tursun", Role.TECHNICIAN, PIN))
"""Clerks 01 and 02, technician 03."""


@cache
def template() -> Path:
    """An empty migrated database with the people in it: made once, copied by every shop."""
    folder = Path(tempfile.mkdtemp(prefix="counter-shop-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    migrate(folder / "empty.db")
    with opened(folder / "station.db", folder / "empty.db") as store:
        for name, role, pin in PEOPLE:
            store.clerks.add(name, role, HASHES[pin], STAMP)
        store.catalogs.add(CATALOG, STAMP)
    return folder / "station.db"


@contextmanager
def opened(path: Path, template: Path | None = None) -> Iterator[Store]:
    """A real store."""
    store = Store.open(path, "S0147", STAMP, OpenOptions(template=template, reserve_bytes=0))
    try:
        yield store
    finally:
        store.close()


def waybill(number: int, carrier: str = "SF") -> str:
    """A number whose letters tell the carrier."""
    return f"SF1{number:012d}" if carrier == "SF" else f"YT{number:013d}"


class CounterShop(Shop):
    """The label of each bag is scanned after sticking. Time runs as it does, so that what can be taken back for seconds
    can be; ``later`` moves both clocks on.

    ``checks`` says what is set about the check weight; what the scale's book would write by its thread is written here.
    """

    access: Access
    check_weight: CheckWeight
    counter: ClerkCounter
    store: Store
    scan_after_sticking = True

    def __init__(
        self,
        data: Path,
        *,
        people: bool = True,
        parcels: ParcelSettings = PARCELS,
        checks: MetrologySettings = CHECKS,
        undo_s: float = SETTINGS.undo_s,
    ) -> None:
        self._ahead_ms = 0
        self.proof = ""  # Of a browser in which the right answer of the county was typed
        self._people = people
        self._folder = data
        super().__init__(data)
        self.parcel_photos = ParcelPhotos(data / "parcel-photos")
        self.wanted: list[ParcelNumber] = []
        self.lots = FakeLotCamera()
        first = CounterView(consent=parcels.consent.value)
        self.counter_board = CounterBoard(first)
        state = CounterState(first, self.stamp, self.counter_board.show)
        self.access = Access(self.store, SETTINGS.lock_after_s, self.stamp, state.access_changed, PINS)
        self.set_checks(checks)
        self.telephone_pin = TelephonePin(self.access, "S0147", SECRET, lambda: self.stamp().moment.monotonic_ms)
        self.counter = ClerkCounter(
            state,
            CounterTools(
                station="S0147",
                store=self.store,
                access=self.access,
                papers=CounterPapers(self.settings, parcels, KEY, ("label", "receipt")),
                photos=self.parcel_photos,
                slots=parcels.slots,
                undo_s=undo_s,
                stamps=self.stamp,
                desk=self.desk.intake_exit,
                on_event=lambda: None,
                on_parcel_photo=lambda asked, number: self.wanted.append(number),
                lots=self.lots,
                ways=ScanSources(check_slip=self.slip_checks.check),
            ),
        )
        self.router = self._router()

    def restart_desk(self) -> None:
        """What was on the screen is forgotten, as when the power goes; the store is not."""
        self.desk = Desk(PROFILE, self.desk_tools)
        self.board = LiveBoard(self.desk.view())
        self.board.mark(scale="ok")
        self.slips = self._slips()
        self.router = self._router()
        self.desk.result_screen.resume()

    def _router(self) -> ScanRouter:
        faces = (self.counter, self.counter_board, self.access, self.desk.choices)
        return ScanRouter(*faces, self.slips, self.board.notify)

    def _store(self, catalog: Catalog) -> Store:
        if self._people:
            for name in ("station.db", "receipt-series"):
                shutil.copy(template().with_name(name), self._folder / name)
        # Nobody else has had this database in hands: looking through it is most of what opening costs.
        return Store.open(self._folder / "station.db", "S0147", STAMP, OpenOptions(reserve_bytes=0, check=False))

    def close(self) -> None:
        self.store.close()

    def stamp(self) -> Stamp:
        now = time.monotonic_ns() // 1_000_000 + getattr(self, "_ahead_ms", 0)
        quality = getattr(self, "clock_quality", MOMENT.quality)
        return Stamp(replace(MOMENT, monotonic_ms=now, quality=quality), STAMP.software)

    def later(self, seconds: float) -> None:
        self._ahead_ms += round(seconds * 1000)
        self.counter.tick()

    def set_checks(self, checks: MetrologySettings) -> None:
        """A technician has written this into the settings, and the station has started again."""
        self.scale_audit = ScaleAudit(self.store, AuditedScale(checks, SCALE), self.stamp, lambda: None)
        self.scale_audit.begin()
        self.check_weight = CheckWeight(PROFILE, self.desk.loads, self.scale_audit, self.access)

    def standing(self) -> ScaleLegalStatus:
        return self.scale_audit.standing()

    def _note(self, note: PanNote) -> None:
        self.store.pan_loads.note(note, self.stamp())

    def check(self, read_g: int, expected_g: int | None = None) -> CheckRow:
        """The check weight on the pan, read, and off again."""
        self.rest(0)
        self.rest(read_g)
        row = self.check_weight.take(self.session, expected_g)
        self.rest(0)
        return row

    def leave_bags(self, *grams: int) -> str:
        """Bags are fixed, and then nobody touches the screen any more; the receipt."""
        self.at_agree(grams[0])
        for one in grams:
            self.rest(0)
            self.rest(one)
            view = self.desk.view()
            self.desk.loads.another_bag(view.reading_no, view.token)
        self.rest(0)
        self.desk.intake_exit.leave(idle=True)
        self.counter.tick()
        return self.counter.state.view().unfinished

    def leave_load(self, grams: int) -> None:
        """Put on and taken off by somebody who booked nothing."""
        self.rest(0)
        self.rest(grams)
        self.rest(0)
        self.desk.intake_exit.leave()

    # --- what a clerk does -----------------------------------------------------------------------------------------

    def unlock(self, number: str = "01", pin: str = PIN) -> CounterSession:
        return self.access.sign_in(number, pin)

    @property
    def session(self) -> CounterSession:
        return self.access.current() or self.unlock()

    def scan(self, text: str) -> ScanResult:
        return self.counter.scans.scan(self.session, ParsedScan.of(text))

    def bring(self, number: int, *, damaged: bool = False, carrier: str = "SF") -> ParcelRow:
        """A parcel in."""
        if self.counter.state.view().mode != "in":
            self.counter.receiving.set_mode(self.session, "in")
        if damaged:
            self.counter.receiving.damaged_next(self.session, True)
        parcel = self.scan(waybill(number, carrier)).parcel
        assert parcel is not None
        return parcel

    def click(self, number: ParcelNumber) -> str:
        """The camera answers."""
        taken = _dented()
        self.parcel_photos.keep(number, taken)
        self.counter.state.photo_done(asked(str(number), self.counter.state.view().photo), taken.sha256)
        return taken.sha256

    def expect(self, *numbers: int) -> None:
        rows = [ExpectedParcel(waybill(number), "SF", f"{4700 + number % 100:04d}") for number in numbers]
        self.store.deliveries.expect(rows, self.stamp())

    def row(self, number: ParcelNumber) -> ParcelRow:
        """A parcel as it stands now."""
        found = self.store.parcels.by_number(number)
        assert found is not None
        return found

    def row_of(self, number: int) -> ParcelRow:
        """The parcel with this waybill."""
        found = self.store.parcels.by_waybill(waybill(number))
        assert found is not None
        return found

    @property
    def up(self) -> ParcelRow:
        """The parcel whose code was right."""
        found = self.counter.state.view().handover
        assert found is not None
        return found

    def code_of(self, parcel: ParcelRow) -> str:
        """The six digits as the villager reads them on the newest slip."""
        jobs = [job for job in self.store.papers.open_jobs() if job.document == "pickup_slip"]
        body = next(job.body for job in reversed(jobs) if job.about == str(parcel.number))
        return msgspec.json.decode(body, type=WaitingSlip).slip(KEY).code

    def print_all(self, fate: Callable[[int], None] | None = None) -> None:
        """Every paper that waits comes out, or meets its fate."""
        for job in self.store.papers.open_jobs():
            if job.state == "queued":
                self.store.papers.sending(job.id)
                (fate or self.store.papers.done)(job.id)
        self.counter.paper_count.update()

    def book(self, grams: int = 12_480, product: str = "BADAM", member: str = "00017") -> str:
        """A whole intake at the desk; returns its receipt."""
        self.at_agree(grams, product, member)
        view = self.desk.view()
        result = self.desk.agreement.agree(view.reading_no, view.token).result
        assert result is not None
        self.rest(0)
        self.desk.result_screen.finish(anyway=True)
        return result.receipt

    def book_bags(self, *grams: int) -> str:
        """An intake of several bags; the screen with its papers stands. Returns its receipt."""
        view = self.at_agree(grams[0])
        for one in grams[1:]:
            self.desk.loads.another_bag(view.reading_no, view.token)
            self.rest(0)
            view = self.rest(one)
        result = self.desk.agreement.agree(view.reading_no, view.token).result
        self.rest(0)
        assert result is not None
        return result.receipt


def _dented() -> Shot:
    """A drawing of a dented carton."""
    image = Image.new("RGB", (320, 240), "#c9a26b")
    draw = ImageDraw.Draw(image)
    draw.rectangle((40, 40, 280, 210), fill="#b98a52", outline="#5b3d20", width=5)
    draw.polygon([(40, 40), (110, 70), (80, 130), (40, 150)], fill="#3b2a1c")
    jpeg = BytesIO()
    image.save(jpeg, "JPEG", quality=60)
    return Shot(jpeg.getvalue(), hashlib.sha256(jpeg.getvalue()).hexdigest(), 320, 240)
