"""The rules of taking events in, inside one transaction of the caller.

The ledger holds one unbroken chain per stream (station, epoch). An event is stored as soon as it comes; it is
*released* (counted in ``upto``, given its place in the feed) when everything before it is there and its ``prevhash``
is the hash of the event before it. Whatever contradicts the chain goes to quarantine, and only the chain judges: an
event above a gap may belong to a clone, so nothing downstream sees it before the gap is filled.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, func, insert, select, update

from kiosk.messaging.contract.receive import ReceivedEvent, parse_event
from kiosk.messaging.contract.seal import ZERO_HASH
from kiosk.sorting_center.ledger import projection
from kiosk.sorting_center.ledger.alarms import quarantine_event, raise_alarm
from kiosk.sorting_center.ledger.records import BROKEN_CHAIN, FAR_AHEAD, FORK
from kiosk.sorting_center.ledger.schema import event as event_table
from kiosk.sorting_center.ledger.schema import quarantine, stream

MAX_AHEAD: Final = 50_000
"""How far above ``upto`` an event may be held. A station keeps what was acknowledged for 30 days, some 21,000 events of
a busy one, and has at most 3,200 on their way (32 batches): more than twice that is behind no center. One that is, far
behind because of a very old backup, is sent everything from ``upto`` on, and then takes the event like any other."""

_HELD_CHUNK: Final = 200
_IN_CHUNK: Final = 500
"""Values in one IN list: SQLite before 3.32 takes 999 parameters."""


@dataclass(slots=True)
class _Stream:
    station: str
    epoch: str
    region: str
    upto: int
    head: str
    max_seen: int
    gap_since: str | None
    is_new: bool


@dataclass(frozen=True, slots=True)
class _Released:
    event: ReceivedEvent
    feedseq: int | None
    was_held: bool


class Acceptance:
    """Takes events in on one connection; ``received_at`` is RFC 3339 in UTC, the center's clock."""

    def __init__(self, connection: Connection, received_at: str) -> None:
        self._connection = connection
        self._received_at = received_at
        self._last_feedseq: int | None = None

    def accept(self, region: str, events: Sequence[ReceivedEvent]) -> None:
        """All events of one stream."""
        state = self._open_stream(events[0], region)
        near = self._within_reach(state, events)
        state.max_seen = max([state.max_seen, *(item.seq for item in near)])
        fresh = self._sort_out(state, near)
        released = self._release(state, fresh)
        self._store(state, fresh, released)
        projection.project(
            self._connection, [(item.event, item.feedseq) for item in released if item.feedseq], self._received_at
        )
        self._close_stream(state)

    def _open_stream(self, first: ReceivedEvent, region: str) -> _Stream:
        row = self._connection.execute(
            select(stream).where(stream.c.station == first.station, stream.c.epoch == first.epoch)
        ).one_or_none()
        if row is None:
            return _Stream(first.station, first.epoch, region, 0, ZERO_HASH, 0, None, True)
        return _Stream(row.station, row.epoch, region, row.upto, row.head, row.max_seen, row.gap_since, False)

    def _within_reach(self, state: _Stream, events: Sequence[ReceivedEvent]) -> list[ReceivedEvent]:
        """One event with an absurd number would leave a gap that no station can ever fill: it is kept apart."""
        limit = state.upto + len(events) + MAX_AHEAD
        near = [item for item in events if item.seq <= limit]
        for item in events:
            if item.seq > limit:
                quarantine_event(self._connection, item, FAR_AHEAD, self._received_at)
        return near

    def _sort_out(self, state: _Stream, events: Sequence[ReceivedEvent]) -> dict[int, ReceivedEvent]:
        """What is new, by seq. The same again is absorbed; the same key with another hash is a fork."""
        known = self._stored_hashes(state, sorted({item.seq for item in events}))
        fresh: dict[int, ReceivedEvent] = {}
        for item in events:
            have = known.get(item.seq)
            if have is None:
                known[item.seq], fresh[item.seq] = item.sha256, item
            elif have != item.sha256:
                self._set_apart(item, FORK, "came twice with different content")
        return fresh

    def _stored_hashes(self, state: _Stream, seqs: Sequence[int]) -> dict[int, str]:
        hashes: dict[int, str] = {}
        for start in range(0, len(seqs), _IN_CHUNK):
            rows = self._connection.execute(
                select(event_table.c.seq, event_table.c.sha256).where(
                    _of(state), event_table.c.seq.in_(seqs[start : start + _IN_CHUNK])
                )
            )
            hashes.update((row.seq, row.sha256) for row in rows)
        return hashes

    def _release(self, state: _Stream, fresh: dict[int, ReceivedEvent]) -> list[_Released]:
        """Walk the chain upward from ``upto`` as far as it holds; evict the event that breaks it."""
        released: list[_Released] = []
        held = self._held(state)
        while True:
            seq = state.upto + 1
            was_held = seq not in fresh
            item = next(held, None) if was_held else fresh[seq]
            if item is None or item.seq != seq:
                return released
            if not _links(item, state.head):
                self._evict(item, fresh, was_held)
                return released
            state.upto, state.head = seq, item.sha256
            released.append(_Released(item, None if item.problem else self._next_feedseq(), was_held))

    def _held(self, state: _Stream) -> Iterator[ReceivedEvent]:
        """Stored events above ``upto``, ascending, read in small steps and only as far as asked for."""
        after = state.upto
        while after < state.max_seen:
            rows = self._connection.execute(
                select(event_table.c.body, event_table.c.problem)
                .where(_of(state), event_table.c.seq > after)
                .order_by(event_table.c.seq)
                .limit(_HELD_CHUNK)
            ).all()
            if not rows:
                return
            for row in rows:
                item = replace(parse_event(bytes(row.body)), problem=row.problem)
                after = item.seq
                yield item

    def _evict(self, item: ReceivedEvent, fresh: dict[int, ReceivedEvent], was_held: bool) -> None:
        self._set_apart(item, BROKEN_CHAIN, "does not follow the event before it")
        if was_held:
            self._connection.execute(delete(event_table).where(_of(item), event_table.c.seq == item.seq))
        else:
            del fresh[item.seq]

    def _set_apart(self, item: ReceivedEvent, reason: str, what: str) -> None:
        quarantine_event(self._connection, item, reason, self._received_at)
        raise_alarm(self._connection, reason, item, f"event {item.seq} {what}", self._received_at)

    def _next_feedseq(self) -> int:
        if self._last_feedseq is None:
            self._last_feedseq = self._connection.execute(select(func.max(event_table.c.feedseq))).scalar() or 0
        self._last_feedseq += 1
        return self._last_feedseq

    def _store(self, state: _Stream, fresh: dict[int, ReceivedEvent], released: Sequence[_Released]) -> None:
        places = {item.event.seq: item.feedseq for item in released}
        if fresh:
            self._connection.execute(
                insert(event_table), [self._row(item, places.get(item.seq)) for item in fresh.values()]
            )
        filled = [{"key": item.event.seq, "place": item.feedseq} for item in released if item.was_held and item.feedseq]
        if filled:
            self._connection.execute(
                update(event_table)
                .where(_of(state), event_table.c.seq == bindparam("key"))
                .values(feedseq=bindparam("place")),
                filled,
            )
        self._discharge(state, [item.event for item in released if item.event.problem is None])
        for item in fresh.values():
            if item.problem is not None:
                quarantine_event(self._connection, item, item.problem, self._received_at)

    def _row(self, item: ReceivedEvent, feedseq: int | None) -> dict[str, object]:
        return {
            "station": item.station,
            "epoch": item.epoch,
            "seq": item.seq,
            "sha256": item.sha256,
            "prevhash": item.prevhash,
            "type": item.type,
            "problem": item.problem,
            "body": item.body,
            "received_at": self._received_at,
            "feedseq": feedseq,
        }

    def _discharge(self, state: _Stream, accepted: Iterable[ReceivedEvent]) -> None:
        """What was set apart while a clone stood in its place, or came too early, is out of quarantine when it fits."""
        rows = self._connection.execute(
            select(quarantine.c.id, quarantine.c.sha256).where(
                quarantine.c.station == state.station,
                quarantine.c.epoch == state.epoch,
                quarantine.c.reason.in_((FORK, BROKEN_CHAIN, FAR_AHEAD)),
            )
        ).all()
        if not rows:
            return
        hashes = {item.sha256 for item in accepted}
        for row in rows:
            if row.sha256 in hashes:
                self._connection.execute(delete(quarantine).where(quarantine.c.id == row.id))

    def _close_stream(self, state: _Stream) -> None:
        has_gap = state.upto < state.max_seen
        values = {
            "region": state.region,
            "upto": state.upto,
            "head": state.head,
            "max_seen": state.max_seen,
            "gap_since": (state.gap_since or self._received_at) if has_gap else None,
            "last_received_at": self._received_at,
        }
        key = {"station": state.station, "epoch": state.epoch}
        if state.is_new:
            self._connection.execute(insert(stream), {**key, **values, "first_received_at": self._received_at})
        else:
            self._connection.execute(
                update(stream).where(and_(*(stream.c[name] == value for name, value in key.items()))).values(values)
            )


def _of(stream_of: _Stream | ReceivedEvent) -> ColumnElement[bool]:
    return and_(event_table.c.station == stream_of.station, event_table.c.epoch == stream_of.epoch)


def _links(item: ReceivedEvent, head: str) -> bool:
    """An event whose envelope was too bad to name its ``prevhash`` is linked by its successor alone."""
    return item.prevhash == head or (item.prevhash == "" and item.problem is not None)
