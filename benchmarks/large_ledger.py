"""A ledger of a million events of 200 stations, made once and kept in ``build``: in SQLite, and the same in PostgreSQL.

Each event is whole: its hash is over its own bytes, and the next one names it. The ledger's own rules take all of them
in, some of every station in each commit; PostgreSQL has a copy that `copy_ledger` has proved.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from benchmarks.center_ingest import MOMENT, intake
from kiosk.domain.events import EpochStarted, EventData, IntakeVoided, ParcelArrived
from kiosk.domain.identifiers import ReceiptNumber
from kiosk.domain.parcel import Consent, ParcelNumber
from kiosk.messaging.contract.receive import parse_event
from kiosk.messaging.contract.seal import ZERO_HASH, EventSource, JournalPosition, seal
from kiosk.sorting_center.feed.feed import POSITION_NAME
from kiosk.sorting_center.ledger import Delivery, Ledger
from kiosk.sorting_center.ledger.care.copy import copy_ledger
from kiosk.sorting_center.ledger.database.schema import SCHEMA_VERSION
from tests.servers.postgres import PostgresServer, running_postgres

EVENTS: Final = 1_000_000
STATIONS: Final = 200
STATION_NAMES: Final = tuple(f"S{number:04d}" for number in range(1, STATIONS + 1))
REGION: Final = "bench"
_AT_ONCE: Final = 25
"""Events of each station in one commit."""
_CYCLE: Final = 20
"""Of so many events of a station one is a void, ten are intakes, the others parcels that came."""
_INTAKES: Final = 10
_BEGAN: Final = datetime(2026, 10, 5, 4, tzinfo=UTC)
_BETWEEN_COMMITS: Final = timedelta(hours=6)
_DATABASE: Final = "large"
_KEPT: Final = Path(__file__).parents[1] / "build" / "large_ledger"

_EPOCH: Final = "00112233445566aa"
_SEQ: Final = 987_654_321
_STATION: Final = "S9876"
_PREVHASH: Final = "f" * 64
_COUNTER: Final = 999_999
_RECEIPT: Final = ReceiptNumber(_STATION, "A", _COUNTER)


class _Pattern:
    """An event sealed once, whose places are filled in: to seal a million would take longer than all the rest."""

    def __init__(self, data: EventData) -> None:
        self._body = seal(data, EventSource(_STATION, "1.0.0"), JournalPosition(_EPOCH, _SEQ, _PREVHASH), MOMENT).body

    def body(self, station: str, seq: int, prevhash: str, counter: int) -> bytes:
        """``counter`` is the receipt's, or the parcel's."""
        receipt = ReceiptNumber(station, "A", counter)
        found = self._body
        for old, new in (
            (_RECEIPT.lot, receipt.lot),
            (str(_RECEIPT), str(receipt)),  # the number of a parcel, too
            (_STATION, station),
            (_EPOCH, epoch_of(station)),
            (str(_SEQ), str(seq)),
            (_PREVHASH, prevhash),
        ):
            found = found.replace(old.encode(), new.encode())
        return found


def epoch_of(station: str) -> str:
    """The only one it has."""
    return f"{int(station[1:]):016x}"


_BEGINNING: Final = _Pattern(EpochStarted("A", "new"))
_INTAKE: Final = _Pattern(intake(_COUNTER, _STATION))
_VOID: Final = _Pattern(IntakeVoided(str(_RECEIPT), _RECEIPT.lot, "wrong_party", ("clerk:07", "witness:02"), None))
_PARCEL: Final = _Pattern(
    ParcelArrived(
        str(ParcelNumber(_STATION, "A", _COUNTER)),
        "clerk:07",
        "SF",
        "0123abcd",
        Consent.RECIPIENT_CONSENTED,
        True,
        False,
        False,
    )
)


@dataclass(slots=True)
class Journal:
    """A station as it goes on."""

    station: str
    seq: int = 0
    head: str = ZERO_HASH
    _intakes: int = 0
    _parcels: int = 0

    @classmethod
    def after(cls, station: str, seq: int, head: str) -> Journal:
        """As it goes on after a whole number of cycles."""
        cycles, rest = divmod(seq, _CYCLE)
        if rest:
            raise ValueError(f"{station} is at {seq}, in the middle of a cycle")
        return cls(station, seq, head, max(0, cycles * _INTAKES - 1), cycles * (_CYCLE - _INTAKES - 1))

    def next(self) -> bytes:
        """Its next event."""
        self.seq += 1
        place = self.seq % _CYCLE
        if self.seq == 1:
            pattern, counter = _BEGINNING, 1
        elif place == 0:
            pattern, counter = _VOID, self._intakes
        elif place <= _INTAKES:
            self._intakes += 1
            pattern, counter = _INTAKE, self._intakes
        else:
            self._parcels += 1
            pattern, counter = _PARCEL, self._parcels
        body = pattern.body(self.station, self.seq, self.head, counter)
        self.head = hashlib.sha256(body).hexdigest()
        return body


def fill(ledger: Ledger, events: int) -> None:
    """So many events, of all stations by turns; the feed counts as published."""
    journals = [Journal(station) for station in STATION_NAMES]
    for commit in range(events // (STATIONS * _AT_ONCE)):
        bodies = [journal.next() for journal in journals for _ in range(_AT_ONCE)]
        at = (_BEGAN + commit * _BETWEEN_COMMITS).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        ledger.commit(Delivery(events=[(REGION, parse_event(body)) for body in bodies]), at)
    counts = ledger.counts()
    if (counts.events, counts.quarantined, counts.alarms) != (events, 0, 0):
        raise SystemExit(f"the ledger does not hold what it was given: {counts}")
    ledger.set_feed_position(POSITION_NAME, ledger.feed_end())


@contextmanager
def sqlite_ledger(folder: Path) -> Iterator[str]:
    """The address of a copy in ``folder``."""
    file = folder / "ledger.db"
    _copy(_made() / file.name, file)
    yield f"sqlite:///{file}"


@contextmanager
def postgres_ledger() -> Iterator[tuple[PostgresServer, str]]:
    """A server with a copy, and its address."""
    made = _made()
    data = made / "postgresql"
    with running_postgres(data) as server:
        url = server.url(_DATABASE)
        if not data.exists():
            with server.connection() as connection:
                connection.execute(f"CREATE DATABASE {_DATABASE}")
            copy_ledger(f"sqlite:///{made / 'ledger.db'}", url)
            with server.connection(_DATABASE) as connection:
                connection.execute("VACUUM ANALYZE")  # as a server has done that is not of tests
        yield server, url


def _made() -> Path:
    """The folder with the file; what other versions of the schema or of this module have made goes."""
    key = hashlib.sha256(f"{SCHEMA_VERSION} {EVENTS}".encode() + Path(__file__).read_bytes()).hexdigest()[:16]
    folder = _KEPT / key
    if folder.exists():
        return folder
    shutil.rmtree(_KEPT, ignore_errors=True)
    making = _KEPT / "making"
    making.mkdir(parents=True)
    with Ledger.open(f"sqlite:///{making / 'ledger.db'}") as ledger:
        fill(ledger, EVENTS)
    making.rename(folder)
    return folder


def _copy(source: Path, target: Path) -> None:
    subprocess.run(["cp", "--reflink=auto", source, target], check=True)
