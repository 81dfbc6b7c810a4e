"""A ledger with a station, a county's key, and the log with a clock of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, create_engine, text

from kiosk.messaging.contract.checkpoint import SignedCheckpoint, parse_checkpoint
from kiosk.messaging.contract.configuration import CheckpointRow, CheckpointsPart, parse_part
from kiosk.messaging.contract.received_event import ReceivedEvent
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.log.checkpoints import checkpoint_parts
from kiosk.sorting_center.log.tree import StoredLeaves, Tree, trees
from kiosk.sorting_center.log.verification import LogCheck, verify_log
from kiosk.sorting_center.log.worker import CountyLog
from kiosk.sorting_center.stations.authority import ConfigurationKey, CountyAuthority, IssuedCertificate
from tests.sorting_center.station_journal import NOW, Station

REGION, ZONE = "shache", ZoneInfo("Asia/Urumqi")
START = datetime(2026, 12, 1, 4, tzinfo=UTC)


def key(generation: int = 1) -> ConfigurationKey:
    return ConfigurationKey(issued(generation))


@cache
def issued(generation: int) -> IssuedCertificate:
    return _authority().issue_configuration_key(REGION, generation, START)


@cache
def _authority() -> CountyAuthority:
    return CountyAuthority.create(REGION, START)


class LogRig:
    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder, self.now = url, folder, START
        self.key_file = folder / "configuration.key"
        self.station = Station()
        self.counter = 0

    def write_key(self, generation: int = 1, name: str = "configuration.key") -> Path:
        file = self.folder / name
        file.write_text(issued(generation).key)
        file.with_suffix(".crt").write_text(issued(generation).certificate)
        return file

    @contextmanager
    def opened(self) -> Iterator[Ledger]:
        with Ledger.open(self.url) as ledger:
            yield ledger

    def log(self, ledger: Ledger) -> CountyLog:
        return CountyLog(ledger, ZONE, self.key_file, lambda: self.now)

    def accept(self, ledger: Ledger, *events: ReceivedEvent, region: str = REGION) -> None:
        ledger.accept(events, region, NOW)

    def intakes(self, ledger: Ledger, count: int) -> None:
        """The start of the epoch before the first one."""
        made = [self.station.start()] if not self.station.sealed else []
        for _ in range(count - len(made)):
            self.counter += 1
            made.append(self.station.intake(self.counter))
        for first in range(0, len(made), 500):
            self.accept(ledger, *made[first : first + 500])

    def follow(self, ledger: Ledger) -> None:
        log = self.log(ledger)
        while log.step():
            pass

    def checkpoint(self, ledger: Ledger, day: str) -> SignedCheckpoint:
        """The newest of the county; all that was released is appended before."""
        self.follow(ledger)
        self.log(ledger).make_checkpoints(key(), date.fromisoformat(day))
        return parse_checkpoint(self.rows(ledger)[-1].note)

    def days(self, days: float) -> None:
        self.now += timedelta(days=days)

    def trees(self, ledger: Ledger) -> list[Tree]:
        with ledger.reading() as connection:
            return trees(connection)

    def root(self, ledger: Ledger, origin: str, size: int) -> str:
        with ledger.reading() as connection:
            return StoredLeaves(connection, origin).root(size).hex()

    def rows(self, ledger: Ledger, station: str = "S0147", generation: int = 1) -> tuple[CheckpointRow, ...]:
        found = checkpoint_parts(ledger, self.write_key(generation, "documents.key"), REGION, station)
        if not found:
            return ()
        part = parse_part("checkpoints", found["checkpoints"])
        assert isinstance(part, CheckpointsPart)
        return part.checkpoints

    def verify(self, ledger: Ledger) -> LogCheck:
        with ledger.reading() as connection:
            return verify_log(connection)

    @contextmanager
    def hand(self) -> Iterator[Connection]:
        """Somebody with the database's own tools."""
        url = self.url.replace("postgresql://", "postgresql+psycopg://")
        engine = create_engine(url)
        try:
            with engine.begin() as connection:
                yield connection
        finally:
            engine.dispose()

    def sql(self, statement: str, **values: object) -> None:
        with self.hand() as connection:
            connection.execute(text(statement), values)
