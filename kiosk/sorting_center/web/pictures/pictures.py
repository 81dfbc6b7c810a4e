"""What many look at at once."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime

from kiosk.sorting_center.desk.desk import Desk
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.ledger.overview import Overview
from kiosk.sorting_center.reports.reports import Reports
from kiosk.sorting_center.web.pictures.fleet import FleetPicture, fleet_picture
from kiosk.sorting_center.web.pictures.shared import Rendered, Shared
from kiosk.sorting_center.web.pictures.times import start_of_day
from kiosk.sorting_center.web.pictures.today import Today, TodayPicture


class Pictures:
    """``now`` is local time, with its zone. ``process`` tells apart two that count from one."""

    def __init__(self, ledger: Ledger, desk: Desk, reports: Reports, now: Callable[[], datetime]) -> None:
        self.process = secrets.token_hex(8)
        self.rendered = Rendered()
        self.overview: Shared[Overview] = Shared(lambda: ledger.overview(start_of_day(now())))
        self.fleet: Shared[FleetPicture] = Shared(lambda: fleet_picture(reports, desk, now()))
        today = Today(ledger, reports, lambda: self.fleet.current().value)
        self.today: Shared[TodayPicture] = Shared(lambda: today.picture(now()))
