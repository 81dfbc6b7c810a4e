"""Bringing a ledger of an older schema up to this one: inside one transaction of the caller, step by step.

A step sees the tables as the version before it left them, never through the definitions of today.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    LargeBinary,
    MetaData,
    Row,
    Table,
    and_,
    cast,
    delete,
    func,
    insert,
    inspect,
    literal,
    select,
    text,
    update,
)

from kiosk.domain.events import IntakeConfirmed, IntakeVoided
from kiosk.messaging.contract.receive import parse_event
from kiosk.sorting_center.ledger import projection, schema
from kiosk.sorting_center.ledger.accept import MAX_AHEAD
from kiosk.sorting_center.ledger.records import FAR_AHEAD, RECEIPT_TWICE
from kiosk.sorting_center.ledger.schema import meta

_CHUNK: Final = 500


def new_generation() -> str:
    """16 hex digits: names one unbroken life of the feed's numbers."""
    return secrets.token_hex(8)


def migrate(connection: Connection) -> None:
    """Every step from the schema the ledger has to KEYED_BY_REGION."""
    for version in range(int(_meta(connection, "schema_version")) + 1, KEYED_BY_REGION + 1):
        _STEPS[version](connection)
        connection.execute(update(meta).where(meta.c.name == "schema_version").values(value=str(version)))


def _meta(connection: Connection, name: str) -> str:
    return str(connection.execute(select(meta.c.value).where(meta.c.name == name)).scalar_one())


def _as_it_is(connection: Connection, *names: str) -> list[Table]:
    found = MetaData()
    found.reflect(connection, only=names)
    return [found.tables[name] for name in names]


def _to_2(connection: Connection) -> None:
    """A station's own alarm, the feed's generation, and no event out of reach among those held."""
    connection.execute(text("ALTER TABLE station_status ADD COLUMN alarm TEXT"))
    connection.execute(insert(meta), {"name": "generation", "value": new_generation()})
    event, stream, quarantine = _as_it_is(connection, "event", "stream", "quarantine")
    for row in connection.execute(select(stream).where(stream.c.max_seen > stream.c.upto + MAX_AHEAD)).all():
        _set_far_ones_apart(connection, row, (event, stream, quarantine))


def _set_far_ones_apart(connection: Connection, row: Row[Any], tables: tuple[Table, Table, Table]) -> None:
    event, stream, quarantine = tables
    of_stream = (event.c.station == row.station) & (event.c.epoch == row.epoch)
    limit = row.upto + MAX_AHEAD
    names = ["station", "epoch", "seq", "sha256", "type", "body", "received_at"]
    far = select(*(event.c[name] for name in names), literal(FAR_AHEAD)).where(of_stream, event.c.seq > limit)
    connection.execute(insert(quarantine).from_select([*names, "reason"], far))
    connection.execute(delete(event).where(of_stream, event.c.seq > limit))
    of_set_apart = (quarantine.c.station == row.station) & (quarantine.c.epoch == row.epoch)
    max_seen = max(
        row.upto,
        _highest(connection, event.c.seq, of_stream),
        _highest(connection, quarantine.c.seq, of_set_apart & (quarantine.c.seq <= limit)),
    )
    connection.execute(
        update(stream)
        .where(stream.c.station == row.station, stream.c.epoch == row.epoch)
        .values(max_seen=max_seen, gap_since=row.gap_since if max_seen > row.upto else None)
    )


def _highest(connection: Connection, column: ColumnElement[int], where: ColumnElement[bool]) -> int:
    return connection.execute(select(func.max(column)).where(where)).scalar() or 0


KEYED_BY_REGION: Final = 3
"""Since this version; the later ones are made by Alembic."""

_REBUILT: Final = ("event", "quarantine", "station_status", "alarm", "intake", "intake_void", "stream")
"""`stream` last: it says of which region a (station, epoch) is, that of the topic it was first heard on."""


def _to_3(connection: Connection) -> None:
    """The region in every key; and no figure in the totals that contradicts itself."""
    for name in _REBUILT:
        _rebuild(connection, name)
    schema.bag.create(connection)
    _judge_again(connection)
    regions = func.count(schema.stream.c.region.distinct())
    twice = select(schema.stream.c.station).group_by(schema.stream.c.station).having(regions > 1)
    for station in connection.execute(twice).scalars().all():
        _project_again(connection, station)


