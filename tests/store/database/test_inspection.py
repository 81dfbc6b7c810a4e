"""A look from outside: it tells what is there, and leaves every byte as it was."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from kiosk.domain.clerk import Role
from kiosk.store import Store
from kiosk.store.database.inspection import all_epochs, inspect_database, last_events, private_words, row_counts
from kiosk.store.database.migrate import migrate
from kiosk.store.database.schema import SCHEMA_VERSION
from kiosk.store.shared.errors import StoreError
from kiosk.store.shared.records import ExpectedParcel
from tests.store.village import STATION, bring_in, stamp


def test_what_a_technician_asks(store: Store, path: Path) -> None:
    for _ in range(3):
        bring_in(store)
    store.outbox.acknowledge(2, (1,))
    store.clerks.add("Reyhan", Role.TECHNICIAN, "hash", stamp(90))
    store.clerks.add("Tursun", Role.CLERK, "", stamp(90))
    seen = inspect_database(path)
    assert seen is not None
    counts, identity = store.outbox.counts(), store.epochs.identity()
    assert (seen.schema, seen.station) == (SCHEMA_VERSION, STATION)
    assert (seen.epoch.epoch, seen.epoch.series, seen.epoch.last_seq) == (identity.epoch, "A", counts.last_seq)
    assert seen.epoch.head == store.outbox.hash_at(counts.last_seq)
    assert (seen.pending, seen.epoch.acked_upto, seen.quarantined) == (counts.pending, 2, 1)
    assert seen.waiting_since == "2026-11-24T03:00:00.000Z"
    assert seen.catalog_version == 1
    assert seen.people == {"technician": 1}, "without a PIN nobody counts"


def test_nothing_waits(store: Store, path: Path) -> None:
    store.outbox.acknowledge(store.outbox.counts().last_seq, ())
    seen = inspect_database(path)
    assert seen is not None
    assert (seen.pending, seen.waiting_since) == (0, None)


def test_every_life_of_the_database(store: Store, path: Path) -> None:
    bring_in(store)
    before = store.outbox.counts().last_seq
    store.epochs.start("restored", stamp())
    lives = all_epochs(path)
    assert [(life.series, life.last_seq) for life in lives] == [("A", before), ("B", store.outbox.counts().last_seq)]


def test_counts_and_events_without_what_they_tell(store: Store, path: Path) -> None:
    bring_in(store)
    assert row_counts(path)["intake"] == 1
    newest = last_events(path, 2)[-1]
    assert (newest.type, newest.seq) == ("station.intake.confirmed.v1", store.outbox.counts().last_seq)
    assert len(last_events(path, 2)) == 2


def test_words_that_must_never_leave(store: Store, path: Path) -> None:
    store.clerks.add("Reyhan", Role.CLERK, "hash", stamp())
    store.deliveries.expect([ExpectedParcel("SF1385012345678", "SF", "4321")], stamp())
    assert private_words(path) >= {"Aygul", "Turdi", "Y1P00001", "Reyhan", "SF1385012345678"}


def test_a_running_station_is_not_disturbed(store: Store, path: Path) -> None:
    bring_in(store)
    before = {entry.name: entry.read_bytes() for entry in path.parent.glob(f"{path.name}*") if "-shm" not in entry.name}
    inspect_database(path)
    after = {entry.name: entry.read_bytes() for entry in path.parent.glob(f"{path.name}*") if "-shm" not in entry.name}
    assert after == before
    bring_in(store)


def test_a_new_file_has_no_epoch(tmp_path: Path) -> None:
    migrate(tmp_path / "new.db")
    assert inspect_database(tmp_path / "new.db") is None


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        inspect_database(tmp_path / "station.db")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("data", [b"", b"garbage" * 300, b"SQLite format 3\0" + b"\xff" * 2000])
def test_what_is_no_database_is_an_error_and_not_a_crash(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.db"
    path.write_bytes(data)
    with pytest.raises(StoreError):
        inspect_database(path)
    assert path.read_bytes() == data


def test_a_database_of_somebody_else(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE t (a)")
    connection.close()
    with pytest.raises(StoreError):
        inspect_database(path)


def test_what_a_power_cut_left_in_the_log_is_seen(store: Store, path: Path, tmp_path: Path) -> None:
    bring_in(store)
    copy = tmp_path / "copy.db"
    for suffix in ("", "-wal"):
        shutil.copyfile(path.with_name(path.name + suffix), copy.with_name(copy.name + suffix))
    log = copy.with_name(f"{copy.name}-wal").read_bytes()
    seen = inspect_database(copy)
    assert seen is not None
    assert seen.epoch.last_seq == store.outbox.counts().last_seq
    assert copy.with_name(f"{copy.name}-wal").read_bytes() == log
