"""A station for the pages: the real desk and board, a store in memory, and a pan to put things on."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

from kiosk.base.refused import Refused
from kiosk.devices.ports import LiveViewFrame
from kiosk.domain.catalog import Catalog, Container, Member, Names, Price, Product
from kiosk.domain.configuration import RefusalReason
from kiosk.domain.identifiers import internal_code
from kiosk.domain.intake import ConfirmedIntake
from kiosk.domain.metrology.legal_status import ScaleLegalStatus
from kiosk.domain.metrology.pan_journal import PanNote
from kiosk.domain.trade import Certificate, CertificateKind, Mode, NoCertificateReason
from kiosk.messaging.contract.configuration import ConfigurationDocument, CountySettings
from kiosk.messaging.contract.seal import SealedEvent
from kiosk.protocols.scales.shared.reading import Reading
from kiosk.station.clerk.access import CounterSession
from kiosk.station.clerk.pin_hash import Person
from kiosk.station.clerk.refusals import CounterRefused
from kiosk.station.configuration.checks import LiveContent, WaitingDocument
from kiosk.station.configuration.county import StickDocument
from kiosk.station.configuration.floor import RefusedDocument
from kiosk.station.counter.state import CounterBoard, CounterView
from kiosk.station.desk.desk import Desk
from kiosk.station.desk.live import LiveBoard
from kiosk.station.desk.ports import DeskTools
from kiosk.station.desk.view import DeskView, PhotoRequest
from kiosk.station.photos.photographer import PreviewRequest
from kiosk.station.shared.clock_setting import ClockSetter
from kiosk.station.shared.settings import StationSettings
from kiosk.station.slips import PublicSlips, SlipChecks
from kiosk.store.county_documents import CountyDocument
from kiosk.store.shared.records import IntakePapers, NewPaper, PrintJob, Stamp
from tests.station.fakes import CARD, PROFILE, STAMP, FakeStore
from tests.station.papers_signed import KEYS

HOSTILE = '<script>alert(1)</script>" onload=x \u202eevil\u202c ^XZ'
_GOODS = (
    ("BADAM", "بادام", "巴旦木", "Badam", "badam", 6000),
    ("WALNUT", "ياڭاق", "核桃", "Walnut", "walnut", 3200),
    ("JUJUBE", "چىلان", "红枣", "Jujube", "jujube", 2600),
    ("RAISIN", "كىشمىش", "葡萄干", "Raisin", "raisin", 2400),
    ("APRICOT", "قۇرۇق ئۆرۈك", "杏干", "Dried apricot", "apricot", 3600),
    ("HONEY", "ھەسەل", "蜂蜜", "Honey", "honey", 4500),
    ("PISTACHIO", "پىستە", "开心果", "Pistachio", "pistachio", 8000),
    ("FIG", "ئەنجۈر", "无花果", "Fig", "fig", 2800),
    ("MULBERRY", "ئۈجمە", "桑葚", "Mulberry", "mulberry", 3000),
    ("POMEGRANATE", "ئانار", "石榴", "Pomegranate", "pomegranate", 1200),
    ("PEACH", "شاپتۇل", "桃子", "Peach", "peach", 900),
    ("PEAR", "نەشپۈت", "梨", "Pear", "pear", 700),
)
CATALOG = Catalog(
    products=tuple(Product(code, Names(ug, zh, en), picture) for code, ug, zh, en, picture, _ in _GOODS),
    prices=(
        *(Price(code, Mode.CONSIGNMENT, fen) for code, *_, fen in _GOODS),
        *(Price(code, Mode.PURCHASE, fen - 200) for code, *_, fen in _GOODS[:6]),
    ),
    containers=(
        Container("SACK", Names("تاغار", "麻袋", "Sack"), 160, "sack"),
        Container("CRATE", Names("ياغاچ ساندۇق", "木箱", "Crate"), 1250, "crate"),
        Container("BUCKET", Names("چېلەك", "桶", "Bucket"), 820, "bucket"),
        Container("OWN", Names("ئۆزۈمنىڭ", "自带容器", "Own container"), 0, "own-container", weighed=True),
        Container("BARE", Names("قاچىسىز", "无容器", "None"), 0, "none"),
    ),
    members=(Member("M-04412", HOSTILE, CARD), Member("M-00017", "Aygul", internal_code("P", "00017"))),
)


class ShopStore(FakeStore):
    """The papers are in the state the test says, and the sorting center has the event when the test says so."""

    def __init__(self, catalog: Catalog) -> None:
        super().__init__()
        self.current = catalog
        self.paper_state = "queued"

    @property
    def outbox(self) -> Self:
        return self

    @property
    def weighings(self) -> Self:
        return self

    def of_receipt(self, receipt: str) -> list[PrintJob]:
        return [replace(job, state=self.paper_state) for job in super().of_receipt(receipt)]

    def pending(self, limit: int, after: int = 0) -> list[SealedEvent]:
        return []

    def legal_status(self, receipt: str) -> ScaleLegalStatus | None:
        return next((row.scale for row, *_ in self.booked if str(row.intake.receipt) == receipt), None)

    def acknowledge(self) -> None:
        self.rows = {number: replace(row, acknowledged=True) for number, row in self.rows.items()}


class NobodyWorksHere:
    """An access nobody was taken on for: the public face must do without a counter."""

    def people(self) -> tuple[Person, ...]:
        return ()

    def wait_s(self) -> int:
        return 0

    def sign_in(self, number: str, pin: str) -> CounterSession:
        raise CounterRefused("no_pin")

    def session(self, token: str) -> CounterSession | None:
        return None

    peek = session

    def current(self) -> CounterSession | None:
        return None

    def is_clerk_present(self) -> bool:
        return False

    def sign_out(self, token: str) -> None:
        return


class NobodysCounter:
    """No parcel waits here, and no clerk was called."""

    @property
    def parcels(self) -> Self:
        return self

    handovers = parcels

    def end_call(self) -> None:
        return


class FakeCounty:
    """No county runs the shop until a test says so."""

    def __init__(self) -> None:
        self.has_county, self.confirmed, self.by_hand, self.people = False, True, False, False
        self.document: CountyDocument | None = None
        self.waiting: WaitingDocument | None = None
        self.last_refusal: RefusedDocument | None = None
        self.inbox = self.floor = self
        self.sticks: tuple[StickDocument, ...] = ()
        self.taken: list[Path] = []
        self.live = LiveContent({}, CountySettings(), KEYS)

    def in_force(self) -> CountyDocument | None:
        return self.document

    def log_refusal(self) -> str | None:
        return None

    def manages_people(self) -> bool:
        return self.people

    def is_by_hand(self) -> bool:
        return self.by_hand

    def prices_confirmed(self) -> bool:
        return self.confirmed

    def candidates(self) -> tuple[StickDocument, ...]:
        return self.sticks

    def take(self, path: Path) -> None:
        if path not in [stick.path for stick in self.sticks]:
            raise Refused("gone")
        self.taken.append(path)


def document(number: int = 17) -> ConfigurationDocument:
    return ConfigurationDocument("S0147", "yarkant", (2, number), "2026-12-01T02:00:00Z", None, {}, "AA==", "AA==")


def in_force() -> CountyDocument:
    return CountyDocument(document(), "a" * 64, 3, "2026-12-01T02:05:00.000Z", True)


def telling_county() -> FakeCounty:
    """One document is in force and not confirmed, one waits, one was refused, one lies on a stick."""
    county = FakeCounty()
    county.has_county, county.confirmed, county.by_hand, county.document = True, False, True, in_force()
    county.waiting = WaitingDocument(b"", document(18), "busy_pan")
    county.last_refusal = RefusedDocument("b" * 64, 2, 19, RefusalReason.CLERKS, "2026-12-01T04:00:00Z")
    county.sticks = (StickDocument(Path("/run/kiosk-media/one"), document(18), None, same=False),)
    return county


class Pictures:
    """A flat folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, sha256: str) -> Path | None:
        path = self._folder / f"{sha256}.jpg"
        return path if sha256.isalnum() and path.is_file() else None


