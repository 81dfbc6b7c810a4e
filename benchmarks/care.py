"""A backup of a long life while intakes go on."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

from benchmarks.measure import Row
from kiosk.domain.events import BackupMade
from kiosk.station.shared.clock import StationClock, software_id
from kiosk.store import Stamp, Store
from kiosk.store.backup.backup import make_backup
from kiosk.store.backup.shared.settings import BackupSettings
from kiosk.store.database.opening import OpenOptions
from kiosk.store.journal import journal

EVENTS = 100_000
STATION = "S0147"


def run(folder: Path) -> list[Row]:
    """Backup, and the longest wait of somebody who writes meanwhile."""
    database, medium = folder / "station" / "station.db", folder / "medium"
    medium.mkdir()
    clock = StationClock("Asia/Shanghai")

    def stamp() -> Stamp:
        return Stamp(clock.now(), software_id())

    with closing(Store.open(database, STATION, stamp(), OpenOptions(stamps=stamp))) as store:
        _live_long(store, stamp())
        base = _bare_copy(database, folder / "copy.db")
        with _Writer(store, stamp()) as writer:
            start = time.monotonic()
            made = make_backup(database, STATION, BackupSettings(medium), stamp(), same_disk=True)
            took = time.monotonic() - start
        if made.manifest.events < EVENTS or made.problem:
            raise RuntimeError(f"{made}")
    return [
        Row("backup of 100,000 events, checked", took, "s", 5, base, "copying the file and its hash"),
        Row(
            "longest commit meanwhile",
            writer.longest_ms,
            "ms",
            None,
            writer.alone_ms,
            "alone, longest of 50",
        ),
    ]


def _live_long(store: Store, stamp: Stamp) -> None:
    """An event of an ordinary size, so many times, each sealed to the one before."""
    told = BackupMade(123_456_789, "ab" * 32, 4711)

    def work(connection: object) -> None:
        for _ in range(EVENTS):
            journal.append(connection, told, stamp)  # type: ignore[arg-type]

    store.journal.database.write(work)


def _bare_copy(database: Path, copy: Path) -> float:
    with closing(sqlite3.connect(database)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    start = time.monotonic()
    content = database.read_bytes()
    hashlib.sha256(content).hexdigest()
    with copy.open("wb") as file:
        file.write(content)
        os.fsync(file.fileno())
    took = time.monotonic() - start
    copy.unlink()
    return took


class _Writer:
    """Writes an event every few milliseconds."""

    def __init__(self, store: Store, stamp: Stamp) -> None:
        self._store, self._stamp = store, stamp
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.longest_ms = 0.0
        self.alone_ms = max(self._write() for _ in range(50))

    def _write(self) -> float:
        start = time.monotonic()
        self._store.journal.append(BackupMade(1, "cd" * 32, 1), self._stamp)
        return (time.monotonic() - start) * 1000

    def _run(self) -> None:
        while not self._stop.wait(0.01):
            self.longest_ms = max(self.longest_ms, self._write())

    def __enter__(self) -> _Writer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
