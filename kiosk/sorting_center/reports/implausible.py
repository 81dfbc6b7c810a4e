"""Figures that obey every rule and still cannot be true, for an operator to check: of scales, of clocks, of prices."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from sqlalchemy import Connection, func, or_, select

from kiosk.sorting_center.reports.shared.times import from_milliseconds
from kiosk.sorting_center.reports.tables.opening import ReportTables
from kiosk.sorting_center.reports.tables.schema import county_hour, impossible, receipt, station_price

PRICE_KIND: Final = "impossible_price"
# A price more than so many times the usual one, or less than that part of it. Grades of one product differ by two or
# three times; a decimal point in the wrong place is ten times.
MAX_PRICE_RATIO: Final = 5
# So many other stations must have bought the same product on the same day. The first of a day has nothing to be
# compared with, and of two neither can be called wrong; the median of three stays usual when one of them is wrong.
MIN_OTHER_STATIONS: Final = 3
MAX_AGE_DAYS: Final = 31  # What a station sends later than this is not compared any more
MAX_ROWS: Final = 20_000

_Key = tuple[str, str, str]  # Day, region, product


@dataclass(frozen=True, slots=True)
class ImplausibleFigure:
    """The first of its kind, station and ``day`` of arrival (YYYY-MM-DD, UTC). ``about`` is a receipt, or an event's
    epoch and number. ``figure`` and ``limit`` are grams, milliseconds since 1970, or fen a kilogram.
    """

    kind: str
    region: str
    station: str
    day: str
    about: str
    figure: int
    limit: int


class PlausibilityChecks:
    """For one thread: what was found of prices is remembered until the figures of that day are others."""

    def __init__(self, tables: ReportTables) -> None:
        self._tables = tables
        self._prices: dict[_Key, tuple[tuple[int, ...], tuple[ImplausibleFigure, ...]]] = {}

    def findings(self, today: date) -> list[ImplausibleFigure]:
        """Find the implausible figures. Raises ReportsUnusable."""
        first = (today - timedelta(days=MAX_AGE_DAYS)).isoformat()
        with self._tables.reading() as connection:
            rows = connection.execute(select(impossible).order_by(impossible.c.day.desc()).limit(MAX_ROWS))
            found = [ImplausibleFigure(*row) for row in rows]
            c = county_hour.c
            sums = (c.intakes, c.voided, c.bought_fen_low, c.consigned_fen_low)
            by_goods = select(c.day, c.region, c.product, *map(func.sum, sums)).where(c.day >= first)
            now = {
                (row[0], row[1], row[2]): tuple(map(int, row[3:]))
                for row in connection.execute(by_goods.group_by(c.day, c.region, c.product))
            }
            before = self._prices
            self._prices = {
                key: before[key]
                if key in before and before[key][0] == figures
                else (figures, _price_findings(connection, key))
                for key, figures in now.items()
            }
        return [*found, *(one for _, several in self._prices.values() for one in several)]


def price_outliers(prices: Iterable[tuple[str, int, int]]) -> Iterator[tuple[str, int]]:
    """Yield each station with a price far from the usual one, and the usual one, from (station, price, intakes).

    The usual price is the middle one of the other stations' prices, for each station the one of most intakes.
    """
    rows: dict[str, list[tuple[int, int]]] = {}
    for station, price, intakes in prices:
        rows.setdefault(station, []).append((intakes, price))
    ordered = sorted((max(of_station)[1], station) for station, of_station in rows.items())
    middle = (len(ordered) - 2) // 2
    for place, (_, station) in enumerate(ordered if len(ordered) > MIN_OTHER_STATIONS else ()):
        usual = ordered[middle if middle < place else middle + 1][0]
        if any(price > MAX_PRICE_RATIO * usual or price * MAX_PRICE_RATIO < usual for _, price in rows[station]):
            yield station, usual


def _price_findings(connection: Connection, key: _Key) -> tuple[ImplausibleFigure, ...]:
    c = station_price.c
    same = (c.day == key[0]) & (c.region == key[1]) & (c.product == key[2]) & (c.price_fen > 0)
    rows = connection.execute(select(c.station, c.price_fen, c.intakes).where(same, c.intakes > 0)).all()
    found = (_first_receipt(connection, key, *one) for one in price_outliers((row[0], row[1], row[2]) for row in rows))
    return tuple(one for one in found if one is not None)


def _first_receipt(connection: Connection, key: _Key, station: str, usual: int) -> ImplausibleFigure | None:
    c = receipt.c
    same = (c.station == station) & (c.day == key[0]) & (c.region == key[1]) & (c.product == key[2]) & ~c.voided
    far = or_(c.price_fen > MAX_PRICE_RATIO * usual, c.price_fen * MAX_PRICE_RATIO < usual) & (c.price_fen > 0)
    query = select(c.receipt, c.price_fen, c.received_ms).where(same, far).order_by(c.feedseq).limit(1)
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    day = from_milliseconds(row.received_ms).date().isoformat()
    return ImplausibleFigure(PRICE_KIND, key[1], station, day, row.receipt, row.price_fen, usual)
