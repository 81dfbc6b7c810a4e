"""Figures of days: of the county, a region, a station; by day, hour, product and station."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Executable, Table, and_, func, select

from kiosk.sorting_center.reports.shared.figures import Figures, figures_of, sums, total
from kiosk.sorting_center.reports.tables.opening import ReportTables
from kiosk.sorting_center.reports.tables.schema import county_hour, price_year, station_day, station_year

MAX_DAYS: Final = 400  # Of one question: a year and a month


@dataclass(frozen=True, slots=True)
class ReportScope:
    """The part that a report covers; None is all. Where two counties share a ledger a station has its region."""

    region: str | None = None
    station: str | None = None
    product: str | None = None

    def condition(self, table: Table) -> ColumnElement[bool]:
        """Build the condition for rows of a table with columns of these names."""
        selected = {"region": self.region, "station": self.station, "product": self.product}
        return and_(True, *(table.c[name] == value for name, value in selected.items() if value is not None))


COUNTY: Final = ReportScope()


@dataclass(frozen=True, slots=True)
class DayRow:
    """``stations`` is how many have an intake on that day that is not void."""

    day: date
    figures: Figures
    stations: int


@dataclass(frozen=True, slots=True)
class GoodsRow:
    """One product, what was bought and what is on consignment."""

    product: str
    figures: Figures


@dataclass(frozen=True, slots=True)
class GoodsDayRow:
    day: date
    product: str
    figures: Figures


@dataclass(frozen=True, slots=True)
class StationFigures:
    region: str
    station: str
    figures: Figures


@dataclass(frozen=True, slots=True)
class StockRow:
    """One product. The prices are those of a kilogram at which it came in, None where none is known."""

    product: str
    figures: Figures
    stations: int
    lowest_fen: int | None
    highest_fen: int | None


@dataclass(frozen=True, slots=True)
class DayComparison:
    """A day, and what the day before and the same weekday a week before had come to by the hour that was given."""

    day: date
    figures: Figures
    yesterday_so_far: Figures
    week_before_so_far: Figures


class DayReports:
    """Each answer is of one picture of the tables. Days are those of the zone, both ends are included.

    Raises ReportsUnusable; ValueError for more than MAX_DAYS days.
    """

    def __init__(self, tables: ReportTables, zone: ZoneInfo) -> None:
        self._tables, self._zone = tables, zone

    def day_of(self, moment: datetime) -> date:
        return moment.astimezone(self._zone).date()

    def hour_of(self, moment: datetime) -> int:
        return moment.astimezone(self._zone).hour

    def total(self, first: date, last: date) -> Figures:
        (row,) = self._rows(select(*sums(county_hour)).where(_in_range(county_hour, first, last, COUNTY)))
        return figures_of(row)

    def each(self, first: date, last: date, of: ReportScope = COUNTY) -> tuple[DayRow, ...]:
        """Return every day, also one on which nothing was brought, the earliest first."""
        table = county_hour if of.station is None else station_day
        condition = _in_range(table, first, last, of)
        found = {
            row[0]: figures_of(row[1:])
            for row in self._rows(select(table.c.day, *sums(table)).where(condition).group_by(table.c.day))
        }
        stations = self._stations_by_day(first, last, of)
        return tuple(
            DayRow(day, found.get(day.isoformat(), Figures()), stations.get(day.isoformat(), 0))
            for day in (first + timedelta(days=number) for number in range((last - first).days + 1))
        )

    def hours(self, day: date) -> tuple[Figures, ...]:
        """Return the figures of all 24 hours; a station's hours are not kept."""
        c = county_hour.c
        rows = self._rows(select(c.hour, *sums(county_hour)).where(c.day == day.isoformat()).group_by(c.hour))
        found = {row[0]: figures_of(row[1:]) for row in rows}
        return tuple(found.get(hour, Figures()) for hour in range(24))

    def goods(self, first: date, last: date) -> tuple[GoodsRow, ...]:
        """Return the figures by product, the heaviest first."""
        c, condition = county_hour.c, _in_range(county_hour, first, last, COUNTY)
        rows = self._rows(select(c.product, *sums(county_hour)).where(condition).group_by(c.product))
        found = [GoodsRow(row[0], figures_of(row[1:])) for row in rows]
        return tuple(sorted(found, key=lambda row: (-row.figures.net_g, row.product)))

    def goods_by_day(self, first: date, last: date) -> tuple[GoodsDayRow, ...]:
        """Return the figures by day and product, where there are any; ordered by both."""
        c, condition = county_hour.c, _in_range(county_hour, first, last, COUNTY)
        query = select(c.day, c.product, *sums(county_hour)).where(condition).group_by(c.day, c.product)
        rows = self._rows(query.order_by(c.day, c.product))
        return tuple(GoodsDayRow(date.fromisoformat(row[0]), row[1], figures_of(row[2:])) for row in rows)

    def stations(self, first: date, last: date, of: ReportScope = COUNTY) -> tuple[StationFigures, ...]:
        """Return the stations with any figure, ordered by region and number."""
        c = station_day.c
        condition = _in_range(station_day, first, last, of)
        key = (c.region, c.station)
        rows = self._rows(select(*key, *sums(station_day)).where(condition).group_by(*key).order_by(*key))
        return tuple(StationFigures(row[0], row[1], figures_of(row[2:])) for row in rows)

    def stock(self, year: int) -> tuple[StockRow, ...]:
        """Return the stock by product, the heaviest first, without products of which everything is void."""
        c, brought, counts = price_year.c, station_year.c, (price_year.c.price_fen > 0, price_year.c.intakes > 0)
        query = select(brought.product, func.count()).where(brought.year == f"{year:04}", brought.intakes > 0)
        stations = {row[0]: row[1] for row in self._rows(query.group_by(brought.product))}
        ends = (func.min(c.price_fen).filter(*counts), func.max(c.price_fen).filter(*counts))
        rows = self._rows(select(c.product, *ends, *sums(price_year)).where(c.year == f"{year:04}").group_by(c.product))
        found = [StockRow(row[0], figures_of(row[3:]), stations.get(row[0], 0), row[1], row[2]) for row in rows]
        return tuple(sorted((row for row in found if row.stations), key=lambda row: (-row.figures.net_g, row.product)))

    def stock_by_station(self, year: int, product: str) -> tuple[StationFigures, ...]:
        """Return the stations that have brought the product, the heaviest first."""
        c = station_year.c
        same = (c.year == f"{year:04}") & (c.product == product) & (c.intakes > 0)
        rows = self._rows(select(c.region, c.station, *sums(station_year)).where(same).group_by(c.region, c.station))
        found = [StationFigures(row[0], row[1], figures_of(row[2:])) for row in rows]
        return tuple(sorted(found, key=lambda row: (-row.figures.net_g, row.region, row.station)))

    def compare(self, day: date, until_hour: int) -> DayComparison:
        """Compare with the earlier days up to ``until_hour``, the hour that is not over yet, from `hour_of`."""
        earlier = [day - timedelta(days=1), day - timedelta(days=7)]
        c = county_hour.c
        so_far = c.day.in_([one.isoformat() for one in earlier]) & (c.hour < until_hour)
        rows = self._rows(select(c.day, *sums(county_hour)).where((c.day == day.isoformat()) | so_far).group_by(c.day))
        found = {row[0]: figures_of(row[1:]) for row in rows}
        return DayComparison(day, *(found.get(one.isoformat(), Figures()) for one in (day, *earlier)))

    def _stations_by_day(self, first: date, last: date, of: ReportScope) -> dict[str, int]:
        c = station_day.c
        condition = _in_range(station_day, first, last, of)
        rows = self._rows(select(c.day, func.count()).where(condition, c.intakes > 0).group_by(c.day))
        return {row[0]: row[1] for row in rows}

    def _rows(self, query: Executable) -> Sequence[Sequence[Any]]:
        with self._tables.reading() as connection:
            return connection.execute(query).all()


def sum_by_group(rows: Sequence[StationFigures], group_of: Mapping[tuple[str, str], str]) -> dict[str, Figures]:
    """Sum by the group that the mapping gives for (region, station), as its township; unknown ones are under ""."""
    groups: dict[str, list[Figures]] = {}
    for row in rows:
        groups.setdefault(group_of.get((row.region, row.station), ""), []).append(row.figures)
    return {group: total(figures) for group, figures in groups.items()}


def _in_range(table: Table, first: date, last: date, of: ReportScope) -> ColumnElement[bool]:
    if (last - first).days >= MAX_DAYS:
        raise ValueError(f"at most {MAX_DAYS} days are asked for at once")
    return and_(table.c.day >= first.isoformat(), table.c.day <= last.isoformat(), of.condition(table))
