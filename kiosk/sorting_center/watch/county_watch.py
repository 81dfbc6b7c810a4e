"""Looks after the county: what is wrong becomes a case, in one process of all that show pages."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.shared.cases import Case
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.reports.reports import Reports
from kiosk.sorting_center.watch.conditions import CountySnapshot, conditions
from kiosk.sorting_center.watch.groups import alarm_groups, quarantine_groups

POLL_INTERVAL_S: Final = 30.0
_LEADER_POLL_S: Final = 1.0  # A moment after the beginning one process has the role


def county_snapshot(ledger: Ledger, reports: Reports, desk: CenterDesk, now: datetime) -> CountySnapshot:
    """At this moment. Raises LedgerError and DeskError."""
    today = reports.days.day_of(now)
    rows, impossible = reports.fleet.rows(today), reports.implausible.findings(today)
    local = now.astimezone(reports.zone)
    alarms, quarantined, held_back = alarm_groups(ledger), quarantine_groups(ledger), ledger.held_back(now.isoformat())
    return CountySnapshot(rows, desk.registry.current(), alarms, quarantined, local, impossible, held_back)


class CountyWatch:
    """``is_leader`` says whether it is this process that looks; ``now`` is UTC."""

    def __init__(
        self,
        snapshot: Callable[[datetime], CountySnapshot],
        desk: CenterDesk,
        is_leader: Callable[[], bool],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._snapshot = snapshot
        self._desk = desk
        self._is_leader = is_leader
        self._now = now

    def step(self) -> list[Case]:
        """Look once: the cases that were opened, or opened again. Raises LedgerError and DeskError."""
        if not self._is_leader():
            return []
        now = self._now()
        return self._desk.cases.observe(conditions(self._snapshot(now)), now)

    def poll(self) -> float:
        """Look once; seconds until the next time."""
        self.step()
        return POLL_INTERVAL_S if self._is_leader() else _LEADER_POLL_S
