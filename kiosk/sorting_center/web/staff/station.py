"""One station: how it is, what it weighs with, what it brought."""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from urllib.parse import quote

from flask import request
from markupsafe import Markup
from werkzeug.exceptions import NotFound

from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.ledger.database.station_keys import StationKeyRow, UnsignedEvents, load, unsigned_events
from kiosk.sorting_center.reports.days import DayRow, ReportScope
from kiosk.sorting_center.reports.receipts import ReceiptRow
from kiosk.sorting_center.reports.shared.figures import total
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


@station.get_route("/stations/<region>/<station>", StaffRole.VIEWER)
def shown(region: str, station: str) -> str:
    days = HISTORY_DAYS[-1] if request.args.get("days") == str(HISTORY_DAYS[-1]) else HISTORY_DAYS[0]
    desk = sources().desk
    register = desk.registry.current()
    reports = sources().reports
    of = ReportScope(region, station)
    today = reports.days.day_of(sources().now())
    row = reports.fleet.row(region, station, today)
    expected = register.stations.get((region, station))
    if row is None and expected is None:
        raise NotFound("no station of this number was heard in this region, and none is expected")
    each_day = reports.days.each(today - timedelta(days=days - 1), today, of)
    history = {
        "row": row,
        "days": each_day,
        "closings": reports.closings.of_station(region, station, _MAX_CLOSINGS),
        "newest": reports.receipts.newest(of, _MAX_NEWEST),
        "epochs": reports.stations.epochs(region, station),
        "gaps": reports.stations.gaps(region, station),
        "alarms": reports.stations.alarms(region, station),
        "checks": reports.stations.checks(region, station, _MAX_CHECKS),
        "scale": reports.stations.scale(region, station),
    }
    # None for a moment after a station has reported for the first time.
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
        parcels=reports.parcels.shelved(region, station),
        doctor=doctor_summary(reports.stations.doctor(region, station), texts()),
        cases=desk.cases.of_station(region, station),
        days=days,
        spans=HISTORY_DAYS,
        together=total(day.figures for day in each_day),
        weights=chart([ChartPoint(day.figures.net_g, *_day_label(day)) for day in each_day]),
        intakes=chart([ChartPoint(day.figures.intakes, *_day_label(day)) for day in each_day], formats.number),
        today=sources().now().date().isoformat(),
        ways={name: path_if_routed(f"/{name}") for name in ("alarms", "registry", "reconciliation", "quarantine")},
        receipt_page=receipt_page,
        figure=figure,
    )


def _day_label(row: DayRow) -> tuple[str, str, str]:
    """Return the label of a day: three days of a month are named below the picture."""
    return f"{row.day:%m-%d}" if row.day.day % 10 == 1 else "", "", row.day.isoformat()


def receipt_page(row: ReceiptRow) -> str | None:
    return path_if_routed(f"/receipts/{quote(row.region, safe='')}/{quote(row.receipt, safe='')}")


def figure(field: str, value: int) -> Markup:
    """Format a figure of a day's close in the unit that its name has."""
    if field.endswith("_g"):
        return html.bdi_kg(value)
    return html.bdi_money(value) if field.endswith("_fen") else html.bdi_number(value)


def _signing(region: str, station: str) -> tuple[StationKeyRow | None, UnsignedEvents | None]:
    """Return its newest key, and what it has sent without a signature."""
    with sources().ledger.reading() as connection:
        keys = load(connection, [station]).get((region, station), [None])
        unsigned = [one for one in unsigned_events(connection) if (one.region, one.station) == (region, station)]
    return keys[-1], next(iter(unsigned), None)