class NoLooks:
    """There is no camera. ``look`` is what a page gets; what was asked for is remembered."""

    def __init__(self) -> None:
        self.look: LiveViewFrame | None = None
        self.asked: list[PreviewRequest] = []

    def ask(self, watch: PreviewRequest) -> LiveViewFrame | None:
        self.asked.append(watch)
        return self.look


class Shop:
    """A ``kiosk.web.shared.ports.Station``; ``read`` and ``rest`` speak for the scale. Nobody is at the counter.

    ``worth`` is what the scale is worth now; nobody can check it, because nobody is at the counter.
    """

    software = "station-kiosk/test"
    metrology = "1+00000000"
    access: Any
    counter: Any
    store: Any
    check_weight: Any = None
    live_view: Any
    worth = ScaleLegalStatus()
    scan_after_sticking = False

    def __init__(self, data: Path, catalog: Catalog = CATALOG) -> None:
        self.clock_setter = ClockSetter(None)
        self.phone = ""
        self.county = FakeCounty()
        self.clock_quality = STAMP.moment.quality
        self.settings = StationSettings("S0147", "yarkant", data, village="Test village")
        self.store = self._store(catalog)
        self.photos: list[tuple[str, str]] = []
        self.shots: list[PhotoRequest] = []
        self.photo_folder, self.parcel_photos = Pictures(data), Pictures(data / "parcel-photos")
        self.now = 100.0
        numbers = itertools.count(1)
        self.desk_tools = DeskTools(
            store=self.store,
            stamps=self.stamp,
            new_token=lambda: f"token-{next(numbers)}",
            documents=self._papers,
            certificate=Certificate(CertificateKind.NONE, reason=NoCertificateReason.NOT_PRESENTED),
            on_view=lambda view: self.board.show(view),
            on_scale=lambda state: None,
            on_event=lambda: None,
            on_photo=self._photo,
            standing=lambda: self.standing(),
            on_note=self._note,
            clock=lambda: self.now,
            scan_after_sticking=self.scan_after_sticking,
        )
        self.desk = Desk(PROFILE, self.desk_tools)
        self.board = LiveBoard(self.desk.view())
        self.board.mark(scale="ok")
        self.slip_clock = time.monotonic
        """By which the check of a receipt ends."""
        self.slip_checks = SlipChecks("S0147", "yarkant", self.store.intakes, lambda: self.county.live)
        self.slips = self._slips()
        self.live_view = NoLooks()
        self.access, self.counter = NobodyWorksHere(), NobodysCounter()
        self.counter_board = CounterBoard(CounterView())

    def _slips(self) -> PublicSlips:
        return PublicSlips(self.slip_checks.check, self.board, clock=lambda: self.slip_clock())

    def _store(self, catalog: Catalog) -> Any:
        return ShopStore(catalog)

    def _papers(self, confirmed: ConfirmedIntake, catalog: Catalog, stamp: Stamp) -> IntakePapers:
        asked, lines = self.scan_after_sticking, confirmed.intake.lines
        labels = [NewPaper("bag_label", "label", b"{}", bag=line.number, to_scan=asked) for line in lines]
        return lambda head: [*labels, NewPaper("receipt", "receipt", b"{}")]

    def _photo(self, asked: PhotoRequest, product: str) -> None:
        self.photos.append((asked.subject, product))
        self.shots.append(asked)

    def stamp(self) -> Stamp:
        return replace(STAMP, moment=replace(STAMP.moment, quality=self.clock_quality))

    def standing(self) -> ScaleLegalStatus:
        return self.worth

    def _note(self, note: PanNote) -> None:
        """Here nobody keeps the journal of the pan."""

    def read(self, grams: int | None, count: int = 1, *, stable: bool | None = None, over: bool = False) -> DeskView:
        """Frames a tenth of a second apart; no weight with ``over`` is an overload."""
        for _ in range(count):
            self.now += 0.1
            weight = None if grams is None else Decimal(grams).scaleb(-3)
            self.desk.readings.on_reading(Reading(weight, "kg", stable, None, over, None, b""), self.now)
        return self.desk.view()

    def rest(self, grams: int) -> DeskView:
        """Long enough to be stable."""
        return self.read(grams, 8)

    def at_who(self) -> DeskView:
        self.rest(0)
        return self.desk.choices.begin()

    def at_what(self, grams: int = 12_480, member: str = "04412") -> DeskView:
        self.at_who()
        self.desk.choices.scan(internal_code("P", member))
        return self.rest(grams)

    def at_agree(self, grams: int = 12_480, product: str = "BADAM", member: str = "04412") -> DeskView:
        self.at_what(grams, member)
        return self.desk.choices.choose_product(product, self.desk.view().catalog_version)

    def at_take(self) -> DeskView:
        view = self.at_agree()
        return self.desk.agreement.agree(view.reading_no, view.token)

    def printed(self, state: str = "printed") -> DeskView:
        self.store.paper_state = state
        self.desk.result_screen.refresh()
        return self.desk.view()

    def delivered(self) -> DeskView:
        self.store.outbox.acknowledge()
        self.desk.result_screen.refresh()
        return self.desk.view()


Stage = Callable[[Shop], object]
