"""One station: how it is, what it weighs with, what it brought."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from urllib.parse import quote

from flask import request
from markupsafe import Markup
from werkzeug.exceptions import NotFound

from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.ledger.database.station_keys import StationKeyRow, UnsignedEvents, load, unsigned_events
from kiosk.sorting_center.ledger.epochs import EpochRow
from kiosk.sorting_center.ledger.overview import AlarmRow, GapRow
from kiosk.sorting_center.reports.closings import Closing
from kiosk.sorting_center.reports.days import DayRow, ReportScope
from kiosk.sorting_center.reports.fleet import FleetRow
from kiosk.sorting_center.reports.receipts import ReceiptRow
from kiosk.sorting_center.reports.shared.figures import total
from kiosk.sorting_center.reports.stations import ScaleCheckRow, ScaleFacts
from kiosk.sorting_center.stations.shared.subject import MachineKind
from kiosk.sorting_center.web.shared.access import GuardedBlueprint
from kiosk.sorting_center.web.shared.frame import path_if_routed, render_page, texts
from kiosk.sorting_center.web.shared.names import doctor_summary
from kiosk.sorting_center.web.shared.sources import sources
from kiosk.sorting_center.web.staff.charts import ChartPoint, chart
from kiosk.sorting_center.web.staff.fleet import broken_device
from kiosk.texts import formats, html

HISTORY_DAYS: Final = (30, 90)  # Days of history
_MAX_CLOSINGS: Final = 14
_MAX_CHECKS: Final = 10
_MAX_NEWEST: Final = 12
_MAX_LISTINGS: Final = 6

station = GuardedBlueprint("station", __name__)


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
    checks: tuple[ScaleCheckRow, ...]
    scale: ScaleFacts


@station.get_route("/stations/<region>/<station>", StaffRole.VIEWER)
def shown(region: str, station: str) -> str:
    days = HISTORY_DAYS[-1] if request.args.get("days") == str(HISTORY_DAYS[-1]) else HISTORY_DAYS[0]
    desk = sources().desk
    register = desk.registry.current()
    history = _history(region, station, days)
    expected = register.stations.get((region, station))
    if history.row is None and expected is None:
        raise NotFound("no station of this number was heard in this region, and none is expected")
    # None for a moment of a station that was just heard for the first time.
    tiles = sources().snapshots.fleet.current().value.tiles
    tile = next((tile for tile in tiles if (tile.region, tile.station) == (region, station)), None)
    return render_page(
        "station.html",
        region=region,
        station=station,
        expected=expected,
        township=register.townships.get((region, expected.township)) if expected is not None else None,
        history=history,
        tile=tile,
        configuration=desk.configurations.of_station(region, station),
        identity=desk.certificates.newest(MachineKind.STATION).get((region, station)),
        device=broken_device(tile) if tile is not None else None,
        signing=_signing(region, station),
        listings=sources().listings.of_station(region, station, _MAX_LISTINGS),
        parcels=sources().reports.parcels.shelved(region, station),
        doctor=doctor_summary(sources().reports.stations.doctor(region, station), texts()),
        cases=desk.cases.of_station(region, station),
        days=days,
        spans=HISTORY_DAYS,
        together=total(day.figures for day in history.days),
        weights=chart([ChartPoint(day.figures.net_g, *_day_label(day)) for day in history.days]),
        intakes=chart([ChartPoint(day.figures.intakes, *_day_label(day)) for day in history.days], formats.number),
        today=sources().now().date().isoformat(),
        ways={name: path_if_routed(f"/{name}") for name in ("alarms", "registry", "reconciliation", "quarantine")},
        receipt_page=receipt_page,
        figure=figure,
    )


def _day_label(row: DayRow) -> tuple[str, str, str]:
    """Three days of a month are named below the picture."""
    return f"{row.day:%m-%d}" if row.day.day % 10 == 1 else "", "", row.day.isoformat()


def receipt_page(row: ReceiptRow) -> str | None:
    return path_if_routed(f"/receipts/{quote(row.region, safe='')}/{quote(row.receipt, safe='')}")


def figure(field: str, value: int) -> Markup:
    """A figure of a day's close in its unit, which its name tells."""
    if field.endswith("_g"):
        return html.bdi_kg(value)
    return html.bdi_money(value) if field.endswith("_fen") else html.bdi_number(value)


def _history(region: str, station: str, days: int) -> History:
    reports = sources().reports
    today = reports.days.day_of(sources().now())
    of = ReportScope(region, station)
    return History(
        reports.fleet.row(region, station, today),
        reports.days.each(today - timedelta(days=days - 1), today, of),
        reports.closings.of_station(region, station, _MAX_CLOSINGS),
        reports.receipts.newest(of, _MAX_NEWEST),
        reports.stations.epochs(region, station),
        reports.stations.gaps(region, station),
        reports.stations.alarms(region, station),
        reports.stations.checks(region, station, _MAX_CHECKS),
        reports.stations.scale(region, station),
    )


def _signing(region: str, station: str) -> tuple[StationKeyRow | None, UnsignedEvents | None]:
    """Its newest key, and what it has sent without a signature."""
    with sources().ledger.reading() as connection:
        keys = load(connection, [station]).get((region, station), [None])
        unsigned = [one for one in unsigned_events(connection) if (one.region, one.station) == (region, station)]
    return keys[-1], next(iter(unsigned), None)
