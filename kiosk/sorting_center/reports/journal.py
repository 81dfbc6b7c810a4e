"""Events about something, out of the ledger: when they happened, and how they hang in the chain of their station."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cache
from itertools import product
from typing import Any, Final, TypeVar

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, Select, Table, select

from kiosk.domain.events import EventData
from kiosk.domain.moment import ClockQuality
from kiosk.messaging.contract.envelope import ZERO_HASH, body_and_hash, data_as
from kiosk.messaging.contract.strict_json import canonical_parsed
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.ledger.database import schema as ledger_schema
from kiosk.sorting_center.ledger.database.rows import Keys, as_parameter
from kiosk.sorting_center.ledger.overview import AlarmRow
from kiosk.sorting_center.reports.days import ReportScope
from kiosk.sorting_center.reports.shared.times import MAX_MS, boot_number, counting_offset, from_milliseconds_or_none
from kiosk.sorting_center.reports.tables.opening import ReportTables
from kiosk.sorting_center.reports.tables.schema import event_subject

DataType = TypeVar("DataType", bound=EventData)

_CHUNK: Final = 1000
MAX_EVENTS: Final = 200  # About one thing, the newest: a receipt has a handful


class ChainLink(StrEnum):
    LINKED = "linked"  # `prevhash` of the later one is the hash of the earlier one
    BROKEN = "broken"  # It is not
    BEGINNING = "beginning"  # Before the first event of an epoch there is none
    NOT_HERE = "not_here"  # The neighbour has not come, or not yet
    ARCHIVED = "archived"  # It cannot be compared: one of the two is in an archive


@dataclass(frozen=True, slots=True)
class EventRow:
    """``at`` is the corrected time. ``recomputed``: the hash was made again of the bytes and is the same; None of
    an event in an archive, of which only the hash is here. ``data`` is empty then."""

    region: str
    station: str
    epoch: str
    seq: int
    type: str
    feedseq: int
    sha256: str
    at: datetime | None = None
    written_at: datetime | None = None
    clock: str = ""
    received_at: datetime | None = None
    software: str = ""
    reissued: str | None = None
    prevhash: str = ""
    recomputed: bool | None = None
    before: ChainLink = ChainLink.ARCHIVED
    after: ChainLink = ChainLink.ARCHIVED
    data: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def is_broken(self) -> bool:
        return self.recomputed is False or self.before is ChainLink.BROKEN


def data_of(event: EventRow, kind: type[DataType]) -> DataType | None:
    """Return the data as the class of this type; None for another type, and for an archived event."""
    try:
        return data_as(kind, event.data) if event.type == kind.TYPE else None
    except msgspec.ValidationError:
        return None


@dataclass(frozen=True, slots=True)
class RecordsCheck:
    """Of all events about one thing: ``broken`` are not what was sealed, or do not follow the event before them;
    ``open`` cannot be compared, because they or that event are in an archive or have not come.
    """

    events: int
    broken: int
    open: int

    @classmethod
    def of(cls, events: Sequence[EventRow]) -> RecordsCheck:
        broken = sum(one.is_broken for one in events)
        proven = sum(bool(one.recomputed) and one.before in (ChainLink.LINKED, ChainLink.BEGINNING) for one in events)
        return cls(len(events), broken, len(events) - broken - proven)


Key = tuple[str, str, str, int]  # Station, epoch, region, seq


class EventJournal:
    def __init__(self, tables: ReportTables, ledger: Ledger) -> None:
        self._tables, self._ledger = tables, ledger

    def about(
        self, subject: str, region: str, types: Sequence[str] = (), limit: int = MAX_EVENTS
    ) -> tuple[EventRow, ...]:
        """Return the newest ``limit`` events about a receipt, a parcel or a station, in the order of the feed."""
        c = event_subject.c
        query = (
            select(event_subject)
            .where(c.subject == subject, c.region == region)
            .order_by(c.feedseq.desc())
            .limit(limit)
        )
        if types:
            query = query.where(c.type.in_(types))
        with self._tables.reading() as connection:
            found = connection.execute(query).all()
        return self.events(list(reversed(found)))

    def regions(self, subject: str) -> tuple[str, ...]:
        with self._tables.reading() as connection:
            query = (
                select(event_subject.c.region)
                .where(event_subject.c.subject == subject)
                .distinct()
                .order_by(event_subject.c.region)
            )
            return tuple(connection.execute(query).scalars())

    def by_keys(self, keys: Sequence[Key]) -> tuple[EventRow | None, ...]:
        """Return the events with these keys; None for one that is not in the ledger, or not in the feed."""
        with self._ledger.reading() as connection:
            here = _load_by_key(connection, ledger_schema.event, keys) if keys else {}
        found = iter(self.events([here[key] for key in keys if key in here and here[key].feedseq is not None]))
        return tuple(next(found) if key in here and here[key].feedseq is not None else None for key in keys)

    def hashes(self, keys: Sequence[Key]) -> dict[Key, str]:
        """Return the hashes of events that are in the ledger or in an archive."""
        found: dict[Key, str] = {}
        with self._ledger.reading() as connection:
            for start, table in product(range(0, len(keys), _CHUNK), (ledger_schema.archived, ledger_schema.event)):
                c = table.c
                query = _by_key_query(connection.dialect.name, table).with_only_columns(
                    c.station, c.epoch, c.region, c.seq, c.sha256
                )
                for row in connection.execute(query, as_parameter(keys[start : start + _CHUNK])):
                    found[(row.station, row.epoch, row.region, row.seq)] = row.sha256
        return found

    def alarms(self, kind: str, of: ReportScope, limit: int, skip: int = 0) -> tuple[AlarmRow, ...]:
        """Return the newest alarms of a kind, newest first, after skipping ``skip``."""
        c = ledger_schema.alarm.c
        query = select(ledger_schema.alarm).where(c.kind == kind, of.condition(ledger_schema.alarm))
        with self._ledger.reading() as connection:
            return tuple(
                AlarmRow(row.kind, row.station, row.epoch, row.seq, row.detail, row.raised_at, row.region)
                for row in connection.execute(query.order_by(c.id.desc()).offset(skip).limit(limit))
            )

    def events(self, found: Sequence[Row[Any]]) -> tuple[EventRow, ...]:
        """Return the events of rows of ``told`` or of the ledger's ``event``, in their order."""
        if not found:
            return ()
        keys = [(row.station, row.epoch, row.region, row.seq + step) for row in found for step in (-1, 0, 1)]
        with self._ledger.reading() as connection:
            here = _load_by_key(connection, ledger_schema.event, keys)
            missing = [key for key in keys if key not in here]
            archived = _load_by_key(connection, ledger_schema.archived, missing) if missing else {}
        with self._tables.reading() as connection:
            offsets = _load_offsets(connection, here.values())
        return tuple(_row(row, here, archived, offsets) for row in found)


