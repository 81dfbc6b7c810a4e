"""The journal: every event, sealed and chained, in the transaction of what it records.

A row is also the outbox row of its event: it is done when ``epoch.acked_upto`` has passed it. One number that moves
costs the memory card less than a mark on each row, and it may move back.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, bindparam, case, func, insert, select, update

from kiosk.domain.events import BackupMade, EventData
from kiosk.domain.moment import ClockQuality, Moment
from kiosk.messaging.contract.envelope import hash_of_body, split_signature
from kiosk.messaging.contract.seal import ZERO_HASH, EventSource, JournalPosition, SealedEvent, seal
from kiosk.store.database.schema import EPOCH_SHIFT
from kiosk.store.database.schema import epoch as epoch_table
from kiosk.store.database.schema import journal as journal_table
from kiosk.store.database.schema import signing_key as key_table
from kiosk.store.database.schema import station as station_table
from kiosk.store.database.tables import Tables, reading, writing
from kiosk.store.shared.errors import StoreError, damaged
from kiosk.store.shared.records import Stamp

_NEWEST_EPOCH = (
    select(epoch_table.c.number, epoch_table.c.epoch, epoch_table.c.series, epoch_table.c.acked_upto)
    .order_by(epoch_table.c.number.desc())
    .limit(1)
)
_LAST = select(func.max(journal_table.c.position)).where(
    journal_table.c.position > epoch_table.c.number * EPOCH_SHIFT,
    journal_table.c.position < (epoch_table.c.number + 1) * EPOCH_SHIFT,
)
# In one statement, as every event asks it: the newest epoch, and its last event, which the next one follows.
_END = (
    select(
        epoch_table.c.number,
        epoch_table.c.epoch,
        select(station_table.c.station).scalar_subquery(),
        journal_table.c.seq,
        journal_table.c.sha256,
    )
    .outerjoin(journal_table, journal_table.c.position == _LAST.correlate(epoch_table).scalar_subquery())
    .order_by(epoch_table.c.number.desc())
    .limit(1)
)
_HEAD = (
    select(journal_table.c.seq, journal_table.c.sha256)
    .where(journal_table.c.position > bindparam("first"), journal_table.c.position < bindparam("after"))
    .order_by(journal_table.c.position.desc())
    .limit(1)
)
_APPEND = insert(journal_table)
# With the event itself, so that none is missed that a signature has to cover later. No row: there was no key yet.
_COUNT_UNSIGNED = update(key_table).values(
    first_seq=case((key_table.c.events == 0, bindparam("seq")), else_=key_table.c.first_seq),
    last_seq=bindparam("seq"),
    events=key_table.c.events + 1,
    head=bindparam("sha256"),
)
_EVENTS = select(
    epoch_table.c.epoch, journal_table.c.seq, journal_table.c.type, journal_table.c.body, journal_table.c.sha256
).join(epoch_table)


_RECENT: Final = 100


@dataclass(frozen=True, slots=True)
class Epoch:
    number: int
    epoch: str
    series: str
    acked_upto: int


class BrokenChain(ValueError):
    """The journal is not what was written; the text names the event."""


class Journal(Tables):
    @writing
    def append(self, connection: Connection, event: BackupMade, stamp: Stamp) -> None:
        append(connection, event, stamp)

    @reading
    def newest_moment(self, connection: Connection, boot_id: str) -> Moment | None:
        """Return when, by its own time, the newest event of this boot was written; None when none of the last is.

        Reissued events of another boot may follow it.
        """
        recent = select(journal_table.c.body).order_by(journal_table.c.position.desc()).limit(_RECENT)
        events = map(json.loads, connection.execute(recent).scalars())
        return next((moment_of(event) for event in events if event["bootid"] == boot_id), None)

    @reading
    def verify(self, connection: Connection) -> int:
        """Walk all events of all epochs and return how many. Raises DatabaseDamaged at the first broken link."""
        return check(connection, self.database.path)


def moment_of(event: Mapping[str, str]) -> Moment:
    """Return when an event says that it was written. The zone is not in it."""
    return Moment(
        utc=datetime.fromisoformat(event["time"]),
        zone="UTC",
        offset_minutes=0,
        quality=ClockQuality(event["clock"]),
        boot_id=event["bootid"],
        monotonic_ms=int(event["monotonicms"]),
    )


def check(connection: Connection, path: Path, start: int = 0) -> int:
    try:
        return check_links(rows_from(connection, start))
    except (BrokenChain, ValueError, KeyError, TypeError) as error:
        raise damaged(path, str(error)) from error


def current_epoch(connection: Connection) -> Epoch:
    epoch = newest_epoch(connection)
    if epoch is None:
        raise StoreError("The database has no epoch: open it again.")
    return epoch


def newest_epoch(connection: Connection) -> Epoch | None:
    """Return the epoch begun last; None in a file just made."""
    row = connection.execute(_NEWEST_EPOCH).one_or_none()
    return Epoch(*row) if row else None


def position_of(epoch_number: int, seq: int) -> int:
    return epoch_number * EPOCH_SHIFT + seq


def last_seq(connection: Connection, epoch_number: int) -> int:
    """Return the last sequence number of an epoch, 0 when it has no event."""
    return head(connection, epoch_number)[0]


@dataclass(frozen=True, slots=True)
class ReissuedEvent:
    """An event to reissue: the ``{epoch}-{seq}`` it had first, and its data as recorded there."""

    first_id: str
    data: Mapping[str, object]


def append(connection: Connection, data: EventData, stamp: Stamp, *, reissue_of: ReissuedEvent | None = None) -> int:
    """Seal an event as the next one of the current epoch; return its position. Raises StoreError."""
    return append_sealed(connection, data, stamp, reissue_of=reissue_of)[0]


def append_sealed(
    connection: Connection, data: EventData, stamp: Stamp, *, reissue_of: ReissuedEvent | None = None
) -> tuple[int, SealedEvent]:
    """Do the same; return the event as well."""
    number, epoch, station, seq, prevhash = connection.execute(_END).one()
    try:
        sealed = seal(
            data,
            EventSource(station, stamp.software, stamp.metrology, stamp.region, stamp.sign),
            JournalPosition(epoch, (seq or 0) + 1, prevhash or ZERO_HASH, reissue_of.first_id if reissue_of else None),
            stamp.moment,
            reissue_of.data if reissue_of else None,
        )
    except ValueError as error:
        raise StoreError(f"Nothing was written: {error}.") from error
    if not is_signed(sealed):
        connection.execute(_COUNT_UNSIGNED, {"seq": sealed.seq, "sha256": sealed.sha256})
    return _insert(connection, number, sealed), sealed


def is_signed(event: SealedEvent) -> bool:
    return bool(split_signature(event.body)[1])


def rows_from(connection: Connection, position: int, limit: int | None = None) -> Iterator[SealedEvent]:
    """Yield stored events from a position on, in order, not all in memory at once."""
    query = _EVENTS.where(journal_table.c.position >= position).order_by(journal_table.c.position).limit(limit)
    for row in connection.execution_options(yield_per=100).execute(query):
        yield SealedEvent(*row)


def position_of_last(connection: Connection, count: int) -> int:
    recent = select(journal_table.c.position).order_by(journal_table.c.position.desc()).limit(count)
    return min(connection.execute(recent).scalars(), default=0)


def check_links(rows: Iterable[SealedEvent]) -> int:
    """Walk events in order; return how many. Raises BrokenChain at the first that does not follow from the one before.

    The first row of all is not checked, unless it is the first of its epoch.
    """
    before: SealedEvent | None = None
    count = 0
    for row in rows:
        _check_link(before, row)
        before = row
        count += 1
    return count


def _check_link(before: SealedEvent | None, row: SealedEvent) -> None:
    name = f"event {row.epoch}-{row.seq} of the journal"
    if hash_of_body(row.body) != row.sha256:
        raise BrokenChain(f"{name} was changed (its hash differs)")
    event = json.loads(row.body)
    if (event["epoch"], event["seq"], event["type"]) != (row.epoch, row.seq, row.type):
        raise BrokenChain(f"{name} stands in the place of another")
    if before is not None and before.epoch == row.epoch:
        expected_seq, expected_hash = before.seq + 1, before.sha256
    elif before is not None or row.seq == 1:
        expected_seq, expected_hash = 1, ZERO_HASH
    else:
        return
    if (row.seq, event["prevhash"]) != (expected_seq, expected_hash):
        raise BrokenChain(f"{name} does not follow the one before it")


def head(connection: Connection, epoch_number: int) -> tuple[int, str]:
    first, after = position_of(epoch_number, 0), position_of(epoch_number + 1, 0)
    row = connection.execute(_HEAD, {"first": first, "after": after}).one_or_none()
    return (row.seq, row.sha256) if row else (0, ZERO_HASH)


def _insert(connection: Connection, epoch_number: int, sealed: SealedEvent) -> int:
    position = position_of(epoch_number, sealed.seq)
    row = {
        "position": position,
        "epoch": epoch_number,
        "seq": sealed.seq,
        "type": sealed.type,
        "sha256": sealed.sha256,
        "body": sealed.body,
    }
    connection.execute(_APPEND, row)
    return position
