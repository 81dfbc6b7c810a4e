"""Days and goods over time, as pictures and tables, and what of the goods of this year there is to sell."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Final

from flask import request, url_for
from werkzeug.exceptions import NotFound

from kiosk.domain.identifiers import BadIdentifier, check_station
from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.reports import COUNTY, Figures, ReceiptRow, ReportScope
from kiosk.sorting_center.reports.days import DayRow, GoodsDayRow, GoodsRow, StationFigures, sum_by_group
from kiosk.sorting_center.reports.shared.figures import total
from kiosk.sorting_center.web.shared.access import GuardedBlueprint, access_policy
from kiosk.sorting_center.web.shared.frame import render_page, texts
from kiosk.sorting_center.web.shared.names import in_language
from kiosk.sorting_center.web.shared.sources import sources
from kiosk.sorting_center.web.staff.charts import Chart, ChartPoint, chart, money_text, percent, weight_text
from kiosk.sorting_center.web.staff.links import parse_day, receipt_number, record_context, region_of
from kiosk.texts import formats
from kiosk.texts.plain import plain

days = GuardedBlueprint("days", __name__)

_MONTH: Final = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")
_NO_EARLIER: Final = date(2000, 1, 1)  # No station reported before
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
    """Parse ``2026-11``; None for anything else."""
    match = _MONTH.fullmatch(text)
    return month_of(date(int(match[1]), int(match[2]), 1)) if match is not None and int(match[1]) > 0 else None


def _selected_month() -> Month:
    today = sources().reports.days.day_of(sources().now())
    return parse_month(request.args.get("month", "")) or month_of(today)


# What is drawn of each day: the id of its text, the figure, and how a value of it is written.
_MEASURES: Final[Mapping[str, tuple[Callable[[DayRow], int], Callable[[int], str]]]] = {
    "net": (lambda row: row.figures.net_g, weight_text),
    "money_bought": (lambda row: row.figures.bought_fen, money_text),
    "money_consigned": (lambda row: row.figures.consigned_fen, money_text),
    "intakes": (lambda row: row.figures.intakes, formats.number),
}


@days.get_route("/days", StaffRole.VIEWER, menu=(40, "nav_goods_and_days"))
def month() -> str:
    """Show ``?month=2026-11``, else this one."""
    selected = _selected_month()
    rows = sources().reports.days.each(selected.first, selected.last)
    brought = [row for row in rows if row.figures.intakes or row.figures.voided]
    days = _days_between(brought)
    return render_page(
        "days.html",
        month=selected,
        rows=brought,
        without=len(days) - len(brought),
        total=total(row.figures for row in brought),
        pictures={
            name: _day_chart(days, {row.day: figure(row) for row in brought}, text)
            for name, (figure, text) in _MEASURES.items()
        },
        **_not_final(selected),
        **record_context(),
    )


def _days_between(rows: Sequence[DayRow] | Sequence[GoodsDayRow]) -> Sequence[date]:
    """Return every day from the first that has rows to the last, or to today where that is in the same month."""
    if not rows:
        return []
    first, last = rows[0].day, rows[-1].day
    today = sources().reports.days.day_of(sources().now())
    last = max(last, min(today, month_of(first).last))
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _day_chart(days: Sequence[date], values: Mapping[date, int], text: Callable[[int], str] = weight_text) -> Chart:
    links = [url_for("days.day", day=day.isoformat()) for day in days]
    return chart(
        [
            ChartPoint(values.get(day, 0), str(day.day) if day.day % 5 == 0 or day == days[0] else "", link, str(day))
            for day, link in zip(days, links, strict=True)
        ],
        text,
    )


def _not_final(period: Month) -> Mapping[str, object]:
    """Return why the figures of these days may still change."""
    reports, now = sources().reports, sources().now()
    today = reports.days.day_of(now)
    day = max(min(period.last, today - timedelta(days=1)), _NO_EARLIER) + timedelta(days=1)
    return {
        "is_running": period.first <= today <= period.last,
        "unheard": reports.fleet.unheard_since(datetime.combine(day, time.min, reports.zone)),
    }


@days.get_route("/days/<day>", StaffRole.VIEWER)
def day(day: str) -> str:
    """Show hours, goods, townships, stations, and the receipts of ``?region=&station=`` alone, behind ``?after=``."""
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
            [
                ChartPoint(figures.net_g, "" if hour % 3 else f"{hour:02}", name=f"{hour:02}:00")
                for hour, figures in enumerate(hours)
            ]
        ),
        goods=_shorten(found.days.goods(selected, selected), _MAX_GOODS),
        townships=sum_by_group(stations, townships) if townships else {},
        stations=_shorten(stations, _MAX_STATIONS),
        of=of,
        rows=rows[:_MAX_RECEIPTS],
        **_not_final(Month(selected, selected)),
        more=f"{last.region}.{last.receipt}" if last is not None and receipt_number(last.receipt) is not None else "",
        **record_context(),
    )


def _receipt_scope() -> ReportScope:
    """Return the station whose receipts are requested, or all. Raises NotFound."""
    region, station = request.args.get("region", ""), request.args.get("station", "")
    if not station:
        return COUNTY
    try:
        return ReportScope(region_of(region), check_station(station))
    except BadIdentifier as error:
        raise NotFound(str(error)) from None


def _receipt_after() -> ReceiptRow | None:
    """Return the receipt behind which a page begins. Raises NotFound for an unknown one."""
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
    """Show each product over the days of ``?month=``; with ``?product=`` that one alone."""
    selected, product, found = _selected_month(), request.args.get("product", "")[:120], sources().reports.days
    rows = [row for row in found.goods(selected.first, selected.last) if not product or row.product == product]
    shown = list(dict.fromkeys(row.product for row in rows))[:_MAX_GOODS]
    by_day: dict[str, dict[date, int]] = {}
    day_rows = [
        row for row in found.goods_by_day(selected.first, selected.last) if not product or row.product == product
    ]
    for row in day_rows:
        by_day.setdefault(row.product, {})[row.day] = row.figures.net_g
    return render_page(
        "goods.html",
        month=selected,
        product=product,
        is_plain=bool(product) and plain(product, 120) == product,
        days=sorted({row.day for row in day_rows}, reverse=True),
        goods=_shorten(rows, _MAX_GOODS),
        total=total(row.figures for row in rows),
        weights={name: by_day.get(name, {}) for name in shown},
        pictures={name: _day_chart(_days_between(day_rows), by_day.get(name, {})) for name in shown},
        shares=[percent(row.figures.net_g, rows[0].figures.net_g) for row in rows],
        **_not_final(selected),
        **record_context(),
    )


@days.get_route("/stock", StaffRole.VIEWER)
def stock() -> str:
    """Show stock by product; ``?product=``: by township and station; ``&region=&station=``: lots, the oldest first."""
    reports, of = sources().reports, _receipt_scope()
    year, product = reports.days.day_of(sources().now()).year, request.args.get("product", "")[:120]
    rows = [row for row in reports.days.stock(year) if not product or row.product == product]
    stations = reports.days.stock_by_station(year, product) if product else ()
    lots: Sequence[ReceiptRow] = ()
    if of.station is not None:
        scope, days = replace(of, product=product), (date(year, 1, 1), date(year, 12, 31))
        lots = reports.receipts.page(*days, scope, _receipt_after(), _MAX_RECEIPTS + 1)
    last = lots[_MAX_RECEIPTS - 1] if len(lots) > _MAX_RECEIPTS else None
    register = access_policy().desk.registry.current().stations
    townships = {key: row.township for key, row in register.items()}
    grades, offered = _offers()
    return render_page(
        "stock.html",
        year=year,
        product=product,
        rows=rows,
        shares=[percent(row.figures.net_g, rows[0].figures.net_g) for row in rows],
        grades=grades,
        townships=sum_by_group(stations, townships) if townships else {},
        stations=_shorten(stations, _MAX_STATIONS),
        of=of,
        lots=[row for row in lots[:_MAX_RECEIPTS] if not row.voided],
        offered=offered,
        more=f"{last.region}.{last.receipt}" if last is not None else "",
        **record_context(),
    )


def _offers() -> tuple[Mapping[str, Counter[str]], frozenset[tuple[str, str, str]]]:
    """Return what buyers see: how many lots of each grade of a product, "" for none, and which lots."""
    grades: dict[str, Counter[str]] = defaultdict(Counter)
    lots = []
    for key, one in sources().listings.published():
        words = in_language(one.grade_words, texts().language.code)
        grades[one.product][words[0] if words is not None else one.grade] += 1
        lots.append((key.region, key.station, key.lot))
    return grades, frozenset(lots)
