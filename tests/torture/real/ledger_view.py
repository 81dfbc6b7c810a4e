"""What another program sees in a ledger that is being written."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from typing import Any, Final

import psycopg

from kiosk.sorting_center.feed.feed import POSITION_NAME
from tests.torture.machine import Fact

_IN_HAND: Final = "SELECT application_name FROM pg_stat_activity WHERE datname = current_database() AND "
_BLOCKED: Final = _IN_HAND + "wait_event_type = 'Lock' AND query LIKE 'COPY \"event%'"
_IN_TRANSACTION: Final = _IN_HAND + "xact_start IS NOT NULL AND pid <> pg_backend_pid()"
_RELEASED: Final = (
    " FROM event JOIN stream ON stream.station = event.station AND stream.epoch = event.epoch"
    " WHERE event.seq <= stream.upto AND event.problem IS NULL"
)
_FACT: Final = "station, epoch, seq, sha256"


class LedgerView:
    """Every question is a connection of its own; a ledger that is not there yet has nothing."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.on_postgresql = url.startswith("postgresql:")

    def rows(self, sql: str) -> Sequence[tuple[Any, ...]]:
        """As tuples."""
        try:
            if self.on_postgresql:
                with psycopg.connect(self.url) as connection:
                    return connection.execute(sql).fetchall()  # type: ignore[arg-type]  # put together in this folder
            path = self.url.removeprefix("sqlite:///")
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
                return connection.execute(sql).fetchall()
        except (sqlite3.OperationalError, psycopg.errors.UndefinedTable):
            return []

    def events(self) -> list[Fact]:
        """What counts, or waits above a gap."""
        return [Fact(*row) for row in self.rows(f"SELECT {_FACT} FROM event")]

    def apart(self) -> list[Fact]:
        """What is in quarantine."""
        return [Fact(*row) for row in self.rows(f"SELECT {_FACT} FROM quarantine")]

    def has(self) -> set[Fact]:
        """Both."""
        return {*self.events(), *self.apart()}

    def reached(self, station: str, epoch: str) -> tuple[int, str] | None:
        """Number and hash up to which a stream is whole."""
        rows = self.rows(f"SELECT upto, head FROM stream WHERE station = '{station}' AND epoch = '{epoch}'")
        return next(((upto, head) for upto, head in rows), None)

    def is_numbered(self) -> bool:
        """Whether everything that was released has its place in the feed."""
        return self.rows(f"SELECT count(*) {_RELEASED} AND feedseq IS NULL") == [(0,)]

    def is_published(self) -> bool:
        """Whether the broker has confirmed everything that has a place."""
        last = self.rows("SELECT max(feedseq) FROM event")
        return last == self.rows(f"SELECT feedseq FROM feed_position WHERE name = '{POSITION_NAME}'")

    def feed(self) -> dict[int, tuple[str, str, int]]:
        """Station, epoch and number of the event, by its place."""
        rows = self.rows("SELECT feedseq, station, epoch, seq FROM event WHERE feedseq IS NOT NULL")
        return {row[0]: row[1:] for row in rows}

    def released(self) -> set[tuple[str, str, int]]:
        """Station, epoch and number of everything that was released."""
        return set(self.rows(f"SELECT event.station, event.epoch, event.seq {_RELEASED}"))

    def complaints(self) -> Sequence[tuple[str, str]]:
        """Station and epoch of every station whose status tells an alarm."""
        return [(row[0], row[1]) for row in self.rows("SELECT station, epoch FROM station_status WHERE alarm <> ''")]

    def alarms(self) -> set[tuple[str, str, int]]:
        """Station, epoch and number of every fork that is named."""
        return set(self.rows("SELECT station, epoch, seq FROM alarm WHERE kind IN ('fork', 'broken_chain')"))

    def blocked(self) -> set[str]:
        """Names of the connections that stand in a transaction and cannot write their events."""
        return {row[0] for row in self.rows(_BLOCKED)}

    def in_transaction(self) -> set[str]:
        """Names of the connections that have begun one."""
        return {row[0] for row in self.rows(_IN_TRANSACTION)}
