"""The months of the events in PostgreSQL: each a partition, made before it is needed."""

from __future__ import annotations

import logging
import threading
import time
from typing import Final

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

log = logging.getLogger(__name__)

PARTITION_LOCK: Final = 0x53_4B_03
_RETRY_S: Final = 60.0
_EARLIEST: Final = "2020-01"  # Before this no station existed: a clock that says so is wrong


class Partitions:
    """Of one ledger. A month that gets no partition is kept in the default one: no commit fails for that."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._prepared: set[str] = set()
        self._retry_at = 0.0

    def prepare(self, received_at: str) -> None:
        """See to the month of this time, and to the next one."""
        month = received_at[:7]
        if month in self._prepared or time.monotonic() < self._retry_at:
            return
        with self._lock:
            try:
                for needed_month in (month, next_month(month)):
                    with self._engine.begin() as connection:
                        make_partition(connection, needed_month)
            except DBAPIError as error:
                log.warning("No partition for the events of %s yet: %s", month, error.orig)
                self._retry_at = time.monotonic() + _RETRY_S
            else:
                self._prepared.add(month)


def make_partition(connection: Connection, month: str) -> None:
    """Of a month no clock can be meant to be in, or of which events came before, none is made."""
    name = partition_of(month)
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": PARTITION_LOCK})
    latest = connection.execute(
        text("SELECT to_char(now() AT TIME ZONE 'UTC' + interval '1 month', 'YYYY-MM')")
    ).scalar_one()
    if (
        not _EARLIEST <= month <= latest
        or connection.execute(text("SELECT to_regclass(:name)"), {"name": name}).scalar()
    ):
        return
    begin, end = f"{month}-01T00:00:00Z", f"{next_month(month)}-01T00:00:00Z"
    stray = text("SELECT 1 FROM event_default WHERE received_at >= :begin AND received_at < :end LIMIT 1")
    if connection.execute(stray, {"begin": begin, "end": end}).first() is not None:
        return
    # Made first and attached then: CREATE TABLE ... PARTITION OF would stop every reader and writer of all months.
    connection.execute(text(f"CREATE TABLE {name} (LIKE event_by_month INCLUDING DEFAULTS INCLUDING CONSTRAINTS)"))
    connection.execute(
        text(f"ALTER TABLE event_by_month ATTACH PARTITION {name} FOR VALUES FROM ('{begin}') TO ('{end}')")
    )


def partition_of(month: str) -> str:
    """The name of the table; ``month`` is YYYY-MM."""
    year, _, number = month.partition("-")
    return f"event_{int(year):04}_{int(number):02}"


def next_month(month: str) -> str:
    year, number = int(month[:4]), int(month[5:7])
    return f"{year + number // 12:04}-{number % 12 + 1:02}"
