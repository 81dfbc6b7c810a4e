"""No act of a process takes its own locks off the database.

The locks of SQLite are a process's, not a handle's: closing any handle of a file gives all of them back
(https://www.sqlite.org/howtocorrupt.html, section 2.2). The next program that closes the file then believes to be the
last one, folds the log in and deletes it, and what is confirmed from then on goes into a file without a name.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from fcntl import LOCK_EX, LOCK_NB, lockf
from pathlib import Path
from typing import IO

import pytest

from kiosk.store import DatabaseDamaged, StoreError
from kiosk.store.backup.backup import make_backup
from kiosk.store.backup.restore import RestoreOptions, restore
from kiosk.store.backup.shared.settings import BackupSettings
from kiosk.store.database.check import check_file
from kiosk.store.database.inspection import event_counters
from tests.store.village import CATALOG, STATION, bring_in, open_store, stamp

ROOT = Path(__file__).parents[3]
LOCK_BYTE, LOCK_BYTES = 0x40000000, 512
"""https://www.sqlite.org/fileformat2.html, section 1.4."""


@dataclass
class Holder:
    """The other process."""

    process: subprocess.Popen[str]
    tell: IO[str]
    hear: IO[str]
    acts: list[str]

    def do(self, act: str) -> None:
        print(act, file=self.tell, flush=True)
        assert self.hear.readline() == "done\n", act

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def holder(path: Path, template: Path) -> Iterator[Holder]:
    command = [sys.executable, "-m", "tests.store.database.lock_child", str(path), str(template)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            acts = process.stdout.readline().rstrip("\n").split("\t")
            yield Holder(process, process.stdin, process.stdout, acts)
        finally:
            process.kill()


def in_use(path: Path) -> bool:
    """Whether another process holds a lock of SQLite's on the file."""
    with path.open("r+b") as file:
        try:
            lockf(file, LOCK_EX | LOCK_NB, LOCK_BYTES, LOCK_BYTE)
        except BlockingIOError:
            return True
        return False


def read_from_outside(path: Path) -> None:
    """Any other program reads the database and closes it."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("SELECT count(*) FROM intake").fetchone()


def test_no_act_gives_the_locks_back(tmp_path: Path, template: Path) -> None:
    """Under the name that the doctor looks for."""
    path = tmp_path / "station.db"
    with holder(path, template) as process:
        assert {"check thoroughly", "doctor"} <= set(process.acts)
        for act in process.acts:
            process.do("weigh")
            process.do(act)
            assert in_use(path), act


@pytest.mark.parametrize("act", ["check", "open once more"])
def test_what_was_confirmed_is_there_after_a_kill(path: Path, template: Path, act: str) -> None:
    with holder(path, template) as process:
        process.do("weigh")
        process.do(act)
        read_from_outside(path)
        for _ in range(20):
            process.do("weigh")
        process.kill()
    with closing(open_store(path, template)) as store:
        assert len(store.intakes.recent(100)) == 21


def test_a_restore_keeps_the_station_out_until_the_end(path: Path, template: Path, tmp_path: Path) -> None:
    """It reads the counters of the database it replaces; that must not open the door again."""
    medium = tmp_path / "medium"
    medium.mkdir()
    with holder(path, template) as process:
        process.do("weigh")
        backup = make_backup(path, STATION, BackupSettings(medium), stamp(), same_disk=True).path
        process.kill()  # the log stays: the counters are read together with it
    held: list[bool] = []

    def new_epoch() -> str:
        script = f"from tests.store.database.test_locks import *; print(in_use(Path({str(path)!r})))"
        done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
        held.append(done.stdout == "True\n")
        return "ab" * 8

    restore(backup, path, STATION, stamp(), RestoreOptions(new_epoch=new_epoch))
    assert held == [True]


def test_a_restore_takes_no_counters_that_were_raised_meanwhile(
    path: Path, template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A station that worked between the look at its counters and the lock is refused, however short it was."""
    medium = tmp_path / "medium"
    medium.mkdir()
    with closing(open_store(path, template)) as store:
        store.catalogs.add(CATALOG, stamp())
        backup = make_backup(path, STATION, BackupSettings(medium), stamp(), same_disk=True).path

    def counters(database: Path) -> dict[str, int]:
        found = event_counters(database)
        with closing(open_store(path, template)) as short:
            bring_in(short)
        return found

    monkeypatch.setattr("kiosk.store.backup.restore.event_counters", counters)
    with pytest.raises(StoreError, match="in use"):
        restore(backup, path, STATION, stamp())
    with closing(open_store(path, template)) as store:
        assert len(store.intakes.recent(10)) == 1


@pytest.mark.parametrize("content", [b"", b"SQLite", b"a shopping list\n" * 200, b"SQLite format 3\0" + b"\xff" * 2000])
def test_what_is_no_database_is_said_by_name_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "station.db"
    path.write_bytes(content)
    for thorough in (False, True):
        with pytest.raises(DatabaseDamaged, match=r"station\.db"):
            check_file(path, thorough=thorough)
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("station.db", content)]
