"""Looks after the county: what is wrong becomes a case, in one process of all that show pages."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Row, func, select, union

from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.registry import StationKey
from kiosk.sorting_center.desk.shared.audit import AuditAction
from kiosk.sorting_center.desk.shared.cases import Case
from kiosk.sorting_center.desk.shared.schema import audit, configuration_key
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.ledger.database.schema import alarm, quarantine, station_status, stream
from kiosk.sorting_center.ledger.database.station_keys import unsigned_events
from kiosk.sorting_center.reports.reports import Reports
from kiosk.sorting_center.watch.conditions import ConditionGroup, CountySnapshot, conditions
from kiosk.sorting_center.watch.old_prices import OldPrices

POLL_INTERVAL_S: Final = 30.0
_LEADER_POLL_S: Final = 1.0  # A moment after the beginning one process has the role


def county_snapshot(
    ledger: Ledger, reports: Reports, desk: CenterDesk, now: datetime, prices: OldPrices | None = None
) -> CountySnapshot:
    """Read what the conditions are derived from. ``prices`` remembers which receipts were judged."""
    today, register, configurations = reports.days.day_of(now), desk.registry.current(), desk.configurations.all()
    rows, impossible = reports.fleet.rows(today), reports.implausible.findings(today)
    local = now.astimezone(reports.zone)
    alarms, quarantined, held_back = alarm_groups(ledger), quarantine_groups(ledger), ledger.held_back(now.isoformat())
    old_prices = (prices or OldPrices(desk.book)).findings(reports.paid.newest(today), register, configurations)
    seen = CountySnapshot(rows, register, alarms, quarantined, local, impossible, held_back, key_trials(desk))
    with ledger.reading() as connection:
        unsigned = unsigned_events(connection)
    return replace(seen, configurations=configurations, old_prices=old_prices, unsigned=unsigned)


def key_trials(desk: CenterDesk) -> dict[str, datetime]:
    """Return by region when its recovery key was last tried; initially, when it was set up. Raises DeskError."""
    c = configuration_key.c
    made = select(c.region, func.min(c.made_at).label("at")).group_by(c.region)
    tried = select(func.max(audit.c.at)).where(audit.c.act == AuditAction.KEY_TRIED.value)
    with desk.database.reading() as connection:
        last = connection.execute(tried).scalar_one() or ""
        return {row.region: datetime.fromisoformat(max(row.at, last)) for row in connection.execute(made)}


class CountyWatch:
    """``is_leader`` says whether it is this process that looks; ``now`` is UTC."""

    def __init__(
        self,
        snapshot: Callable[[datetime], CountySnapshot],
        desk: CenterDesk,
        is_leader: Callable[[], bool],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._snapshot, self._desk, self._is_leader, self._now = snapshot, desk, is_leader, now

    def step(self) -> list[Case]:
        """Look once; return the cases that were opened, or opened again. Raises LedgerError and DeskError."""
        if not self._is_leader():
            return []
        now = self._now()
        snapshot = self._snapshot(now)
        self._desk.certificates.discard_delivered({(row.region, row.station): row.last_seen for row in snapshot.rows})
        return self._desk.cases.observe(conditions(snapshot), now)

    def poll(self) -> float:
        """Look once; return the seconds to wait before the next time."""
        self.step()
        return POLL_INTERVAL_S if self._is_leader() else _LEADER_POLL_S


MAX_ROWS: Final = 20_000  # The newest, of each of the two: of one station the ledger keeps at most 10,000


def alarm_groups(ledger: Ledger) -> tuple[ConditionGroup, ...]:
    """Group alarms by kind, station, epoch and day, the oldest first. Raises LedgerError."""
    c = alarm.c
    query = select(c.kind, c.region, c.station, c.epoch, c.raised_at.label("at"), c.detail)
    with ledger.reading() as connection:
        return _grouped(connection.execute(query.order_by(c.id.desc()).limit(MAX_ROWS)))


def quarantine_groups(ledger: Ledger) -> tuple[ConditionGroup, ...]:
    """Group quarantined events by reason, station and day, the oldest first. Raises LedgerError."""
    c = quarantine.c
    columns = (c.reason.label("kind"), c.region, c.station, c.received_at.label("at"))
    query = select(*columns).order_by(c.id.desc()).limit(MAX_ROWS)
    with ledger.reading() as connection:
        return _grouped(connection.execute(query))


def _grouped(rows: Iterable[Row[Any]]) -> tuple[ConditionGroup, ...]:
    """Group rows that come newest first; each group keeps the detail of its oldest row."""
    found: dict[tuple[str, ...], ConditionGroup] = {}
    for row in rows:
        values = row._mapping
        epoch, detail = values.get("epoch", ""), values.get("detail", "")
        key = (row.kind, row.region, row.station, epoch, row.at[:10])
        known = found.get(key)
        found[key] = (
            replace(known, number=known.number + 1, detail=detail) if known else ConditionGroup(*key, 1, detail)
        )
    return tuple(reversed(found.values()))


def known_stations(ledger: Ledger) -> set[StationKey]:
    """Return region and station of all that sent an event or their status. Raises LedgerError."""
    of_events = select(stream.c.region, stream.c.station)
    query = union(of_events, select(station_status.c.region, station_status.c.station))
    with ledger.reading() as connection:
        return {(row.region, row.station) for row in connection.execute(query)}
