"""Queries about single streams, and one stream as a commit works on it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from sqlalchemy import Connection, select

from kiosk.messaging.contract.received_event import ReceivedEvent
from kiosk.sorting_center.ledger.database.schema import archived, event, quarantine, same_stream, stream
from kiosk.sorting_center.shared.ports import StreamReach

StreamKey = tuple[str, str, str]  # Station, epoch, region


def missing_ranges(upto: int, above: Iterable[int], max_seen: int) -> Iterator[tuple[int, int]]:
    """Yield the first and last number, both included, of every gap in (upto, max_seen].

    ``above`` are the numbers stored above ``upto``, ascending.
    """
    expected = upto + 1
    for seq in above:
        if seq > expected:
            yield expected, seq - 1
        expected = seq + 1
    if expected <= max_seen:
        yield expected, max_seen


def gaps(connection: Connection, row: StreamReach, limit: int) -> tuple[tuple[int, int], ...]:
    if row.max_seen == row.upto:
        return ()
    return tuple(islice(missing_ranges(row.upto, _held_numbers(connection, row), row.max_seen), limit))


def gap_count(connection: Connection) -> int:
    """Count the missing ranges: one station can make half a million."""
    rows = connection.execute(select(stream).where(stream.c.upto < stream.c.max_seen)).all()
    return sum(1 for row in rows for _ in missing_ranges(row.upto, _held_numbers(connection, row), row.max_seen))


def unfinished(connection: Connection) -> list[StreamKey]:
    """Return the streams whose next event is stored but not released, because a commit released as much as it may."""
    key = (stream.c.station, stream.c.epoch, stream.c.region)
    is_here = select(event.c.seq).where(same_stream(event, stream.c), event.c.seq == stream.c.upto + 1).exists()
    rows = connection.execute(select(*key).where(stream.c.upto < stream.c.max_seen, is_here))
    return [(row.station, row.epoch, row.region) for row in rows]


def quarantined(connection: Connection, row: StreamReach, limit: int) -> tuple[int, ...]:
    """Return the highest ``limit`` quarantined numbers up to ``upto``, ascending."""
    found = connection.execute(
        select(quarantine.c.seq)
        .distinct()
        .where(same_stream(quarantine, row), quarantine.c.seq <= row.upto)
        .order_by(quarantine.c.seq.desc())
        .limit(limit)
    )
    return tuple(sorted(found.scalars()))


def hash_at(connection: Connection, row: StreamReach, seq: int) -> str:
    """Return the hash of a released event, archived or not; "" above ``upto``: what is held there may be evicted."""
    if not 0 < seq <= row.upto:
        return ""
    for table in (event, archived):
        found = connection.execute(select(table.c.sha256).where(same_stream(table, row), table.c.seq == seq)).scalar()
        if found is not None:
            return str(found)
    return ""


def _held_numbers(connection: Connection, row: StreamReach) -> Iterator[int]:
    held = select(event.c.seq).where(same_stream(event, row), event.c.seq > row.upto)
    return iter(connection.execute(held.order_by(event.c.seq)).scalars())


class Released(NamedTuple):
    """An event whose place in the chain is certain; ``feedseq`` is None while it has no place in the feed."""

    event: ReceivedEvent
    feedseq: int | None
    held_since: str | None  # When it came, of an event that was held above a gap before this delivery


@dataclass(slots=True)
class Chain:
    """The row of ``stream`` while a delivery is taken in: walked in memory, written once."""

    station: str
    epoch: str
    region: str
    upto: int
    head: str
    max_seen: int
    gap_since: str | None
    events: Sequence[ReceivedEvent]
    highest_stored: int = 0  # No event above it was stored before this delivery
    has_quarantined: bool = False  # It may have events in quarantine
    fresh: dict[int, ReceivedEvent] = field(default_factory=dict)  # What is new, by seq
    released: list[Released] = field(default_factory=list)
    last_received_at: str = ""  # When the newest delivery with events of this stream came
    # The budget of the commit was spent: held events that are next in the chain may still be there.
    has_more: bool = False

    @property
    def key(self) -> StreamKey:
        return (self.station, self.epoch, self.region)
