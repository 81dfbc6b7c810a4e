"""The front page: what the county does now."""

from __future__ import annotations

from urllib.parse import quote

from flask import Response

from kiosk.sorting_center.desk.people import Role
from kiosk.sorting_center.health import HealthReport
from kiosk.sorting_center.ledger.overview import IntakeRow
from kiosk.sorting_center.watch.marks import Mark
from kiosk.sorting_center.web.access import Pages, current
from kiosk.sorting_center.web.drawing import bars, percent
from kiosk.sorting_center.web.frame import show
from kiosk.sorting_center.web.live import Part, way
from kiosk.sorting_center.web.pictures.shared import Kept
from kiosk.sorting_center.web.pictures.today import TodayPicture
from kiosk.sorting_center.web.sources import sources

today = Pages("today", __name__)


@today.look("/", Role.VIEWER)
def front() -> str:
    return show("today.html", part=_part().html)


@today.look("/live", Role.VIEWER)
def live() -> Response:
    """The changing part of the page; 304 while nothing changed."""
    return _part().answer()


def _part() -> Part:
    kept = sources().pictures.today.current()
    report = sources().health.report()
    in_english = current().person.role >= Role.ADMIN
    state = (report.broker_connected, *report.troubles.items(), in_english)
    return Part(kept, state, lambda: _shown(kept, report, in_english))


def _shown(kept: Kept[TodayPicture], report: HealthReport, in_english: bool) -> str:
    """``in_english``: also what the system says of a trouble, for whoever looks after it."""
    picture = kept.value
    nets = [figures.net_g for figures in picture.hours]
    nets_before = [figures.net_g for figures in picture.yesterday_hours]
    most = max([0, *nets, *nets_before])
    heaviest = max((goods.figures.net_g for goods in picture.goods), default=0)
    return show(
        "today-live.html",
        picture=picture,
        is_well=report.ok,
        troubles=report.troubles,
        in_english=in_english,
        bars=bars(nets, most),
        bars_before=bars(nets_before, most),
        most_g=most,
        shares=[percent(goods.figures.net_g, heaviest) for goods in picture.goods],
        marks=[(mark, count) for mark, count in picture.marks if count and mark is not Mark.WELL],
        well=dict(picture.marks)[Mark.WELL],
        alarms=way("/alarms"),
        quarantine=way("/quarantine"),
        receipt_page=receipt_page,
    )


def receipt_page(intake: IntakeRow) -> str | None:
    """Where there is one."""
    return way(f"/receipts/{quote(intake.region, safe='')}/{quote(intake.receipt, safe='')}")