def _rebuild(connection: Connection, name: str) -> None:
    """SQLite changes no key of a table: a new one takes the rows over."""
    for index in inspect(connection).get_indexes(name):
        if not index["unique"]:
            connection.execute(text(f'DROP INDEX "{index["name"]}"'))
    connection.execute(text(f'ALTER TABLE "{name}" RENAME TO "{name}_2"'))
    new = schema.metadata.tables[name]
    new.create(connection)
    (old,) = _as_it_is(connection, f"{name}_2")
    values: dict[str, ColumnElement[Any]] = {
        column.name: old.c[column.name] for column in new.columns if column.name in old.c
    }
    if "size_bytes" in new.c:
        values["size_bytes"] = func.length(cast(old.c.body, LargeBinary))
    if "region" in values:
        source = select(*values.values())
    else:
        (stream,) = _as_it_is(connection, "stream")
        of_stream = (stream.c.station == old.c.station) & (stream.c.epoch == old.c.epoch)
        source = select(*values.values(), func.coalesce(stream.c.region, "")).select_from(
            old.outerjoin(stream, of_stream)
        )
    connection.execute(insert(new).from_select([*values, *({"region"} - values.keys())], source))
    connection.execute(text(f'DROP TABLE "{name}_2"'))


def _judge_again(connection: Connection) -> None:
    """Intakes and voids an earlier version believed, and this one does not, are kept apart and out of the totals.

    Their places in the feed stay: it takes nothing back, and a hole in it would stop its readers.
    """
    columns = ("region", "station", "epoch", "seq")
    names = (*columns, "sha256", "type", "body", "received_at")
    event = schema.event
    for key in list(_disbelieved(connection)):
        mine = and_(*(event.c[name] == value for name, value in zip(columns, key, strict=True)))
        connection.execute(update(event).where(mine).values(problem="bad_data"))
        for table in (schema.intake, schema.intake_void):
            stands_for = and_(*(table.c[name] == value for name, value in zip(columns, key, strict=True)))
            connection.execute(delete(table).where(stands_for))
        apart = select(*(event.c[name] for name in names), literal("bad_data"), func.length(event.c.body)).where(mine)
        kept = insert(schema.quarantine).prefix_with("OR IGNORE")
        connection.execute(kept.from_select([*names, "reason", "size_bytes"], apart))


def _project_again(connection: Connection, station: str) -> None:
    """Of a number heard in two regions the receipts of one county stood in the way of the other's."""
    event, alarm = schema.event, schema.alarm
    for table in (schema.intake, schema.intake_void, schema.bag):
        connection.execute(delete(table).where(table.c.station == station))
    connection.execute(delete(alarm).where(alarm.c.station == station, alarm.c.kind == RECEIPT_TWICE))
    released = (event.c.station == station) & event.c.problem.is_(None) & event.c.feedseq.is_not(None)
    rows = connection.execute(
        select(event).where(released, event.c.type.in_(projection.TYPES)).order_by(event.c.feedseq)
    ).all()
    projection.project(connection, [projection.ReleasedEvent.stored(row, row.feedseq) for row in rows])


def _disbelieved(connection: Connection) -> Iterator[tuple[str, str, str, int]]:
    event = schema.event
    told = event.c.type.in_((IntakeConfirmed.TYPE, IntakeVoided.TYPE)) & event.c.problem.is_(None)
    rows = connection.execution_options(yield_per=_CHUNK).execute(
        select(event.c.region, event.c.station, event.c.epoch, event.c.seq, event.c.body).where(told)
    )
    for row in rows:
        if parse_event(bytes(row.body)).problem is not None:
            yield row.region, row.station, row.epoch, row.seq


_STEPS: Final[Mapping[int, Callable[[Connection], None]]] = {2: _to_2, 3: _to_3}

OLD_VIEWS: Final = tuple(
    f"CREATE TEMP VIEW {name} AS SELECT t.*, coalesce(s.region, '') AS region "  # noqa: S608 - names of our tables
    f"FROM main.{name} t LEFT JOIN main.stream s ON s.station = t.station AND s.epoch = t.epoch"
    for name in ("event", "quarantine", "alarm", "intake", "intake_void")
)
"""What a connection that only looks at a ledger of an older schema needs, to ask it as one of today: no file changes.
Before 3 the region of all but `stream` and `station_status` was that of their stream."""
