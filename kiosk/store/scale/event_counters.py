"""The event counters: +1 per change, in the transaction of the event that records it, and never back.

The first content of a new database is its starting point, so it counts as no change. The first profile of the scale
still has an event, with counter 0: the sorting center compares every bag with the scale's Max. A new epoch of a
database that continues, or that came from a backup, raises every counter, so that changes made after the backup are not
lost.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict

from sqlalchemy import Connection, insert, select, update

from kiosk.domain.catalog import Catalog
from kiosk.domain.events.scale import ClockChanged, ScaleChanged, ScaleEvent, TaresChanged
from kiosk.domain.metrology.legal_status import CounterValues, EventCounter
from kiosk.domain.moment import ClockQuality
from kiosk.store.database.schema import metrology_counter as counter_table
from kiosk.store.database.tables import Tables, reading, writing
from kiosk.store.journal import journal
from kiosk.store.shared.records import ScaleContent, Stamp

# Makes the event of a change from the new value and the hash before ("" when unknown).
EventOf = Callable[[int, str], ScaleEvent]


class EventCounters(Tables):
    @reading
    def read(self, connection: Connection) -> CounterValues:
        """Read them from the database: another process may have imported a catalog."""
        return read(connection)

    @writing
    def observe_scale(self, connection: Connection, content: ScaleContent, stamp: Stamp) -> int:
        """Record, at the start, the first scale, or a changed one, which is counted. Return the counter."""

        def event(value: int, before: str) -> ScaleChanged:
            return ScaleChanged(counter=value, before_sha256=before, **asdict(content))

        if _row(connection, EventCounter.SCALE_PROFILE) is None:
            journal.append(connection, event(0, ""), stamp)
        return _observe(connection, EventCounter.SCALE_PROFILE, content.sha256, event, stamp)

    @writing
    def count_clock(
        self, connection: Connection, before: ClockQuality, after: ClockQuality, step_s: int, stamp: Stamp
    ) -> int:
        """Count that the clock was set, or changed quality; ``step_s`` is the jump in seconds. Return the counter."""
        row = _row(connection, EventCounter.CLOCK)
        value = (row[0] if row else 0) + 1
        _put(connection, EventCounter.CLOCK, value, None)
        journal.append(connection, ClockChanged(value, before, after, step_s), stamp)
        return value


def read(connection: Connection) -> CounterValues:
    found = {row.name: row.value for row in connection.execute(select(counter_table.c.name, counter_table.c.value))}
    return CounterValues(**{counter.value: found.get(counter.value, 0) for counter in EventCounter})


def observe_tares(connection: Connection, catalog: Catalog, version: int, stamp: Stamp) -> int:
    # Over code, preset tare and "weighed" of every container, by code: what can change a net weight
    rows = sorted((row.code, row.tare_g, row.weighed) for row in catalog.containers)
    sha256 = hashlib.sha256(json.dumps(rows, separators=(",", ":")).encode()).hexdigest()

    def event(value: int, old: str) -> TaresChanged:
        return TaresChanged(value, old, sha256, version, len(catalog.containers))

    return _observe(connection, EventCounter.TARE_LIBRARY, sha256, event, stamp)


def raise_all(connection: Connection, floor: Mapping[str, int]) -> CounterValues:
    """Raise each one above its value here and in ``floor``; the event of the new epoch reports them."""
    for counter in EventCounter:
        row = _row(connection, counter)
        value, sha256 = row if row else (0, None)
        _put(connection, counter, max(value, floor.get(counter.value, 0)) + 1, sha256)
    return read(connection)


def _observe(connection: Connection, counter: EventCounter, sha256: str, event: EventOf, stamp: Stamp) -> int:
    row = _row(connection, counter)
    if row is None:
        connection.execute(insert(counter_table).values(name=counter.value, value=0, sha256=sha256))
        return 0
    value, before = row
    if before == sha256:
        return value
    _put(connection, counter, value + 1, sha256)
    journal.append(connection, event(value + 1, before or ""), stamp)
    return value + 1


def _row(connection: Connection, counter: EventCounter) -> tuple[int, str | None] | None:
    query = select(counter_table.c.value, counter_table.c.sha256).where(counter_table.c.name == counter.value)
    row = connection.execute(query).one_or_none()
    return (row[0], row[1]) if row else None


def _put(connection: Connection, counter: EventCounter, value: int, sha256: str | None) -> None:
    values = {"value": value, "sha256": sha256}
    condition = counter_table.c.name == counter.value
    if connection.execute(update(counter_table).where(condition).values(values)).rowcount == 0:
        connection.execute(insert(counter_table).values(name=counter.value, **values))
