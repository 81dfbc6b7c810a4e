"""What the county can sell: goods of this year that were bought or lie on consignment, where, and what is offered."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Final

from flask import request

from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.reports.days import sum_by_group
from kiosk.sorting_center.reports.receipts import ReceiptRow
from kiosk.sorting_center.web.shared.access import GuardedBlueprint, access_policy
from kiosk.sorting_center.web.shared.frame import render_page, texts
from kiosk.sorting_center.web.shared.names import in_language
from kiosk.sorting_center.web.shared.sources import sources
from kiosk.sorting_center.web.staff.charts import percent
from kiosk.sorting_center.web.staff.days import receipt_after, receipt_scope, shorten
from kiosk.sorting_center.web.staff.links import record_context

stock = GuardedBlueprint("stock", __name__)

_MAX_STATIONS: Final = 40  # The heaviest; the others are one line.
_MAX_LOTS: Final = 60


@stock.get_route("/stock", StaffRole.VIEWER)
def goods() -> str:
    """By product; of ``?product=`` by township and station, with ``&region=&station=`` its lots, the oldest first."""
    reports, of = sources().reports, receipt_scope()
    year, product = reports.days.day_of(sources().now()).year, request.args.get("product", "")[:120]
    rows = [row for row in reports.stock.goods(year) if not product or row.product == product]
    stations = sorted(reports.stock.stations(year, product), key=lambda row: -row.figures.net_g) if product else []
    lots: Sequence[ReceiptRow] = ()
    if of.station is not None:
        scope, days = replace(of, product=product), (date(year, 1, 1), date(year, 12, 31))
        lots = reports.receipts.page(*days, scope, receipt_after(), _MAX_LOTS + 1)
    last = lots[_MAX_LOTS - 1] if len(lots) > _MAX_LOTS else None
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
        stations=shorten(stations, _MAX_STATIONS),
        of=of,
        lots=[row for row in lots[:_MAX_LOTS] if not row.voided],
        offered=offered,
        more=f"{last.region}.{last.receipt}" if last is not None else "",
        **record_context(),
    )


def _offers() -> tuple[Mapping[str, Counter[str]], frozenset[tuple[str, str, str]]]:
    """What buyers see: how many lots of each grade of a product, "" for none, and which lots."""
    grades: dict[str, Counter[str]] = defaultdict(Counter)
    lots = []
    for key, one in sources().listings.published():
        words = in_language(one.grade_words, texts().language.code)
        grades[one.product][words[0] if words is not None else one.grade] += 1
        lots.append((key.region, key.station, key.lot))
    return grades, frozenset(lots)
