"""The pictures of accepted shots: which were announced, which are here."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Self

from sqlalchemy import ColumnElement, Connection, Select, Table, and_, func, inspect, select, text, tuple_
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from kiosk.messaging.contract.photos import PictureName
from kiosk.sorting_center.followers.feed_follower import FeedPosition
from kiosk.sorting_center.ledger import LedgerError
from kiosk.sorting_center.ledger.database import postgres, sqlite
from kiosk.sorting_center.ledger.database.address import LedgerAddress
from kiosk.sorting_center.ledger.database.rows import insert_missing, upsert_rows
from kiosk.sorting_center.photos.schema import SCHEMA, announced, followed, metadata, received, refused
from kiosk.sorting_center.shared.health import REFUSED_PREFIX

_PAGE: Final = 500
_SCHEMA_LOCK: Final = 0x53_4B_08


class PictureStatus(StrEnum):
    UNKNOWN = "unknown"  # No accepted event of this station reported it, as far as the feed is followed
    PENDING = "pending"
    RECEIVED = "received"


@dataclass(frozen=True, slots=True)
class AnnouncedPicture:
    """A picture as an event reported it; sides in pixels, 0 for a file that answers a request, which is no picture."""

    name: PictureName
    size_bytes: int
    width: int
    height: int
    feedseq: int

    @property
    def is_picture(self) -> bool:
        return self.width > 0


@dataclass(frozen=True, slots=True)
class RefusalCount:
    """Of one station, for one reason."""

    region: str
    station: str
    reason: str
    times: int
    last_at: str
    last_sha256: str


@dataclass(frozen=True, slots=True)
class PhotoFigures:
    """What monitoring asks. ``refused`` is by reason, over all stations."""

    received: int
    pending: int
    refused: Mapping[str, int]

    def flat(self) -> dict[str, int]:
        return {
            "received": self.received,
            "pending": self.pending,
            **{f"{REFUSED_PREFIX}{reason}": times for reason, times in self.refused.items()},
        }


def photos_path(ledger: Path) -> Path:
    """Return the path beside the ledger: ``county.db`` -> ``county.photos.db``."""
    return ledger.with_name(f"{ledger.stem}.photos.db")


class PhotoIndex:
    """Beside the file of a ledger, or in a schema of its own in the ledger's PostgreSQL.

    Safe to use from several threads and processes; every call may raise a LedgerError.
    """

    def __init__(self, ledger_url: str) -> None:
        """Open the index, and make what is not there; raises a LedgerError."""
        address = LedgerAddress.parse(ledger_url)
        path = photos_path(address.path) if address.path is not None else None
        self._name = str(path or address)
        self._lock = threading.Lock()
        if path is not None:
            self._writer, self._reader = sqlite.writer(path), sqlite.reader(path)
        else:
            url = _in_schema(address.url)
            self._writer, self._reader = postgres.writer(url, of_ledger=False), postgres.reader(url)
        try:
            with self._writing() as connection:
                _make_tables(connection)
        except LedgerError:
            self.close()
            raise

    def close(self) -> None:
        """Close the database. No call may follow."""
        self._reader.dispose()
        self._writer.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with self._photos_errors(), self._reader.connect() as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """Open one transaction; it is on the disk when this returns."""
        with self._lock, self._photos_errors(), self._writer.begin() as connection:
            yield connection

    @contextmanager
    def _photos_errors(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            detail = str(error.orig).strip().partition("\n")[0]
            raise LedgerError(f"the list of photos {self._name} cannot be used: {detail}") from error

    def status(self, region: str, station: str, sha256: str) -> PictureStatus:
        with self._reading() as connection:
            for table, standing in ((received, PictureStatus.RECEIVED), (announced, PictureStatus.PENDING)):
                if connection.execute(select(table.c.station).where(_matches(table, region, station, sha256))).first():
                    return standing
        return PictureStatus.UNKNOWN

    def announced(self, name: PictureName) -> AnnouncedPicture | None:
        query = select(announced).where(_matches(announced, name.region, name.station, name.sha256))
        with self._reading() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else AnnouncedPicture(name, row.size_bytes, row.width, row.height, row.feedseq)

    def all_pending(self) -> Iterator[AnnouncedPicture]:
        """Yield pictures that were announced but not received, by station, region and hash; read in pages."""
        after = ("", "", "")
        key = announced.primary_key
        while True:
            page = _not_received(select(announced)).where(tuple_(*key) > after).order_by(*key).limit(_PAGE)
            with self._reading() as connection:
                rows = connection.execute(page).all()
            if not rows:
                return
            for row in rows:
                name = PictureName(row.region, row.station, row.sha256)
                yield AnnouncedPicture(name, row.size_bytes, row.width, row.height, row.feedseq)
            after = (rows[-1].station, rows[-1].region, rows[-1].sha256)

    def figures(self) -> PhotoFigures:
        """Count over all rows: not for each request."""
        by_reason = select(refused.c.reason, func.sum(refused.c.times)).group_by(refused.c.reason)
        with self._reading() as connection:
            return PhotoFigures(
                int(connection.execute(select(func.count()).select_from(received)).scalar_one()),
                int(connection.execute(_not_received(select(func.count()).select_from(announced))).scalar_one()),
                {reason: int(times) for reason, times in connection.execute(by_reason)},
            )

    def position(self) -> FeedPosition | None:
        """Return up to where the feed is followed; None when it is not yet."""
        with self._reading() as connection:
            found = {row.name: row.value for row in connection.execute(select(followed))}
        try:
            return FeedPosition(found["generation"], int(found["feedseq"]))
        except (KeyError, ValueError):
            return None

    def record_announced(self, announcements: Iterable[AnnouncedPicture], position: FeedPosition) -> None:
        """Store what a page of the feed announced, and how far it is followed. Known pictures stay as they are."""
        rows = [
            (one.name.station, one.name.region, one.name.sha256, one.size_bytes, one.width, one.height, one.feedseq)
            for one in announcements
        ]
        with self._writing() as connection:
            insert_missing(connection, announced, rows)
            upsert_rows(connection, followed, [("feedseq", str(position.feedseq)), ("generation", position.generation)])

    def receive(self, one: AnnouncedPicture, received_at: str) -> None:
        """Store that the picture's file is in the folder, whole and on the disk."""
        row = (one.name.station, one.name.region, one.name.sha256, one.size_bytes, received_at)
        with self._writing() as connection:
            insert_missing(connection, received, [row])

    def count_refusals(self, more: Iterable[RefusalCount]) -> None:
        """Add to the counts of refusals; ``more`` has at most one of a station and reason."""
        counts = list(more)
        with self._writing() as connection:
            for one in counts:
                same = (
                    (refused.c.station == one.station)
                    & (refused.c.region == one.region)
                    & (refused.c.reason == one.reason)
                )
                before = connection.execute(select(refused.c.times).where(same)).scalar() or 0
                row = (one.station, one.region, one.reason, before + one.times, one.last_at, one.last_sha256)
                upsert_rows(connection, refused, [row])


def _matches(table: Table, region: str, station: str, sha256: str) -> ColumnElement[bool]:
    return and_(table.c.station == station, table.c.region == region, table.c.sha256 == sha256)


def _not_received(query: Select[Any]) -> Select[Any]:
    same = [received.c[name] == announced.c[name] for name in ("station", "region", "sha256")]
    return query.where(announced.c.width > 0, ~select(received.c.station).where(*same).exists())


def _make_tables(connection: Connection) -> None:
    """Make the tables; of two processes that start, one makes them. With SQLite the transaction itself is enough."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_SCHEMA_LOCK)))
        if not inspect(connection).has_schema(SCHEMA):
            connection.execute(text(f"CREATE SCHEMA {SCHEMA}"))
    metadata.create_all(connection)


def _in_schema(url: URL) -> URL:
    existing = url.query.get("options", "")
    options = existing if isinstance(existing, str) else " ".join(existing)
    return url.update_query_dict({"options": f"{options} -csearch_path={SCHEMA}".strip()})
