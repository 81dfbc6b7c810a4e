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
from kiosk.sorting_center.desk.people import Role
from kiosk.sorting_center.reports import COUNTY, Figures, Part, ReceiptRow
from kiosk.sorting_center.reports.days import DayRow, GoodsRow, StationFigures, by_group
from kiosk.sorting_center.reports.figures import total
from kiosk.sorting_center.web.access import Pages, doors
from kiosk.sorting_center.web.frame import show
from kiosk.sorting_center.web.sources import sources
from kiosk.sorting_center.web.staff.charts import Chart, Place, chart
from kiosk.sorting_center.web.staff.links import common, day_asked, receipt_number, region_of
from kiosk.texts.plain import plain

days = Pages("days", __name__)

_MONTH: Final = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")
_RECEIPTS: Final = 60
_STATIONS: Final = 40
"""The heaviest; the others are one line. The export has them all."""
_GOODS: Final = 24


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
    """The month around a day."""
    first = day.replace(day=1)
    last = first.replace(day=31) if first.month == 12 else first.replace(month=first.month + 1) - timedelta(days=1)
    return Month(first, last)


def month_asked(text: str) -> Month | None:
    """``2026-11``; None for anything else."""
    match = _MONTH.fullmatch(text)
    return month_of(date(int(match[1]), int(match[2]), 1)) if match is not None and int(match[1]) > 0 else None


def _month() -> Month:
    today = sources().reports.days.day_of(sources().now())
    return month_asked(request.args.get("month", "")) or month_of(today)


_MEASURES: Final[Mapping[str, Callable[[DayRow], int]]] = {
    "net": lambda row: row.figures.net_g,
    "amount": lambda row: row.figures.amount_fen,
    "intakes": lambda row: row.figures.intakes,
    "stations": lambda row: row.stations,
}
"""What is drawn of each day: the id of its text, and the figure."""


@days.look("/days", Role.VIEWER)
def month() -> str:
    """``?month=2026-11``, else this one."""
    asked = _month()
    rows = sources().reports.days.each(asked.first, asked.last)
    return show(
        "days.html",
        month=asked,
        rows=rows,
        total=total(row.figures for row in rows),
        pictures={name: _picture(rows, figure) for name, figure in _MEASURES.items()},
        **common(),
    )


def _picture(rows: Sequence[DayRow], figure: Callable[[DayRow], int]) -> Chart:
    return chart([Place(figure(row), _label(row.day), url_for("days.day", day=row.day.isoformat())) for row in rows])


def _label(day: date) -> str:
    """Every fifth day is named below the picture, and the first."""
    return str(day.day) if day.day == 1 or day.day % 5 == 0 else ""


@days.look("/days/<day>", Role.VIEWER)
def day(day: str) -> str:
    """Hours, goods, townships, stations and receipts; the latter of ``?region=&station=`` alone, behind ``?after=``."""
    asked = day_asked(day)
    if asked is None:
        raise NotFound("a day looks like 2026-11-25")
    of, found = _part(), sources().reports
    hours = found.days.hours(asked)
    stations = sorted(found.days.stations(asked, asked), key=lambda row: (-row.figures.net_g, row.region, row.station))
    rows = found.receipts.page(asked, asked, of, _after(), _RECEIPTS + 1)
    register = doors().desk.registry.current()
    townships = {key: row.township for key, row in register.stations.items()}
    return show(
        "day.html",
        day=asked,
        month=month_of(asked),
        before=asked - timedelta(days=1) if asked > date.min else None,
        after=asked + timedelta(days=1) if asked < date.max else None,
        total=total(row.figures for row in stations),
        hours=hours,
        picture=chart([Place(figures.net_g, "" if hour % 3 else f"{hour:02}") for hour, figures in enumerate(hours)]),
        goods=_few_goods(found.days.goods(asked, asked)),
        townships=by_group(stations, townships) if townships else {},
        stations=_few(stations),
        of=of,
        rows=rows[:_RECEIPTS],
        more=_cursor(rows[_RECEIPTS - 1]) if len(rows) > _RECEIPTS else "",
        **common(),
    )


def _part() -> Part:
    """Of which station receipts are asked for; all of them when it is none."""
    region, station = request.args.get("region", ""), request.args.get("station", "")
    if not station:
        return COUNTY
    try:
        return Part(region_of(region), check_station(station))
    except BadIdentifier as error:
        raise NotFound(str(error)) from None


def _cursor(row: ReceiptRow) -> str:
    return f"{row.region}.{row.receipt}" if receipt_number(row.receipt) is not None else ""


def _after() -> ReceiptRow | None:
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
class Few:
    """The first rows of a list, and what the others come to."""

    rows: Sequence[StationFigures] | Sequence[GoodsRow]
    others: int
    rest: Figures


def _few(rows: Sequence[StationFigures]) -> Few:
    return Few(rows[:_STATIONS], max(0, len(rows) - _STATIONS), total(row.figures for row in rows[_STATIONS:]))


def _few_goods(rows: Sequence[GoodsRow]) -> Few:
    return Few(rows[:_GOODS], max(0, len(rows) - _GOODS), total(row.figures for row in rows[_GOODS:]))


@days.look("/goods", Role.VIEWER)
def goods() -> str:
    """Per product over the days of ``?month=``; with ``?product=`` of that one alone."""
    asked, product, found = _month(), request.args.get("product", "")[:120], sources().reports.days
    rows = [row for row in found.goods(asked.first, asked.last) if not product or row.product == product]
    shown = list(dict.fromkeys(row.product for row in rows))[:_GOODS]
    by_day: dict[str, dict[date, int]] = {}
    for row in found.goods_by_day(asked.first, asked.last):
        by_day.setdefault(row.product, {})[row.day] = row.figures.net_g
    every = [asked.first + timedelta(days=number) for number in range((asked.last - asked.first).days + 1)]
    return show(
        "goods.html",
        month=asked,
        product=product,
        is_plain=bool(product) and plain(product, 120) == product,
        days=every,
        goods=_few_goods(rows),
        total=total(row.figures for row in rows),
        weights={name: by_day.get(name, {}) for name in shown},
        pictures={name: _goods_picture(every, by_day.get(name, {})) for name in shown},
        **common(),
    )


def _goods_picture(every: Sequence[date], weights: Mapping[date, int]) -> Chart:
    links = [url_for("days.day", day=day.isoformat()) for day in every]
    return chart([Place(weights.get(day, 0), _label(day), link) for day, link in zip(every, links, strict=True)])
