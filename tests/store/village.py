"""A village station for the tests of the store: its catalog, its clock, and how goods come in."""

from __future__ import annotations

import itertools
import json
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from kiosk.domain.catalog import Catalog, Container, Member, Names, Price, Product
from kiosk.domain.events import ListingSubmitted, PictureData, WordsData
from kiosk.domain.intake import ConfirmedIntake, Intake, TareSource, Weighing
from kiosk.domain.moment import ClockQuality, Moment
from kiosk.domain.trade import Certificate, CertificateKind, Mode, NoCertificateReason, Party
from kiosk.domain.verdict import Measures
from kiosk.domain.void import Void, VoidReason
from kiosk.store import ConfirmedRow, NewPaper, Stamp, Store
from kiosk.store.database.opening import OpenOptions
from kiosk.store.shared.records import IntakePapers, ListingPictures, ListingRow

STATION = "S0147"
_ALMOND = Names("بادام", "巴旦木", "<script>'Almond\"")
CATALOG = Catalog(
    products=(Product("ALMOND", _ALMOND, "almond"),),
    prices=(Price("ALMOND", Mode.PURCHASE, 2400), Price("ALMOND", Mode.CONSIGNMENT, 2600)),
    containers=(Container("SACK", _ALMOND, 160, "sack"),),
    members=(Member("M-00001", "Aygul", "Y1P00001"), Member("M-00002", "Turdi", None)),
)
NO_CERTIFICATE = Certificate(CertificateKind.NONE, None, NoCertificateReason.SMALL_GROWER)
_LABEL = NewPaper("bag_label", "label", b'{"net":"12.290"}', bag=1)


def _jobs(head: str) -> tuple[NewPaper, ...]:
    return _LABEL, NewPaper("receipt", "receipt", b'{"head":"%s"}' % head.encode())


JOBS: Final[IntakePapers] = _jobs
"""The label of the first bag, and the receipt."""


def stamp(second: int = 0) -> Stamp:
    """``second`` seconds into a market day."""
    utc = datetime(2026, 11, 24, 3, 0, tzinfo=UTC) + timedelta(seconds=second)
    moment = Moment(utc, "Asia/Shanghai", 480, ClockQuality.SYNCED, "b007b007-0001", 1000 * second)
    return Stamp(moment, "1.0.0+a91f03c7")


def epochs(start: int = 1) -> Callable[[], str]:
    """Epoch ids 000...1, 000...2 and so on."""
    numbers = itertools.count(start)
    return lambda: f"{next(numbers):016x}"


def open_store(path: Path, template: Path, **options: Any) -> Store:
    """The store of the village, without a reserve unless asked for."""
    chosen: dict[str, Any] = {"reserve_bytes": 0, "stamps": stamp, "template": template, **options}
    return Store.open(path, chosen.pop("station", STATION), stamp(), OpenOptions(**chosen))


def open_intake(store: Store, *, mode: Mode = Mode.PURCHASE, party: Party | None = None) -> Intake:
    """Goods are chosen, at the price in force."""
    version, catalog = store.catalogs.get()
    price = catalog.price("ALMOND", mode)
    assert price is not None
    goods = (party or Party("M-00001"), "ALMOND", mode, version, price)
    return store.intakes.open(lambda receipt: Intake(receipt, *goods), stamp())


def weighed(intake: Intake, *gross_g: int) -> ConfirmedIntake:
    """The intake with these bags, agreed on."""
    for number, gross in enumerate(gross_g or (12_450,), start=1):
        intake = intake.with_bag(Weighing(gross, 10 * number, number, 1200, 14), "SACK", TareSource.PRESET, 160)
    return intake.confirm(NO_CERTIFICATE)


def bring_in(store: Store, *gross_g: int, token: str | None = None, mode: Mode = Mode.PURCHASE) -> ConfirmedRow:
    """A whole intake."""
    intake = open_intake(store, mode=mode)
    return store.intakes.confirm(weighed(intake, *gross_g), token or str(intake.receipt), JOBS, stamp())


def offer_of(row: ListingRow, **changes: Any) -> ListingSubmitted:
    """What a clerk offers of a lot."""
    words = WordsData("", "", "Almonds")
    photos = tuple(one.sha256 for one in row.photos if not one.left_out)
    values = {
        "lot": row.lot,
        "product": row.product,
        "catalog_version": row.catalog_version,
        "photos": photos,
    } | changes
    return ListingSubmitted(
        **values,
        pack_g=500,
        price_fen=2900,
        title=words,
        story=words,
        storage=words,
        origin="YARKANT",
        grade="1",
        harvest="2026-09",
        allergens=("tree_nuts",),
        actor="clerk:07",
    )


def void_of(intake: Intake, reason: VoidReason = VoidReason.WRONG_PARTY) -> Void:
    """Two people agree that it does not count."""
    return Void(intake.receipt, reason, "clerk:07", "witness:02")


def rows(path: Path, sql: str) -> list[tuple[Any, ...]]:
    """What another program reads in the file."""
    connection = sqlite3.connect(path)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def content(path: Path) -> list[str]:
    """Everything in the database, as text: how it is built, and the rows of each table."""
    connection = sqlite3.connect(path)
    try:
        built = connection.execute("SELECT name, type, sql FROM sqlite_master ORDER BY name, type").fetchall()
        tables = [name for name, kind, _ in built if kind == "table" and not name.startswith("sqlite_stat")]
        held = (connection.execute(f'SELECT * FROM "{name}"').fetchall() for name in tables)
        return [repr(part) for part in (built, *held)]
    finally:
        connection.close()


def events(path: Path) -> list[dict[str, Any]]:
    """Every event, oldest first."""
    return [json.loads(body) for (body,) in rows(path, "SELECT body FROM journal ORDER BY position")]


MEASURES = Measures(2_400, 130, 90, 3, 2_100, 1_500, 3_200)


def pictures(name: str = "ab", size: int = 300_000, likeness: str = "") -> ListingPictures:
    """A master whose hash repeats ``name``, and a natural cut, which is smaller."""
    master = PictureData(name * 32, size, 1600, 1600)
    return ListingPictures(master, PictureData(name[::-1] * 32, max(1, size - 1), 1600, 1600), MEASURES, likeness)


def change(path: Path, *statements: str) -> None:
    """Somebody with an SQL tool: no rule is checked."""
    connection = sqlite3.connect(path)
    try:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        for statement in statements:
            connection.execute(statement)
        connection.commit()
    finally:
        connection.close()
