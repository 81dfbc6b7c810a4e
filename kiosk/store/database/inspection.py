"""Inspects a station's database from outside, also while the station works; it only reads."""

from __future__ import annotations

import json
import re
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from kiosk.domain.catalog import Catalog
from kiosk.store.database.connection import connect_existing, reading
from kiosk.store.shared.errors import StoreError, translate_errors

SQLITE_VERSION: Final = sqlite3.sqlite_version

_BUSY_S: Final = 2.0
_LAST_EVENTS: Final = 200
# Columns that may hold a person's name or details of a parcel.
_PRIVATE_COLUMNS: Final = (("clerk", "name"), ("parcel", "waybill"), ("parcel", "proxy_name"))
_MAX_PRIVATE: Final = 200_000
_MAX_ROW_BYTES: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class EpochSummary:
    """A life of the database: its receipt letter, its last event and the last one the sorting center has."""

    epoch: str
    series: str
    last_seq: int
    head: str
    acked_upto: int


@dataclass(frozen=True, slots=True)
class DatabaseSummary:
    """What a technician asks of a database. ``waiting_since`` is the time of the oldest event that is not done.

    ``people`` counts, by role, those who are active and have a PIN; ``pin_keys`` counts their PINs by the name of the
    key they are kept under.
    """

    schema: int
    station: str
    epoch: EpochSummary
    pending: int
    waiting_since: str | None
    quarantined: int
    catalog_version: int
    people: dict[str, int]
    pin_keys: dict[str, int]


@dataclass(frozen=True, slots=True)
class EventSummary:
    """An event without its data."""

    epoch: str
    seq: int
    type: str
    time: str
    clock: str


@contextmanager
def open_read_only(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a read-only connection on one unchanging state; close it at the end. Raises StoreError."""
    with translate_errors(path), closing(connect_existing(path, reading(path), _BUSY_S)) as connection:
        connection.execute("BEGIN")
        yield connection


def inspect_database(path: Path) -> DatabaseSummary | None:
    with open_read_only(path) as connection:
        epochs = _epochs(connection)
        if not epochs:
            return None
        newest = epochs[-1]
        waiting = connection.execute(
            "SELECT body FROM journal WHERE position = (SELECT max(number) FROM epoch) * 4294967296 + ?",
            (newest.acked_upto + 1,),
        ).fetchone()
        people = connection.execute(
            "SELECT role, count(*) FROM clerk WHERE active = 1 AND pin_hash <> '' GROUP BY role"
        ).fetchall()
        hashes = connection.execute("SELECT pin_hash FROM clerk WHERE active = 1 AND pin_hash <> ''")
        # `$keyed$NAME$…` (pin_hash.py), no more of it.
        keys = (re.match(r"\$keyed\$([0-9a-f]{16})\$", str(pin_hash)) for (pin_hash,) in hashes)
        return DatabaseSummary(
            schema=_one(connection, "PRAGMA user_version"),
            station=_one(connection, "SELECT station FROM station"),
            epoch=newest,
            pending=newest.last_seq - newest.acked_upto,
            waiting_since=str(json.loads(waiting[0])["time"]) if waiting else None,
            quarantined=_one(
                connection,
                "SELECT count(*) FROM quarantined WHERE epoch = (SELECT max(number) FROM epoch)",
            ),
            catalog_version=_one(connection, "SELECT coalesce(max(version), 0) FROM catalog_version"),
            people=dict(people),
            pin_keys=dict(Counter(match[1] for match in keys if match)),
        )


def all_epochs(path: Path) -> list[EpochSummary]:
    with open_read_only(path) as connection:
        return _epochs(connection)


def event_counters(path: Path) -> dict[str, int]:
    with open_read_only(path) as connection:
        return dict(connection.execute("SELECT name, value FROM metrology_counter").fetchall())


def row_counts(path: Path) -> dict[str, int]:
    with open_read_only(path) as connection:
        tables = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").fetchall()
        return {name: _one(connection, f'SELECT count(*) FROM "{name}"') for (name,) in tables}  # noqa: S608


def last_events(path: Path, limit: int = _LAST_EVENTS) -> list[EventSummary]:
    """Read the newest events, oldest first, without their content. Raises StoreError."""
    with open_read_only(path) as connection:
        rows = connection.execute("SELECT body FROM journal ORDER BY position DESC LIMIT ?", (limit,)).fetchall()
    found = (json.loads(body) for (body,) in reversed(rows))
    return [EventSummary(one["epoch"], one["seq"], one["type"], one["time"], one["clock"]) for one in found]


def sealed_events(path: Path) -> Iterator[tuple[str, str, bytes]]:
    """Yield ``{epoch}-{seq}``, hash and body of every event, as stored. Raises StoreError."""
    with open_read_only(path) as connection:
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MAX_ROW_BYTES)
        tables = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN ('epoch', 'journal')"
        if _one(connection, tables) != 2:  # Views of these names may be of any length
            raise StoreError(f"The database {path} is not that of a station: it has no journal.")
        yield from connection.execute(
            "SELECT coalesce(epoch.epoch, '') || '-' || seq, CAST(sha256 AS TEXT), CAST(body AS BLOB) "
            "FROM journal LEFT JOIN epoch ON number = journal.epoch ORDER BY position"
        )


_catalog: Final = msgspec.json.Decoder(Catalog).decode


def private_words(path: Path) -> set[str]:
    """Read the names of people and numbers of parcels: what must never leave the database. Raises StoreError."""
    words: set[str] = set()
    with open_read_only(path) as connection:
        for (content,) in connection.execute("SELECT content FROM catalog_version"):
            members = _catalog(content).members
            words.update(word for member in members for word in (member.short_name, member.card or ""))
        for table, column in _PRIVATE_COLUMNS:
            rows = connection.execute(f"SELECT DISTINCT {column} FROM {table} LIMIT {_MAX_PRIVATE}")  # noqa: S608
            words.update(str(word) for (word,) in rows if word is not None)
    return {word for word in words if word.strip()}


def _epochs(connection: sqlite3.Connection) -> list[EpochSummary]:
    rows = connection.execute(
        "SELECT epoch.epoch, series, coalesce(seq, 0), coalesce(sha256, ''), acked_upto FROM epoch LEFT JOIN journal "
        "ON position = (SELECT max(position) FROM journal WHERE position >= number * 4294967296 "
        "AND position < (number + 1) * 4294967296) ORDER BY number"
    )
    return [EpochSummary(*row) for row in rows]


def _one(connection: sqlite3.Connection, query: str) -> Any:
    row = connection.execute(query).fetchone()
    return row[0] if row else None
