"""Looks after the county: what is wrong becomes a case, in one process of all that show pages."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from kiosk.sorting_center.desk.cases import Case
from kiosk.sorting_center.desk.desk import Desk
from kiosk.sorting_center.desk.errors import DeskError, Refused
from kiosk.sorting_center.ledger import Ledger, LedgerError
from kiosk.sorting_center.reports.reports import Reports
from kiosk.sorting_center.watch.conditions import Seen, conditions
from kiosk.sorting_center.watch.groups import alarm_groups, quarantine_groups

LOOK_S: Final = 30.0
_ROLE_S: Final = 1.0
"""A moment after the beginning one process has the role."""

log = logging.getLogger(__name__)


def seen(ledger: Ledger, reports: Reports, desk: Desk, now: datetime) -> Seen:
    """At this moment. Raises LedgerError and DeskError."""
    today = reports.days.day_of(now)
    rows, impossible = reports.fleet.rows(today), reports.impossible.findings(today)
    local = now.astimezone(reports.zone)
    alarms, quarantined, held_back = alarm_groups(ledger), quarantine_groups(ledger), ledger.held_back(now.isoformat())
    return Seen(rows, desk.registry.current(), alarms, quarantined, local, impossible, held_back)


class Watch:
    """``may`` says whether it is this process that looks; ``now`` is UTC."""

    def __init__(
        self,
        look: Callable[[datetime], Seen],
        desk: Desk,
        may: Callable[[], bool],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._look = look
        self._desk = desk
        self._may = may
        self._now = now

    def step(self) -> list[Case]:
        """Look once: the cases that were opened, or opened again. Raises LedgerError and DeskError."""
        if not self._may():
            return []
        now = self._now()
        return self._desk.cases.observe(conditions(self._look(now)), now)

    def run(self, ending: threading.Event) -> None:
        """Every LOOK_S until ``ending`` is set, whatever happens."""
        while not ending.is_set():
            try:
                self.step()
            except (LedgerError, DeskError, Refused) as error:
                log.error("Nobody looks after the stations: %s", error)
            except Exception:
                log.exception("Nobody looks after the stations.")
            ending.wait(LOOK_S if self._may() else _ROLE_S)
