"""What was brought in a year and is not void: what there is to sell, as far as the ledger knows."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, select

from kiosk.sorting_center.reports.days import StationFigures
from kiosk.sorting_center.reports.shared.figures import Figures, figures_of, sums
from kiosk.sorting_center.reports.tables.opening import ReportTables
from kiosk.sorting_center.reports.tables.schema import price_year, station_year


@dataclass(frozen=True, slots=True)
class StockRow:
    """One product. The prices are those of a kilogram at which it came in, None where none is known."""

    product: str
    figures: Figures
    stations: int
    lowest_fen: int | None
    highest_fen: int | None


class StockReport:
    """Raises ReportsUnusable."""

    def __init__(self, tables: ReportTables) -> None:
        self._tables = tables

    def goods(self, year: int) -> tuple[StockRow, ...]:
        """By product, the heaviest first; those of which everything is void are not among them."""
        c, brought, in_year = price_year.c, station_year.c, f"{year:04}"
        counts = select(brought.product, func.count()).where(brought.year == in_year, brought.intakes > 0)
        ends: list[ColumnElement[int | None]] = [
            end(c.price_fen).filter(c.price_fen > 0, c.intakes > 0) for end in (func.min, func.max)
        ]
        by_product = select(c.product, *ends, *sums(price_year)).where(c.year == in_year).group_by(c.product)
        with self._tables.reading() as connection:
            stations = {row[0]: row[1] for row in connection.execute(counts.group_by(brought.product))}
            rows = connection.execute(by_product).all()
        found = [StockRow(row[0], figures_of(row[3:]), stations.get(row[0], 0), row[1], row[2]) for row in rows]
        return tuple(sorted((row for row in found if row.stations), key=lambda row: (-row.figures.net_g, row.product)))

    def stations(self, year: int, product: str) -> tuple[StationFigures, ...]:
        """Which stations have brought it, ordered by region and number."""
        c = station_year.c
        same = (c.year == f"{year:04}") & (c.product == product) & (c.intakes > 0)
        query = select(c.region, c.station, *sums(station_year)).where(same).group_by(c.region, c.station)
        with self._tables.reading() as connection:
            rows = connection.execute(query.order_by(c.region, c.station)).all()
        return tuple(StationFigures(row[0], row[1], figures_of(row[2:])) for row in rows)
