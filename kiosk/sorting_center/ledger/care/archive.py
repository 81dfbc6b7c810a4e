"""Months that are over leave the ledger: their events into a file each, and of each event its key and hash stay."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import msgspec
from sqlalchemy import ColumnElement, Connection, delete, func, insert, or_, select, text
from sqlalchemy.exc import DBAPIError

from kiosk.base import files
from kiosk.sorting_center.ledger.database.faults import translate_error
from kiosk.sorting_center.ledger.database.opening import OpenedLedger, open_for_writing
from kiosk.sorting_center.ledger.database.places import delete_archived_ranges
from kiosk.sorting_center.ledger.database.postgres import next_month, partition_of
from kiosk.sorting_center.ledger.database.rows import upsert_rows
from kiosk.sorting_center.ledger.database.schema import ARCHIVED, archived, event, feed_position, same_stream, stream
from kiosk.sorting_center.ledger.database.times import utc_now
from kiosk.sorting_center.ledger.shared.errors import LedgerDamaged, LedgerError, LedgerNotEmpty

_CHUNK: Final = 500
_LOCK_S: Final = 30


class _ArchivedEvent(msgspec.Struct, omit_defaults=True):
    """One event in an archive: what the ledger knew of it, and the event byte for byte as it was hashed."""

    region: str
    received_at: str
    sha256: str
    feedseq: int | None
    event: msgspec.Raw
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class ArchivedMonth:
    """``sha256`` is of the file."""

    month: str
    file: Path
    events: int
    sha256: str


def archive(url: str, before: str, folder: Path, followed: Mapping[str, int] | None = None) -> Iterator[ArchivedMonth]:
    """Archive and yield every month before this one (YYYY-MM), the oldest first; raises a LedgerError or OSError.

    A month leaves the ledger after its file was written, forced to disk and read back. ``followed``: how far each other
    reader of the feed has read, by name.
    """
    if before > utc_now()[:7]:
        raise LedgerError(f"{before} has not begun yet: a month that is not over stays")
    with closing(open_for_writing(url)) as opened:
        try:
            # Found one after the other: events are not ordered by time.
            months = []
            with opened.reader.connect() as connection:
                after = select(func.min(event.c.received_at))
                found = connection.execute(after).scalar()
                while found is not None and found[:7] < before:
                    months.append(found[:7])
                    following = f"{next_month(found[:7])}-01T00:00:00.000Z"
                    found = connection.execute(after.where(event.c.received_at >= following)).scalar()
            for month in months:
                yield _archive_month(opened, month, folder, followed or {})
        except DBAPIError as error:
            raise translate_error(opened.address, error) from error


def _archive_month(opened: OpenedLedger, month: str, folder: Path, followed: Mapping[str, int]) -> ArchivedMonth:
    file = folder / f"events-{month}.jsonl.gz"
    temporary = file.with_name(f".{file.name}.archive")
    try:
        with opened.reader.connect() as connection:
            _require_complete(connection, month)
            _require_followed(connection, month, followed)
            with files.atomic_writer(temporary) as raw:
                events, content = _write_events(connection, month, raw)
        if _verify_file(temporary) != (events, content):
            raise LedgerDamaged(f"{temporary} does not read as it was written: check the disk; the ledger is as it was")
        file_sha256 = _sha256(temporary)
        if file.exists() and _sha256(file) != file_sha256:  # the same is there after a call that was cut off
            raise LedgerNotEmpty(f"{file} is there already and holds something else: give another folder")
        files.write_durably(file.with_name(f"{file.name}.sha256"), f"{file_sha256}  {file.name}\n".encode())
        temporary.replace(file)
        files.sync_folder(folder)
    finally:
        temporary.unlink(missing_ok=True)
    with opened.writing.begin() as connection:
        _remove_month(connection, month, events)
    return ArchivedMonth(month, file, events, file_sha256)


def _is_in_month(month: str) -> ColumnElement[bool]:
    begin, end = f"{month}-01T00:00:00.000Z", f"{next_month(month)}-01T00:00:00.000Z"
    return (event.c.received_at >= begin) & (event.c.received_at < end)


def _require_complete(connection: Connection, month: str) -> None:
    """Check that nothing of the month is awaited: no gap below, no place in the feed to come, no publisher behind."""
    waiting = or_(event.c.seq > stream.c.upto, event.c.problem.is_(None) & event.c.feedseq.is_(None))
    key = (event.c.station, event.c.epoch, event.c.seq)
    of_stream = select(*key).join(stream, same_stream(stream, event.c))
    held = of_stream.where(_is_in_month(month), waiting)
    first = connection.execute(held.order_by(*key).limit(1)).first()
    if first is not None:
        raise LedgerError(
            f"{month} stays: event {first.seq} of {first.station} {first.epoch} is not released, because events before "
            "it are missing or the feed has not come to it"
        )
    highest = _highest_place(connection, month)
    published = select(func.min(feed_position.c.feedseq)).where(feed_position.c.name != ARCHIVED)
    position = connection.execute(published).scalar() or 0
    if highest > position:
        raise LedgerError(f"{month} stays: the feed was published up to {position}, and the month goes up to {highest}")


def _require_followed(connection: Connection, month: str, followed: Mapping[str, int]) -> None:
    """Check that all readers are past the month: they never read an archive, so offers and pictures would be missed."""
    highest = _highest_place(connection, month)
    behind = {name: place for name, place in followed.items() if place < highest}
    if behind:
        positions = ", ".join(f"{name} up to {place}" for name, place in behind.items())
        raise LedgerError(
            f"{month} stays: it goes up to {highest} in the feed, and it was read for {positions}: let the sorting "
            "center run, with its pages and pictures, until that is done"
        )


def _highest_place(connection: Connection, month: str) -> int:
    return connection.execute(select(func.max(event.c.feedseq)).where(_is_in_month(month))).scalar() or 0


def _write_events(connection: Connection, month: str, raw: BinaryIO) -> tuple[int, str]:
    """Write the events; return their number and the SHA-256 of the uncompressed content."""
    content, events = hashlib.sha256(), 0
    ordered = (
        select(event).where(_is_in_month(month)).order_by(event.c.station, event.c.epoch, event.c.seq, event.c.region)
    )
    encode = msgspec.json.Encoder().encode
    # Without name and time in the header, the same events make the same file.
    with gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as packed:
        for row in connection.execution_options(yield_per=_CHUNK).execute(ordered):
            body = msgspec.Raw(bytes(row.body))
            one = _ArchivedEvent(row.region, row.received_at, row.sha256, row.feedseq, body, row.problem)
            line = encode(one) + b"\n"
            content.update(line)
            packed.write(line)
            events += 1
    return events, content.hexdigest()


_decode_line: Final = msgspec.json.Decoder(_ArchivedEvent).decode


def _verify_file(path: Path) -> tuple[int, str]:
    content, events = hashlib.sha256(), 0
    with gzip.open(path, "rb") as packed:
        for line in packed:
            content.update(line)
            _decode_line(line)
            events += 1
    return events, content.hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _remove_month(connection: Connection, month: str, events: int) -> None:
    """Remove exactly what is in the file; nothing when events came into the month, though none should.

    Nothing is removed either when an event was taken in again meanwhile and has no place in the feed yet.
    """
    partition = _lock_partition(connection, month) if connection.dialect.name == "postgresql" else None
    _require_complete(connection, month)
    names = ["station", "epoch", "seq", "region", "sha256"]
    insert_keys = insert(archived).from_select(
        names, select(*(event.c[name] for name in names)).where(_is_in_month(month))
    )
    highest = _highest_place(connection, month)
    before = connection.execute(select(feed_position.c.feedseq).where(feed_position.c.name == ARCHIVED)).scalar() or 0
    if connection.execute(insert_keys.execution_options(preserve_rowcount=True)).rowcount != events:
        raise LedgerDamaged(f"events came into {month} while it was archived: the ledger is as it was, try again")
    upsert_rows(connection, feed_position, [(ARCHIVED, max(highest, before))])
    if partition is not None:
        connection.execute(text(f"ALTER TABLE event_by_month DETACH PARTITION {partition}"))
        connection.execute(text(f"DROP TABLE {partition}"))
    connection.execute(delete(event).where(_is_in_month(month)))
    delete_archived_ranges(connection, highest)


def _lock_partition(connection: Connection, month: str) -> str | None:
    """Lock the partition and return its name; None when the month has none of its own."""
    name = partition_of(month)
    if connection.execute(text("SELECT to_regclass(:name)"), {"name": name}).scalar() is None:
        return None
    connection.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_S}s'"))
    connection.execute(text(f"LOCK TABLE {name} IN EXCLUSIVE MODE"))
    return name
