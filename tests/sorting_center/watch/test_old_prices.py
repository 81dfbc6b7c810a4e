"""A station that buys at another price than the county's: a case with both prices, closed by itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, update

from kiosk.domain.events import ConfigApplied, ConfigRefused
from kiosk.sorting_center.desk.county_book import BookRow, station_scope, township_scope
from kiosk.sorting_center.desk.registry import ExpectedStation
from kiosk.sorting_center.desk.shared.cases import Case, CaseFilter, CaseState
from kiosk.sorting_center.desk.shared.schema import station_document
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.ledger.database.times import to_rfc3339
from kiosk.sorting_center.listings.offer_follower import OfferFollower
from kiosk.sorting_center.reports.follower import ReportsFollower
from kiosk.sorting_center.shared.alarm_texts import english_detail
from kiosk.sorting_center.watch.county_watch import CountyWatch, county_snapshot
from kiosk.sorting_center.watch.old_prices import OldPrices
from kiosk.sorting_center.web.shared.sources import Stores
from tests.sorting_center.reports.ledgers import ClockedStation
from tests.sorting_center.staff import stores_of
from tests.sorting_center.station_journal import of_weight

DAY0 = datetime(2026, 11, 20, 3, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BADAM, STATION = "BADAM/consignment/", "S0147"


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: object) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/county.db"
    return str(request.getfixturevalue("postgres_ledger_url"))


class County:
    """One station that gets documents, its county, and a watch that remembers."""

    def __init__(self, stores: Stores) -> None:
        self.stores, self.desk, self.station = stores, stores.desk, ClockedStation()
        self.prices, self._receipts, self._published = OldPrices(self.desk.book), 0, 0
        self.desk.registry.replace([ExpectedStation("shache", STATION, "", "Azat")], [])
        with self.desk.database.writing() as connection:
            values = {"region": "shache", "station": STATION, "key": 1, "number": 1, "parts_sha256": ""}
            values |= {"sha256": "ab" * 32, "made_at": to_rfc3339(DAY0), "document": b""}
            connection.execute(insert(station_document).values(values))
        self.takes(self.station.start())

    def publishes(self, at: datetime, *rows: BookRow) -> None:
        book = self.desk.book
        book.change("shache", rows, book.draft("shache").revision, "ali", at)
        book.publish("shache", book.draft("shache").revision, "gulnar", "", at, alone_allowed=False)
        self._published += 1
        with self.desk.database.writing() as connection:
            connection.execute(update(station_document).values(number=self._published, made_at=to_rfc3339(at)))

    def buys(self, at: datetime, fen: int, **changes: object) -> None:
        self._receipts += 1
        self.station.at = at
        self.takes(self.station.intake(self._receipts, **of_weight(1000, fen), **changes))

    def takes(self, *events: object) -> None:
        self.stores.ledger.accept(list(events), "shache", to_rfc3339(self.station.at))
        while self.stores.ledger.number(1000):
            pass
        for follower in (
            ReportsFollower(self.stores.ledger, self.stores.reports),
            OfferFollower(self.stores.ledger, self.desk.database),
        ):
            while follower.step():
                pass

    def cases(self, prices: OldPrices | None = None) -> list[Case]:
        now, of = self.station.at, self.stores

        def look(at: datetime) -> object:
            return county_snapshot(of.ledger, of.reports, of.desk, at, prices or self.prices)

        CountyWatch(look, self.desk, lambda: True, lambda: now).step()  # type: ignore[arg-type]
        found = self.desk.cases.page([CaseState.OPEN], only=CaseFilter(station=STATION))
        return [case for case in found if case.kind in ("old_price", "document_refused")]


def price(fen: int, scope: str = "", key: str = BADAM) -> BookRow:
    return BookRow("price", scope, key, f'{{"fen_per_kg":{fen}}}')


@pytest.fixture
def county(ledger: Ledger) -> Iterator[County]:
    with stores_of(ledger) as stores:
        yield County(stores)


def test_an_old_price_is_a_case_after_a_day_and_closed_by_the_right_price(county: County) -> None:
    county.publishes(DAY0, price(2400))
    county.buys(DAY0 + HOUR, 2300)
    assert county.cases() == [], "the first document may not have come yet"
    county.buys(DAY0 + 2 * DAY, 2400)
    county.publishes(DAY0 + 3 * DAY, price(2700))
    county.buys(DAY0 + 3 * DAY + 23 * HOUR, 2400)
    assert county.cases() == [], "it may have no line for a day"
    county.buys(DAY0 + 4 * DAY + HOUR, 2400)
    (case,) = county.cases()
    assert (case.kind, case.subject) == ("old_price", "BADAM consignment")
    said = "buys BADAM for 2400 fen a kilogram since 2026-11-24 04:00 UTC; the county's price is 2700 fen"
    assert english_detail(case.detail) == said
    county.publishes(DAY0 + 5 * DAY, price(2800))
    county.buys(DAY0 + 5 * DAY + HOUR, 2400)
    assert [one.id for one in county.cases()] == [case.id], "it is the same accident"
    assert [one.id for one in county.cases(OldPrices(county.desk.book))] == [case.id], "another process looks"
    county.buys(DAY0 + 5 * DAY + 2 * HOUR, 2700)
    assert county.cases() == []


def test_prices_of_a_place_and_of_a_day(county: County) -> None:
    """Of the station, of its township, from a day on; goods that the county does not buy there."""
    county.publishes(
        DAY0,
        price(2400),
        price(2500, township_scope("Azat")),
        price(2600, station_scope("S0148")),
        price(2900, township_scope("Azat"), BADAM + "2026-11-24"),
        price(9999, "", "WALNUT/purchase/"),
    )
    for at, fen, expected in (
        (DAY0 + 2 * DAY, 2500, []),
        (DAY0 + 2 * DAY + HOUR, 2400, ["BADAM consignment"]),
        (DAY0 + 4 * DAY, 2500, []),
        (DAY0 + 5 * DAY, 2500, ["BADAM consignment"]),
        (DAY0 + 5 * DAY + HOUR, 2900, []),
    ):
        county.buys(at, fen)
        assert [case.subject for case in county.cases()] == expected, (at, fen)
    county.buys(DAY0 + 5 * DAY, 300, product="MELON")
    (case,) = county.cases()
    assert "the county buys none there" in english_detail(case.detail)


def test_a_refused_document_is_a_case_until_one_is_applied(county: County) -> None:
    county.station.at = DAY0 + HOUR
    county.takes(county.station.add(ConfigRefused(1, 1, "ab" * 32, "prices")))
    (case,) = county.cases()
    assert (case.kind, english_detail(case.detail)) == (
        "document_refused",
        "refused the county's document 1.1 on 2026-11-20 04:00 UTC: prices",
    )
    county.takes(county.station.add(ConfigApplied(1, 2, "cd" * 32, 2)))
    assert county.cases() == []
