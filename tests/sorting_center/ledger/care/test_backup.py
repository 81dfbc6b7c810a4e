"""A backup is whole when it has its name, and a sorting center goes on from it."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from kiosk.sorting_center.ledger import Ledger, LedgerDamaged, LedgerMissing, LedgerNotEmpty
from kiosk.sorting_center.ledger.care.backup import back_up
from kiosk.sorting_center.ledger.care.copy import copy_ledger
from tests.sorting_center.station_journal import NOW, Station


def test_the_restore_drill(ledger_url: str, postgres_url: str, tmp_path: Path, station: Station) -> None:
    events = station.run(9)
    file = tmp_path / "backups" / "ledger-1.db"
    file.parent.mkdir()
    with Ledger.open(ledger_url) as ledger:
        ledger.accept(events[:5], "shache", NOW)
        made = back_up(ledger_url, file)  # while it is open for writing
        ledger.accept(events[5:], "shache", NOW)
        generation = ledger.generation
    assert (made.file, made.rows["event"], made.size_bytes) == (file, 5, file.stat().st_size)
    assert [path.name for path in file.parent.iterdir()] == [file.name], "one file, and nothing beside it"
    again = f"sqlite:///{tmp_path / 'again.db'}"
    shutil.copyfile(file, tmp_path / "again.db")
    if ledger_url.startswith("postgresql"):
        with Ledger.open(ledger_url):
            pass
    new = Ledger.begin_generation(again)
    with Ledger.open(again) as ledger:
        assert ledger.generation == new != generation
        assert ledger.stream(station.station, station.epoch, "shache").upto == 5
        (state,) = ledger.accept(events, "shache", NOW)
        assert (state.upto, state.head, state.generation) == (9, station.head, new)
        assert [entry.feedseq for entry in ledger.feed(0, 100)] == list(range(1, 10))


def test_a_backup_goes_back_into_a_database(postgres_url: str, file_url: str, tmp_path: Path, station: Station) -> None:
    with Ledger.open(file_url) as ledger:
        ledger.accept(station.run(4), "shache", NOW)
    back_up(file_url, tmp_path / "backup.db")
    copy_ledger(f"sqlite:///{tmp_path / 'backup.db'}", postgres_url)
    generation = Ledger.begin_generation(postgres_url)
    with Ledger.open(postgres_url) as ledger:
        assert (ledger.generation, ledger.feed_end()) == (generation, 4)


def test_it_replaces_nothing(ledger_url: str, tmp_path: Path, station: Station) -> None:
    with Ledger.open(ledger_url) as ledger:
        ledger.accept(station.run(2), "shache", NOW)
    (tmp_path / "backup.db").write_bytes(b"an older one")
    with pytest.raises(LedgerNotEmpty):
        back_up(ledger_url, tmp_path / "backup.db")
    assert (tmp_path / "backup.db").read_bytes() == b"an older one"


def test_one_that_fails_leaves_nothing(file_url: str, tmp_path: Path) -> None:
    with pytest.raises(LedgerMissing):
        back_up(file_url, tmp_path / "backup.db")
    with Ledger.open(file_url) as ledger:
        ledger.accept(Station().run(60), "shache", NOW)
    path = tmp_path / "ledger.db"
    whole = path.read_bytes()
    with closing(sqlite3.connect(path)) as connection:
        (root,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'intake'").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    start = (root - 1) * size
    path.write_bytes(whole[: start + 8] + b"\xff" * (size - 8) + whole[start + size :])
    with pytest.raises(LedgerDamaged):
        back_up(file_url, tmp_path / "backup.db")
    assert sorted(name.name for name in tmp_path.iterdir() if "backup" in name.name) == []
