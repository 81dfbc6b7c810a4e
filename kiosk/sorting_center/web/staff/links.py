"""Where things are shown, and times as pages write them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final
from urllib.parse import quote

from flask import current_app, request, url_for
from markupsafe import Markup
from werkzeug.exceptions import HTTPException, NotFound

from kiosk.domain.identifiers import BadIdentifier, ReceiptNumber, bag_of, check_region
from kiosk.sorting_center.reports import Hit, HitKind, ReceiptRow
from kiosk.sorting_center.web.shared.access import access_policy
from kiosk.sorting_center.web.shared.query_params import parse_whole_number
from kiosk.sorting_center.web.shared.sources import sources
from kiosk.texts import html

_MIN_SHOWN_LAG: Final = 1000  # Events. Fewer are read within a second and are not worth a notice.


def station_address(region: str, station: str) -> str | None:
    there = f"/stations/{quote(region, safe='')}/{quote(station, safe='')}"
    try:
        current_app.url_map.bind("").match(there)
    except HTTPException:
        return None
    return there


def hit_address(hit: Hit) -> str | None:
    match hit.kind:
        case HitKind.RECEIPT:
            return url_for("receipts.receipt", region=hit.region, number=hit.key)
        case HitKind.BAG:
            number, bag = bag_of(hit.key)
            return url_for("receipts.receipt", region=hit.region, number=str(number), bag=bag)
        case HitKind.LOT:
            return url_for("receipts.lot", region=hit.region, lot=hit.key)
        case HitKind.PARCEL | HitKind.WAYBILL | HitKind.SHELF:
            return url_for("receipts.parcel", region=hit.region, number=hit.key)
        case HitKind.MEMBER:
            return url_for("members.member", region=hit.region, number=hit.key)
        case HitKind.DAY:
            return url_for("days.day", day=hit.key)
        case HitKind.PRODUCT:
            return url_for("days.goods", product=hit.key)
        case HitKind.STATION | HitKind.VILLAGE:
            return station_address(hit.region, hit.key)
        case HitKind.TOTE | HitKind.SEAL | HitKind.MANIFEST:
            return station_address(hit.region, hit.station)
        case HitKind.TOWNSHIP:
            return url_for("fleet.stations", q=hit.name)


def region_of(text: str) -> str:
    """Return the checked region. Raises NotFound for what no region is called."""
    try:
        return check_region(text)
    except BadIdentifier as error:
        raise NotFound(str(error)) from None


def time_markup(at: datetime | None) -> Markup:
    """Format local date and time to the second; a dash where there is none."""
    if at is None:
        return Markup("–")
    local = at.astimezone(sources().reports.zone)
    shown = f"{local.year:04}-{local:%m-%d %H:%M:%S}"
    return Markup('<time datetime="{}">{}</time>').format(at.astimezone(UTC).isoformat(), html.bdi(shown))


def parse_day(text: str) -> date | None:
    """Parse ``2026-11-25``; None for anything else."""
    try:
        return date.fromisoformat(text) if len(text) == 10 and text.isascii() else None
    except ValueError:
        return None


def village(region: str, station: str) -> str:
    """Return the village of a station; "" when it is unknown."""
    found = access_policy().desk.registry.station((region, station))
    return found.village if found is not None else ""


def record_context() -> Mapping[str, object]:
    behind = sources().reports.progress().behind
    return {
        "when": time_markup,
        "price": html.bdi_price,
        "station_address": station_address,
        "village": village,
        "receipt_address": receipt_address,
        "behind": behind if behind > _MIN_SHOWN_LAG else 0,
    }


@dataclass(frozen=True, slots=True)
class ListPage:
    """Of a list that is cut into pages: ``number`` from 1, ``first`` is the place of its first row, from 0."""

    number: int
    pages: int
    first: int


def requested_page(rows: int, of: int) -> ListPage:
    text = request.args.get("page", "")
    pages = max(1, -(-rows // of))
    number = min(max(1, parse_whole_number(text) or 1), pages)
    return ListPage(number, pages, (number - 1) * of)


def receipt_number(text: str) -> ReceiptNumber | None:
    """Parse a receipt's number; None for what is none, which old ledgers may hold."""
    try:
        return ReceiptNumber.parse(text)
    except BadIdentifier:
        return None


def receipt_address(row: ReceiptRow) -> str | None:
    if receipt_number(row.receipt) is None:
        return None
    return url_for("receipts.receipt", region=row.region, number=row.receipt)
