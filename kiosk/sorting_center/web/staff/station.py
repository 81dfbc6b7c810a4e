"""One station: how it is, what it weighs with, what it brought."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from urllib.parse import quote

from flask import request
from markupsafe import Markup
from werkzeug.exceptions import NotFound

from kiosk.sorting_center.desk.people import Role
from kiosk.sorting_center.ledger.epochs import EpochRow
from kiosk.sorting_center.ledger.overview import AlarmRow, GapRow
from kiosk.sorting_center.reports.closings import Closing
from kiosk.sorting_center.reports.days import DayRow, Part
from kiosk.sorting_center.reports.figures import total
from kiosk.sorting_center.reports.fleet import FleetRow
from kiosk.sorting_center.reports.receipt_rows import ReceiptRow
from kiosk.sorting_center.reports.stations import CheckRow, ScaleFacts
from kiosk.sorting_center.watch.marks import Mark
from kiosk.sorting_center.web.access import Pages
from kiosk.sorting_center.web.drawing import bars
from kiosk.sorting_center.web.frame import show, texts
from kiosk.sorting_center.web.live import way
from kiosk.sorting_center.web.pictures.doctor import doctor_picture
from kiosk.sorting_center.web.sources import sources
from kiosk.texts import html

SPANS: Final = (30, 90)
"""Days of history."""
_CLOSINGS: Final = 14
_CHECKS: Final = 10
_NEWEST: Final = 12

station = Pages("station", __name__)


@dataclass(frozen=True, slots=True)
class History:
    """What came in of the station, day by day. ``row`` is None of one that was never heard."""

    row: FleetRow | None
    days: tuple[DayRow, ...]
    closings: tuple[Closing, ...]
    newest: tuple[ReceiptRow, ...]
    epochs: tuple[EpochRow, ...]
    gaps: tuple[GapRow, ...]
    alarms: tuple[AlarmRow, ...]
    checks: tuple[CheckRow, ...]
    scale: ScaleFacts


@station.look("/stations/<region>/<station>", Role.VIEWER)
def shown(region: str, station: str) -> str:
    """``?days=90`` for a longer history."""
    days = SPANS[-1] if request.args.get("days") == str(SPANS[-1]) else SPANS[0]
    desk = sources().desk
    register = desk.registry.current()
    history = _history(region, station, days)
    expected = register.stations.get((region, station))
    if history.row is None and expected is None:
        raise NotFound("no station of this number was heard in this region, and none is expected")
    return show(
        "station.html",
        region=region,
        station=station,
        expected=expected,
        township=register.townships.get((region, expected.township)) if expected is not None else None,
        history=history,
        marks=_marks(region, station),
        doctor=doctor_picture(sources().reports.stations.doctor(region, station), texts()),
        cases=desk.cases.of_station(region, station),
        days=days,
        spans=SPANS,
        together=total(day.figures for day in history.days),
        weights=bars([day.figures.net_g for day in history.days]),
        intakes=bars([day.figures.intakes for day in history.days]),
        today=sources().now().date().isoformat(),
        ways={name: way(f"/{name}") for name in ("alarms", "registry", "reconciliation", "quarantine")},
        receipt_page=receipt_page,
        figure=figure,
    )


def receipt_page(row: ReceiptRow) -> str | None:
    """Where there is one."""
    return way(f"/receipts/{quote(row.region, safe='')}/{quote(row.receipt, safe='')}")


def figure(field: str, value: int) -> Markup:
    """A figure of a day's close in its unit, which its name tells."""
    if field.endswith("_g"):
        return html.bdi_kg(value)
    return html.bdi_money(value) if field.endswith("_fen") else html.bdi_number(value)


def _history(region: str, station: str, days: int) -> History:
    reports = sources().reports
    today = reports.days.day_of(sources().now())
    of = Part(region, station)
    return History(
        reports.fleet.row(region, station, today),
        reports.days.each(today - timedelta(days=days - 1), today, of),
        reports.closings.of_station(region, station, _CLOSINGS),
        reports.receipts.newest(of, _NEWEST),
        reports.stations.epochs(region, station),
        reports.stations.gaps(region, station),
        reports.stations.alarms(region, station),
        reports.stations.checks(region, station, _CHECKS),
        reports.stations.scale(region, station),
    )


def _marks(region: str, station: str) -> tuple[Mark, ...]:
    """As on its tile; none for a moment of a station that was just heard for the first time."""
    tiles = sources().pictures.fleet.current().value.tiles
    return next((tile.marks for tile in tiles if (tile.region, tile.station) == (region, station)), ())