_Clock = tuple[str, int, str, int]  # Station, number of the boot, region, milliseconds since it


def _load_by_key(connection: Connection, table: Table, keys: Iterable[Key]) -> dict[Key, Row[Any]]:
    rows = connection.execute(_by_key_query(connection.dialect.name, table), as_parameter(dict.fromkeys(keys)))
    return {(row.station, row.epoch, row.region, row.seq): row for row in rows}


@cache
def _by_key_query(dialect: str, table: Table) -> Select[Any]:
    keys, c = Keys(dialect), table.c
    same = (c.station == keys.text(0)) & (c.epoch == keys.text(1)) & (c.region == keys.text(2))
    return select(table).select_from(keys.table).join(table, same & (c.seq == keys.number(3)))


def _load_offsets(connection: Connection, rows: Iterable[Row[Any]]) -> dict[_Clock, int]:
    """Load the clock offsets for events of an unset clock, from set clocks of their boots. Skip invalid events."""
    clocks = [
        clock
        for row in rows
        if row.problem is None
        and (event := json.loads(row.body))["clock"] != ClockQuality.SYNCED
        and (clock := _clock(row, event)) is not None
    ]
    if not clocks:
        return {}
    found = connection.execute(_offsets_query(connection.dialect.name), as_parameter(dict.fromkeys(clocks)))
    return {
        (station, int(boot), region, int(ms)): offset
        for station, boot, region, ms, offset in found
        if offset is not None
    }


def _clock(row: Row[Any], event: Mapping[str, Any]) -> _Clock | None:
    monotonic_ms = int(event["monotonicms"])
    return (row.station, boot_number(event["bootid"]), row.region, monotonic_ms) if monotonic_ms <= MAX_MS else None


@cache
def _offsets_query(dialect: str) -> Select[Any]:
    keys = Keys(dialect)
    clock = (keys.text(0), keys.number(1), keys.text(2), keys.number(3))
    columns: Sequence[ColumnElement[Any]] = (*clock, counting_offset(*clock))
    return select(*columns).select_from(keys.table)


def _row(
    found: Row[Any], here: Mapping[Key, Row[Any]], archived: Mapping[Key, Row[Any]], offsets: Mapping[_Clock, int]
) -> EventRow:
    key = (found.station, found.epoch, found.region, found.seq)
    row = here.get(key)
    identity = (found.region, found.station, found.epoch, found.seq, found.type, found.feedseq)
    if row is None:
        return EventRow(*identity, archived[key].sha256 if key in archived else "")
    event = json.loads(row.body)
    written_at = datetime.fromisoformat(event["time"])
    at: datetime | None = written_at
    if event["clock"] != ClockQuality.SYNCED:
        clock = _clock(row, event)
        offset = offsets.get(clock) if clock is not None else None
        at = None if offset is None else from_milliseconds_or_none(int(event["monotonicms"]) + offset)
    return EventRow(
        *identity,
        at=at,
        written_at=written_at,
        clock=event["clock"],
        received_at=datetime.fromisoformat(row.received_at),
        software=event["software"],
        reissued=event.get("reissued"),
        sha256=row.sha256,
        prevhash=row.prevhash,
        recomputed=body_and_hash(event, canonical_parsed)[1] == row.sha256,
        before=_link_before(row, here, archived),
        after=_link_after(row, here, archived),
        data=event["data"],
    )


def _link_before(row: Row[Any], here: Mapping[Key, Row[Any]], archived: Mapping[Key, Row[Any]]) -> ChainLink:
    if row.seq == 1:
        return ChainLink.BEGINNING if row.prevhash == ZERO_HASH else ChainLink.BROKEN
    key = (row.station, row.epoch, row.region, row.seq - 1)
    neighbour = here.get(key, archived.get(key))
    if neighbour is None:
        return ChainLink.NOT_HERE
    return ChainLink.LINKED if neighbour.sha256 == row.prevhash else ChainLink.BROKEN


def _link_after(row: Row[Any], here: Mapping[Key, Row[Any]], archived: Mapping[Key, Row[Any]]) -> ChainLink:
    key = (row.station, row.epoch, row.region, row.seq + 1)
    neighbour = here.get(key)
    if neighbour is None:
        return ChainLink.ARCHIVED if key in archived else ChainLink.NOT_HERE
    return ChainLink.LINKED if neighbour.prevhash == row.sha256 else ChainLink.BROKEN
