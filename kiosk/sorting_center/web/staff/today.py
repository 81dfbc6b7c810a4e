"""The front page: what the county does now."""

from __future__ import annotations

from urllib.parse import quote

from flask import Response

from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.ledger.overview import IntakeRow
from kiosk.sorting_center.server.layout import ServerLayout
from kiosk.sorting_center.shared.health import HealthReport
from kiosk.sorting_center.watch.measure import StationMark
from kiosk.sorting_center.web.shared.access import GuardedBlueprint, current_principal
from kiosk.sorting_center.web.shared.frame import LiveFragment, path_if_routed, render_page
from kiosk.sorting_center.web.shared.refreshing_cache import VersionedValue
from kiosk.sorting_center.web.shared.sources import sources
from kiosk.sorting_center.web.shared.today import TodaySnapshot
from kiosk.sorting_center.web.staff.charts import ChartPoint, chart, percent

today = GuardedBlueprint("today", __name__)


@today.get_route("/", StaffRole.VIEWER, menu=(10, "nav_today"))
def front() -> str:
    return render_page("today.html", part=_live_fragment().html)


@today.get_route("/live", StaffRole.VIEWER)
def live() -> Response:
    return _live_fragment().answer()


def _live_fragment() -> LiveFragment:
    versioned = sources().snapshots.today.current()
    report = sources().health.report()
    in_english = current_principal().person.role >= StaffRole.ADMIN
    left = _certificate_days() if in_english else None
    state = (report.broker_connected, *report.faults.items(), in_english, left)
    return LiveFragment(versioned, state, lambda: _render(versioned, report, in_english, left))


def _certificate_days() -> int | None:
    """Return the days left to this server's certificate when its renewal is long overdue; None otherwise."""
    try:
        text = ServerLayout().pairs()[0][0].read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    from kiosk.sorting_center.server.certificates import REPORTED_BEFORE  # only where a set-up has made one
    from kiosk.sorting_center.stations.authority import BadAuthority, expiry_of

    try:
        left = expiry_of(text) - sources().now()
    except BadAuthority:
        return 0
    return max(left.days, 0) if left < REPORTED_BEFORE else None


def _render(
    versioned: VersionedValue[TodaySnapshot], report: HealthReport, in_english: bool, certificate_days: int | None
) -> str:
    """Render the page. ``in_english``: also what the system says of a trouble, for support."""
    picture = versioned.value
    hours = enumerate(zip(picture.hours, picture.yesterday_hours, strict=True))
    heaviest = max((goods.figures.net_g for goods in picture.goods), default=0)
    return render_page(
        "today-live.html",
        picture=picture,
        is_well=report.ok,
        troubles=report.faults,
        in_english=in_english,
        certificate_days=certificate_days,
        hours=chart(
            [
                ChartPoint(now.net_g, "" if hour % 3 else f"{hour:02}", name=f"{hour:02}:00", before=then.net_g)
                for hour, (now, then) in hours
            ]
        ),
        shares=[percent(goods.figures.net_g, heaviest) for goods in picture.goods],
        marks=[(mark, count) for mark, count in picture.marks if count and mark is not StationMark.WELL],
        well=dict(picture.marks)[StationMark.WELL],
        alarms=path_if_routed("/alarms"),
        quarantine=path_if_routed("/quarantine"),
        receipt_page=receipt_page,
    )


def receipt_page(intake: IntakeRow) -> str | None:
    return path_if_routed(f"/receipts/{quote(intake.region, safe='')}/{quote(intake.receipt, safe='')}")
