"""The rules of taking events in, inside one transaction of the caller.

The ledger holds one unbroken chain per stream (region, station, epoch). An event is stored as soon as it comes; it is
*released* (counted in ``upto``, given its place in the feed) when everything before it is there and its ``prevhash``
is the hash of the event before it. Whatever contradicts the chain goes to quarantine, and only the chain judges: an
event above a gap may belong to a clone, so nothing downstream sees it before the gap is filled.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, func, insert, select, update

from kiosk.domain.identifiers import SERIES_LETTERS
from kiosk.messaging.contract.receive import ReceivedEvent, parse_event
from kiosk.messaging.contract.seal import ZERO_HASH
from kiosk.sorting_center.ledger import projection
from kiosk.sorting_center.ledger.alarms import Attention
from kiosk.sorting_center.ledger.records import BROKEN_CHAIN, FAR_AHEAD, FORK, SECOND_REGION, TOO_MANY_EPOCHS
from kiosk.sorting_center.ledger.schema import event as event_table
from kiosk.sorting_center.ledger.schema import quarantine, stream

MAX_AHEAD: Final = 50_000
"""How far above ``upto`` an event may be held. A station keeps what was acknowledged for 30 days, some 21,000 events of
a busy one, and has at most 3,200 on their way (32 batches): more than twice that is behind no center. One that is, far
behind because of a very old backup, is sent everything from ``upto`` on, and then takes the event like any other."""

MAX_EPOCHS: Final = len(SERIES_LETTERS)
"""Of one station: each epoch takes a receipt letter of its own, and no station goes on after the last."""

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


class FeedNumbers:
    """The places of the feed, given out without a hole for as long as the transaction lasts."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._last: int | None = None

    def next(self) -> int:
        if self._last is None:
            self._last = self._connection.execute(select(func.max(event_table.c.feedseq))).scalar() or 0
        self._last += 1
        return self._last


class Acceptance:
    """Takes events of one region in on one connection; ``received_at`` is RFC 3339 in UTC, the center's clock."""

    def __init__(self, connection: Connection, region: str, received_at: str, feed: FeedNumbers) -> None:
        self._connection = connection
        self._region = region
        self._received_at = received_at
        self._feed = feed
        self._attention = Attention(connection, region, received_at)
        self._set_apart_any = False

    def accept(self, events: Sequence[ReceivedEvent]) -> bool:
        """All events of one stream; false when it is one epoch too many, and nothing of it is taken in."""
        state = self._open_stream(events[0])
        if state is None:
            return False
        if any(item.region not in ("", self._region) for item in events):
            detail = "sends events that name another region than their topic; the topic's is the one they count in"
            self._attention.raise_alarm(SECOND_REGION, (state.station, "", 0), detail)
        near = self._within_reach(state, events)
        state.max_seen = max([state.max_seen, *(item.seq for item in near)])
        fresh = self._sort_out(state, near)
        released = self._release(state, fresh)
        self._store(state, fresh, released)
        projection.project(
            self._connection,
            self._attention,
            [
                projection.ReleasedEvent(item.event, item.feedseq, self._region, self._received_at)
                for item in released
                if item.feedseq
            ],
        )
        self._close_stream(state)
        if self._set_apart_any:
            self._attention.bound(state.station)
        return True

    def _open_stream(self, first: ReceivedEvent) -> _Stream | None:
        mine = (stream.c.station == first.station) & (stream.c.region == self._region)
        row = self._connection.execute(select(stream).where(mine, stream.c.epoch == first.epoch)).one_or_none()
        if row is not None:
            return _Stream(row.station, row.epoch, row.region, row.upto, row.head, row.max_seen, row.gap_since, False)
        if self._connection.execute(select(func.count()).where(mine)).scalar_one() >= MAX_EPOCHS:
            detail = f"tells of more than {MAX_EPOCHS} epochs; nothing of a further one is taken in or acknowledged"
            self._attention.raise_alarm(TOO_MANY_EPOCHS, (first.station, "", 0), detail)
            return None
        return _Stream(first.station, first.epoch, self._region, 0, ZERO_HASH, 0, None, True)

    def _within_reach(self, state: _Stream, events: Sequence[ReceivedEvent]) -> list[ReceivedEvent]:
        """One event with an absurd number would leave a gap that no station can ever fill: it is kept apart."""
        limit = state.upto + len(events) + MAX_AHEAD
        near = [item for item in events if item.seq <= limit]
        for item in events:
            if item.seq > limit:
                self._quarantine(item, FAR_AHEAD)
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
                self._evict(state, item, fresh, was_held)
                return released
            state.upto, state.head = seq, item.sha256
            released.append(_Released(item, None if item.problem else self._feed.next(), was_held))

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

    def _evict(self, state: _Stream, item: ReceivedEvent, fresh: dict[int, ReceivedEvent], was_held: bool) -> None:
        self._set_apart(item, BROKEN_CHAIN, "does not follow the event before it")
        if was_held:
            self._connection.execute(delete(event_table).where(_of(state), event_table.c.seq == item.seq))
        else:
            del fresh[item.seq]

    def _set_apart(self, item: ReceivedEvent, reason: str, what: str) -> None:
        self._quarantine(item, reason)
        self._attention.alarm(reason, item, f"event {item.seq} {what}")

    def _quarantine(self, item: ReceivedEvent, reason: str) -> None:
        self._attention.quarantine(item, reason)
        self._set_apart_any = True

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
                self._quarantine(item, item.problem)

    def _row(self, item: ReceivedEvent, feedseq: int | None) -> dict[str, object]:
        return {
            "station": item.station,
            "epoch": item.epoch,
            "seq": item.seq,
            "region": self._region,
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
                quarantine.c.region == state.region,
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
            "upto": state.upto,
            "head": state.head,
            "max_seen": state.max_seen,
            "gap_since": (state.gap_since or self._received_at) if has_gap else None,
            "last_received_at": self._received_at,
        }
        key = {"station": state.station, "epoch": state.epoch, "region": state.region}
        if state.is_new:
            self._connection.execute(insert(stream), {**key, **values, "first_received_at": self._received_at})
        else:
            self._connection.execute(
                update(stream).where(and_(*(stream.c[name] == value for name, value in key.items()))).values(values)
            )


def _of(state: _Stream) -> ColumnElement[bool]:
    return and_(
        event_table.c.station == state.station,
        event_table.c.epoch == state.epoch,
        event_table.c.region == state.region,
    )


def _links(item: ReceivedEvent, head: str) -> bool:
    """An event whose envelope was too bad to name its ``prevhash`` is linked by its successor alone."""
    return item.prevhash == head or (item.prevhash == "" and item.problem is not None)
