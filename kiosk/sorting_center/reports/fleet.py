"""Every station at a glance: what the ledger hears of it, and what it has brought today."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Select, func, select

from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.ledger.database import schema as ledger_schema
from kiosk.sorting_center.ledger.database.times import to_rfc3339
from kiosk.sorting_center.ledger.shared.records import DatedDoctorRow
from kiosk.sorting_center.reports.days import COUNTY, DayReports, ReportScope
from kiosk.sorting_center.reports.shared.figures import Figures
from kiosk.sorting_center.reports.shared.times import from_milliseconds_or_none
from kiosk.sorting_center.reports.tables.opening import ReportTables
from kiosk.sorting_center.reports.tables.schema import newest, receipt

StationKey = tuple[str, str]  # Region and station

_NO_COUNTS: Final[Mapping[str, int]] = {}
# Of rows as the contract writes them: a row begins with what it is about. Not parsed: there are thousands.
_FIRST_BROKEN: Final = re.compile(r'\{"row":"[a-z0-9_]{1,32}","state":"fail"[^{}]*\}')
_decode_doctor_row: Final = msgspec.json.Decoder(DatedDoctorRow).decode


@dataclass(frozen=True, slots=True)
class GapFacts:
    """Of all epochs of a station: ``missing`` events below the highest numbers seen, the oldest gap since ``since``.

    ``lost`` of them are of an epoch that ended: what the station still had is sent again in a later one.
    """

    missing: int
    lost: int
    since: datetime | None


NO_GAP: Final = GapFacts(0, 0, None)


@dataclass(frozen=True, slots=True)
class NewestEvent:
    """``clock`` is that of the newest event in the feed: ``synced``, ``restored`` or ``unset``. ``receipt_at`` is the
    corrected time of the newest receipt that counts or did.
    """

    clock: str
    receipt_at: datetime | None
    receipt_received_at: datetime | None


@dataclass(frozen=True, slots=True)
class FleetRow:
    """One station. None: it never reported it. ``complains`` is the complaint of its newest status, "" for none.

    ``alarms`` and ``quarantined`` are numbers by kind (``fork``, ``twin``, ``broken_chain``, ``receipt_twice``,
    ``second_region``, ``too_many_epochs``) and by reason (``fork``, ``bad_data``, ``bad_signature``, ...). ``today`` is
    of the requested day. ``doctor`` is the worst state of its doctor's rows, ``ok``, ``warn`` or ``fail``; "" without
    any. ``broken`` is the first row with ``fail``.
    """

    region: str
    station: str
    online: bool | None
    pending: int | None
    software: str | None
    epoch: str | None
    last_seen: datetime | None
    complains: str
    gaps: GapFacts
    alarms: Mapping[str, int]
    quarantined: Mapping[str, int]
    newest: NewestEvent | None
    today: Figures
    doctor: str = ""
    broken: DatedDoctorRow | None = None


class FleetReport:
    """What the ledger knows is read from the ledger, and never copied. Raises a LedgerError."""

    def __init__(self, tables: ReportTables, ledger: Ledger, days: DayReports) -> None:
        self._tables, self._ledger, self._days = tables, ledger, days

    def rows(self, today: date, of: ReportScope = COUNTY) -> tuple[FleetRow, ...]:
        """Return every station that was ever received from, ordered by region and number."""
        figures = {(row.region, row.station): row.figures for row in self._days.stations(today, today, of)}
        last = self._newest(of)
        status = ledger_schema.station_status
        with self._ledger.reading() as connection:
            gaps = _gaps(connection, of)
            alarms = _counts_by(connection, ledger_schema.alarm, "kind", of)
            quarantined = _counts_by(connection, ledger_schema.quarantine, "reason", of)
            statuses = connection.execute(
                select(status).where(of.condition(status)).order_by(status.c.region, status.c.station)
            ).all()
        return tuple(
            FleetRow(
                row.region,
                row.station,
                row.online,
                row.pending,
                row.software,
                row.epoch,
                datetime.fromisoformat(row.last_seen) if row.last_seen else None,
                row.alarm or "",
                gaps.get(key, NO_GAP),
                alarms.get(key, _NO_COUNTS),
                quarantined.get(key, _NO_COUNTS),
                last.get(key),
                figures.get(key, Figures()),
                _worst_state(row.doctor),
                _decode_doctor_row(broken[0]) if (broken := _FIRST_BROKEN.search(row.doctor or "")) else None,
            )
            for row in statuses
            for key in ((row.region, row.station),)
        )

    def row(self, region: str, station: str, today: date) -> FleetRow | None:
        return next(iter(self.rows(today, ReportScope(region, station))), None)

    def unheard_since(self, moment: datetime) -> int:
        """Count the stations that may still hold what happened before ``moment``."""
        query = select(func.count()).where(ledger_schema.station_status.c.last_seen < to_rfc3339(moment))
        with self._ledger.reading() as connection:
            return connection.execute(query).scalar_one()

    def _newest(self, of: ReportScope) -> dict[StationKey, NewestEvent]:
        c = newest.c
        same = (receipt.c.station == c.station) & (receipt.c.receipt == c.receipt) & (receipt.c.region == c.region)
        query = (
            select(c.region, c.station, c.clock, receipt.c.at_ms, receipt.c.received_ms)
            .select_from(newest.outerjoin(receipt, same))
            .where(of.condition(newest))
        )
        with self._tables.reading() as connection:
            rows = connection.execute(query).all()
        return {
            (row.region, row.station): NewestEvent(
                row.clock, from_milliseconds_or_none(row.at_ms), from_milliseconds_or_none(row.received_ms)
            )
            for row in rows
        }


def _worst_state(doctor: str | None) -> str:
    if not doctor or doctor == "[]":
        return ""
    return next((state for state in ("fail", "warn") if f'"state":"{state}"' in doctor), "ok")


def _gaps(connection: Connection, of: ReportScope) -> dict[StationKey, GapFacts]:
    stream, event = ledger_schema.stream, ledger_schema.event
    c = stream.c
    held = (
        select(func.count())
        .where(event.c.station == c.station, event.c.epoch == c.epoch, event.c.region == c.region)
        .where(event.c.seq > c.upto)
        .scalar_subquery()
    )
    later = stream.alias()
    of_station = (later.c.station == c.station) & (later.c.region == c.region)
    is_over = select(later.c.epoch).where(of_station, later.c.first_received_at > c.last_received_at).exists()
    missing = (c.max_seen - c.upto - held).label("missing")
    query: Select[Any] = select(c.region, c.station, c.gap_since, missing, is_over.label("is_over")).where(
        c.upto < c.max_seen, of.condition(stream)
    )
    found: dict[StationKey, list[tuple[int, bool, str]]] = defaultdict(list)
    for row in connection.execute(query):
        found[row.region, row.station].append((row.missing, bool(row.is_over), row.gap_since))
    return {key: _gap_facts(gaps) for key, gaps in found.items()}


def _gap_facts(gaps: Sequence[tuple[int, bool, str | None]]) -> GapFacts:
    since = min((one[2] for one in gaps if one[2]), default=None)
    return GapFacts(
        missing=sum(one[0] for one in gaps),
        lost=sum(one[0] for one in gaps if one[1]),
        since=datetime.fromisoformat(since) if since is not None else None,
    )


def _counts_by(connection: Connection, table: Any, by: str, of: ReportScope) -> dict[StationKey, dict[str, int]]:
    key = (table.c.region, table.c.station, table.c[by])
    found: dict[StationKey, dict[str, int]] = defaultdict(dict)
    rows = connection.execute(select(*key, func.count()).where(of.condition(table)).group_by(*key))
    for region, station, kind, count in rows:
        found[region, station][kind] = count
    return found
