"""What many look at at once."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.ledger.overview import Overview
from kiosk.sorting_center.reports.reports import Reports
from kiosk.sorting_center.web.shared.fleet import FleetSnapshot, fleet_snapshot
from kiosk.sorting_center.web.shared.refreshing_cache import RefreshingCache, RenderedHtml
from kiosk.sorting_center.web.shared.settling import Accident, open_accidents
from kiosk.sorting_center.web.shared.today import TodaySnapshot, TodaySource

_POLL_INTERVAL_S: Final = 0.5


class PageSnapshots:
    """``now`` is local time, with its zone. ``process`` tells apart two that count from one."""

    def __init__(self, ledger: Ledger, desk: CenterDesk, reports: Reports, now: Callable[[], datetime]) -> None:
        self.process = secrets.token_hex(8)
        self.rendered = RenderedHtml()
        self.overview: RefreshingCache[Overview] = RefreshingCache(lambda: ledger.overview(start_of_day(now())))
        self.fleet: RefreshingCache[FleetSnapshot] = RefreshingCache(lambda: fleet_snapshot(reports, desk, now()))
        self.settling: RefreshingCache[tuple[Accident, ...]] = RefreshingCache(
            lambda: open_accidents(desk, reports, now())
        )
        today = TodaySource(ledger, reports, lambda: self.fleet.latest().value)
        self.today: RefreshingCache[TodaySnapshot] = RefreshingCache(
            lambda: today.snapshot(now()), depends_on=[self.fleet]
        )

    def refresh(self) -> float:
        """Make what is due, before somebody asks for it; seconds until the next time."""
        for shared in (self.fleet, self.today, self.settling):
            shared.refresh_if_due()
        return _POLL_INTERVAL_S


def start_of_day(now: datetime) -> str:
    """RFC 3339 in UTC of the last midnight in the zone of ``now``."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
