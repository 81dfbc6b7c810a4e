"""Days and goods over time: pictures, and the tables that say the same."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from flask import request, url_for
from werkzeug.exceptions import NotFound

from kiosk.domain.identifiers import BadIdentifier, check_station
from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.reports import COUNTY, Figures, ReceiptRow, ReportScope
from kiosk.sorting_center.reports.days import DayRow, GoodsRow, StationFigures, sum_by_group
from kiosk.sorting_center.reports.shared.figures import total
from kiosk.sorting_center.web.shared.access import GuardedBlueprint, access_policy
from kiosk.sorting_center.web.shared.frame import render_page
from kiosk.sorting_center.web.shared.sources import sources
from kiosk.sorting_center.web.staff.charts import Chart, ChartPoint, chart
from kiosk.sorting_center.web.staff.links import parse_day, receipt_number, record_context, region_of
from kiosk.texts.plain import plain

days = GuardedBlueprint("days", __name__)

_MONTH: Final = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")
_MAX_RECEIPTS: Final = 60
_MAX_STATIONS: Final = 40  # The heaviest; the others are one line. The export has them all.
_MAX_GOODS: Final = 24


@dataclass(frozen=True, slots=True)
class Month:
    """``name`` is as 2026-11; ``before`` and ``after`` are its neighbours, None where the calendar ends."""

    first: date
    last: date

    @property
    def name(self) -> str:
        return f"{self.first.year:04}-{self.first.month:02}"

    @property
    def before(self) -> Month | None:
        try:
            return month_of(self.first - timedelta(days=1))
        except OverflowError:
            return None

    @property
    def after(self) -> Month | None:
        try:
            return month_of(self.last + timedelta(days=1))
        except OverflowError:
            return None


def month_of(day: date) -> Month:
    first = day.replace(day=1)
    last = first.replace(day=31) if first.month == 12 else first.replace(month=first.month + 1) - timedelta(days=1)
    return Month(first, last)


def parse_month(text: str) -> Month | None:
    """``2026-11``; None for anything else."""
    match = _MONTH.fullmatch(text)
    return month_of(date(int(match[1]), int(match[2]), 1)) if match is not None and int(match[1]) > 0 else None


def _selected_month() -> Month:
    today = sources().reports.days.day_of(sources().now())
    return parse_month(request.args.get("month", "")) or month_of(today)


# What is drawn of each day: the id of its text, and the figure.
_MEASURES: Final[Mapping[str, Callable[[DayRow], int]]] = {
    "net": lambda row: row.figures.net_g,
    "amount": lambda row: row.figures.amount_fen,
    "intakes": lambda row: row.figures.intakes,
    "stations": lambda row: row.stations,
}


@days.get_route("/days", StaffRole.VIEWER, menu=(40, "nav_goods_and_days"))
def month() -> str:
    """``?month=2026-11``, else this one."""
    selected = _selected_month()
    rows = sources().reports.days.each(selected.first, selected.last)
    return render_page(
        "days.html",
        month=selected,
        rows=rows,
        total=total(row.figures for row in rows),
        pictures={name: _day_chart(rows, figure) for name, figure in _MEASURES.items()},
        **record_context(),
    )


def _day_chart(rows: Sequence[DayRow], figure: Callable[[DayRow], int]) -> Chart:
    return chart(
        [ChartPoint(figure(row), _label(row.day), url_for("days.day", day=row.day.isoformat())) for row in rows]
    )


def _label(day: date) -> str:
    """Every fifth day is named below the picture, and the first."""
    return str(day.day) if day.day == 1 or day.day % 5 == 0 else ""


@days.get_route("/days/<day>", StaffRole.VIEWER)
def day(day: str) -> str:
    """Hours, goods, townships, stations and receipts; the latter of ``?region=&station=`` alone, behind ``?after=``."""
    selected = parse_day(day)
    if selected is None:
        raise NotFound("a day looks like 2026-11-25")
    of, found = _receipt_scope(), sources().reports
    hours = found.days.hours(selected)
    stations = sorted(
        found.days.stations(selected, selected), key=lambda row: (-row.figures.net_g, row.region, row.station)
    )
    rows = found.receipts.page(selected, selected, of, _receipt_after(), _MAX_RECEIPTS + 1)
    last = rows[_MAX_RECEIPTS - 1] if len(rows) > _MAX_RECEIPTS else None
    register = access_policy().desk.registry.current()
    townships = {key: row.township for key, row in register.stations.items()}
    return render_page(
        "day.html",
        day=selected,
        month=month_of(selected),
        before=selected - timedelta(days=1) if selected > date.min else None,
        after=selected + timedelta(days=1) if selected < date.max else None,
        total=total(row.figures for row in stations),
        hours=hours,
        picture=chart(
            [ChartPoint(figures.net_g, "" if hour % 3 else f"{hour:02}") for hour, figures in enumerate(hours)]
        ),
        goods=_shorten(found.days.goods(selected, selected), _MAX_GOODS),
        townships=sum_by_group(stations, townships) if townships else {},
        stations=_shorten(stations, _MAX_STATIONS),
        of=of,
        rows=rows[:_MAX_RECEIPTS],
        more=f"{last.region}.{last.receipt}" if last is not None and receipt_number(last.receipt) is not None else "",
        **record_context(),
    )


def _receipt_scope() -> ReportScope:
    """Of which station receipts are asked for; all of them when it is none."""
    region, station = request.args.get("region", ""), request.args.get("station", "")
    if not station:
        return COUNTY
    try:
        return ReportScope(region_of(region), check_station(station))
    except BadIdentifier as error:
        raise NotFound(str(error)) from None


def _receipt_after() -> ReceiptRow | None:
    """The receipt behind which a page begins; an unknown one is no place."""
    region, _, text = request.args.get("after", "").partition(".")
    if not text:
        return None
    number = receipt_number(text)
    row = sources().reports.receipts.row(number, region_of(region)) if number is not None else None
    if row is None:
        raise NotFound("there is no such receipt to go on from")
    return row


@dataclass(frozen=True, slots=True)
class TopRows:
    """The first rows of a list, and what the others come to."""

    rows: Sequence[StationFigures] | Sequence[GoodsRow]
    others: int
    rest: Figures


def _shorten(rows: Sequence[StationFigures] | Sequence[GoodsRow], limit: int) -> TopRows:
    return TopRows(rows[:limit], max(0, len(rows) - limit), total(row.figures for row in rows[limit:]))


@days.get_route("/goods", StaffRole.VIEWER, menu=(100, "nav_goods"))
def goods() -> str:
    """Per product over the days of ``?month=``; with ``?product=`` of that one alone."""
    selected, product, found = _selected_month(), request.args.get("product", "")[:120], sources().reports.days
    rows = [row for row in found.goods(selected.first, selected.last) if not product or row.product == product]
    shown = list(dict.fromkeys(row.product for row in rows))[:_MAX_GOODS]
    by_day: dict[str, dict[date, int]] = {}
    for row in found.goods_by_day(selected.first, selected.last):
        by_day.setdefault(row.product, {})[row.day] = row.figures.net_g
    every = [selected.first + timedelta(days=number) for number in range((selected.last - selected.first).days + 1)]
    return render_page(
        "goods.html",
        month=selected,
        product=product,
        is_plain=bool(product) and plain(product, 120) == product,
        days=every,
        goods=_shorten(rows, _MAX_GOODS),
        total=total(row.figures for row in rows),
        weights={name: by_day.get(name, {}) for name in shown},
        pictures={name: _goods_chart(every, by_day.get(name, {})) for name in shown},
        **record_context(),
    )


def _goods_chart(every: Sequence[date], weights: Mapping[date, int]) -> Chart:
    links = [url_for("days.day", day=day.isoformat()) for day in every]
    return chart([ChartPoint(weights.get(day, 0), _label(day), link) for day, link in zip(every, links, strict=True)])
