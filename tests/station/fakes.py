"""In-process stand-ins for the desk's ports."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from time import monotonic
from typing import Self

from kiosk.domain.catalog import Catalog, Container, Member, Names, Price, Product
from kiosk.domain.identifiers import ReceiptNumber, internal_code
from kiosk.domain.intake import AbandonReason, ConfirmedIntake, Intake
from kiosk.domain.metrology.indication import ScaleProfile
from kiosk.domain.moment import ClockQuality, Moment
from kiosk.domain.trade import Certificate, CertificateKind, Mode, NoCertificateReason
from kiosk.protocols.scales.shared.reading import Reading
from kiosk.station.desk.desk import Desk
from kiosk.station.desk.ports import DeskTools, DocumentMaker
from kiosk.station.desk.view import DeskView, PhotoRequest
from kiosk.store.shared.errors import StoreError
from kiosk.store.shared.records import ConfirmedRow, IntakePapers, NewPaper, PrintJob, Stamp

HEAD = "0" * 64
PROFILE = ScaleProfile(e_g=5, max_g=60_000)
MOMENT = Moment(datetime(2026, 11, 25, 6, 5, tzinfo=UTC), "Asia/Shanghai", 480, ClockQuality.SYNCED, "boot", 1000)
STAMP = Stamp(MOMENT, "station-kiosk/test")
CARD = internal_code("P", "04412")


def walking(start: float) -> Callable[[], float]:
    """A wall clock that goes on from this second beside the monotonic one: one that stands still was set, a station
    finds after five seconds, and that is an event.
    """
    began = monotonic()
    return lambda: start + monotonic() - began


def names(text: str) -> Names:
    return Names(f"ug-{text}", f"zh-{text}", f"en-{text}")


CATALOG = Catalog(
    products=(Product("BADAM", names("badam"), "badam"), Product("HONEY", names("honey"), "honey")),
    prices=(
        Price("BADAM", Mode.CONSIGNMENT, 2400),
        Price("BADAM", Mode.PURCHASE, 2200),
        Price("HONEY", Mode.PURCHASE, 3000),
    ),
    containers=(
        Container("BARE", names("bare"), 0, "none"),
        Container("SACK", names("sack"), 160, "sack"),
        Container("OWN", names("own"), 0, "own-container", weighed=True),
        Container("BARREL", names("barrel"), 15_000, "bucket"),
    ),
    members=(Member("M-04412", "Aygul <script>", CARD),),
)


class FakeStore:
    """Keeps in memory what the real store keeps on disk; ``fail`` makes the next writing call raise.

    One object answers for all its groups.
    """

    def __init__(self) -> None:
        self.version = 1
        self.current = CATALOG
        self.opened: dict[int, str] = {}
        self.booked: list[tuple[ConfirmedIntake, str, tuple[NewPaper, ...]]] = []
        self.rows: dict[str, ConfirmedRow] = {}
        self.tokens: dict[str, str] = {}
        self.fail: StoreError | None = None
        self.fail_after_commit: StoreError | None = None
        self.unreadable = 0
        """So many reads of a receipt or its papers fail."""

    @property
    def catalogs(self) -> Self:
        return self

    @property
    def intakes(self) -> Self:
        return self

    @property
    def papers(self) -> Self:
        return self

    def get(self, version: int | None = None) -> tuple[int, Catalog]:
        return self.version, self.current

    def _failing(self) -> None:
        if self.fail is not None:
            error, self.fail = self.fail, None
            raise error

    def open(self, intake_of: Callable[[ReceiptNumber], Intake], stamp: Stamp) -> Intake:
        self._failing()
        counter = len(self.opened) + 1
        self.opened[counter] = "opened"
        return intake_of(ReceiptNumber("S0147", "A", counter))

    def confirm(self, confirmed: ConfirmedIntake, token: str, papers: IntakePapers, stamp: Stamp) -> ConfirmedRow:
        if token in self.tokens:
            return replace(self.rows[self.tokens[token]], repeated=True)
        self._failing()
        intake = confirmed.intake
        if self.opened[intake.receipt.counter] != "opened":
            raise StoreError("this receipt is closed")
        self.opened[intake.receipt.counter] = "confirmed"
        row = ConfirmedRow(
            receipt=str(intake.receipt),
            lot=confirmed.lot,
            product=intake.product,
            party=str(intake.party),
            mode=intake.mode.value,
            gross_g=intake.gross_g,
            tare_g=intake.tare_g,
            net_g=intake.net_g,
            amount_fen=intake.amount_fen,
            seq=len(self.booked) + 2,
            epoch="0" * 16,
            confirmed_at="",
            acknowledged=False,
            voided=False,
        )
        self.booked.append((confirmed, token, tuple(papers(HEAD))))
        self.rows[row.receipt] = row
        self.tokens[token] = row.receipt
        if self.fail_after_commit is not None:
            error, self.fail_after_commit = self.fail_after_commit, None
            raise error
        return row

    def abandon(self, receipt: ReceiptNumber, stage: str, why: AbandonReason, stamp: Stamp) -> None:
        self._failing()
        self.opened[receipt.counter] = "abandoned"

    def by_token(self, token: str) -> ConfirmedRow | None:
        receipt = self.tokens.get(token)
        return replace(self.rows[receipt], repeated=True) if receipt else None

    def _reading(self) -> None:
        if self.unreadable:
            self.unreadable -= 1
            raise StoreError("the disk does not answer")

    def slip_figures(self, receipt: ReceiptNumber) -> tuple[str | int | None, ...] | None:
        intakes = (row.intake for row, *_ in self.booked if row.intake.receipt == receipt)
        return next(
            (
                (one.product, len(one.lines), one.net_g, one.price_fen_per_kg, one.amount_fen, one.mode, None)
                for one in intakes
            ),
            None,
        )

    def confirmed(self, receipt: str) -> ConfirmedRow | None:
        self._reading()
        return self.rows.get(receipt)

    def of_receipt(self, receipt: str) -> list[PrintJob]:
        self._reading()
        for confirmed, _, jobs in self.booked:
            if str(confirmed.intake.receipt) == receipt:
                return [
                    PrintJob(number, receipt, job.document, job.printer, job.bag, job.body, "queued", 0, 0)
                    for number, job in enumerate(jobs, 1)
                ]
        return []


def labels(confirmed: ConfirmedIntake, catalog: Catalog, stamp: Stamp) -> IntakePapers:
    return lambda head: [NewPaper("bag_label", "label", b"{}", bag=line.number) for line in confirmed.intake.lines]


class Rig:
    """A desk with a fake store and a pan to put things on; readings come a tenth of a second apart.

    ``clock`` and ``documents`` may be replaced at any time.
    """

    def __init__(self) -> None:
        self.store = FakeStore()
        self.views: list[DeskView] = []
        self.photos: list[tuple[str, str]] = []
        self.shots: list[PhotoRequest] = []
        self.now = 100.0
        self.clock: Callable[[], float] = lambda: self.now
        self.documents: DocumentMaker = labels
        numbers = itertools.count(1)
        self.desk = Desk(
            PROFILE,
            DeskTools(
                store=self.store,
                stamps=lambda: STAMP,
                new_token=lambda: f"token-{next(numbers)}",
                documents=lambda confirmed, catalog, stamp: self.documents(confirmed, catalog, stamp),
                certificate=Certificate(CertificateKind.NONE, reason=NoCertificateReason.NOT_PRESENTED),
                on_view=self.views.append,
                on_scale=lambda state: None,
                on_event=lambda: None,
                on_photo=self._photo,
                clock=lambda: self.clock(),
            ),
        )

    def _photo(self, asked: PhotoRequest, product: str) -> None:
        self.photos.append((asked.subject, product))
        self.shots.append(asked)

    def read(self, grams: int, count: int = 1, *, unit: str = "kg", stable: bool | None = None) -> DeskView:
        for _ in range(count):
            self.now += 0.1
            weight = Decimal(grams).scaleb(-3)
            self.desk.readings.on_reading(Reading(weight, unit, stable, None, None, None, b""), self.now)
        return self.desk.view()

    def rest(self, grams: int) -> DeskView:
        return self.read(grams, 8)
