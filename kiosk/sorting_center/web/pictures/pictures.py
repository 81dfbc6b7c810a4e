"""What many look at at once."""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Final

from kiosk.sorting_center.desk.desk import Desk
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.ledger.overview import Overview
from kiosk.sorting_center.reports.reports import Reports
from kiosk.sorting_center.web.pictures.fleet import FleetPicture, fleet_picture
from kiosk.sorting_center.web.pictures.shared import Rendered, Shared
from kiosk.sorting_center.web.pictures.times import start_of_day
from kiosk.sorting_center.web.pictures.today import Today, TodayPicture

_LOOK_S: Final = 0.5

log = logging.getLogger(__name__)


class Pictures:
    """``now`` is local time, with its zone. ``process`` tells apart two that count from one."""

    def __init__(self, ledger: Ledger, desk: Desk, reports: Reports, now: Callable[[], datetime]) -> None:
        self.process = secrets.token_hex(8)
        self.rendered = Rendered()
        self.overview: Shared[Overview] = Shared(lambda: ledger.overview(start_of_day(now())))
        self.fleet: Shared[FleetPicture] = Shared(lambda: fleet_picture(reports, desk, now()))
        today = Today(ledger, reports, lambda: self.fleet.latest().value)
        self.today: Shared[TodayPicture] = Shared(lambda: today.picture(now()), made_of=[self.fleet])

    def tend(self, ending: threading.Event) -> None:
        """Until ``ending``, whatever happens: who looks does not wait for what can be made before."""
        while not ending.wait(_LOOK_S):
            for shared in (self.fleet, self.today):
                try:
                    shared.tend()
                except Exception:
                    log.exception("What the pages show cannot be made.")
