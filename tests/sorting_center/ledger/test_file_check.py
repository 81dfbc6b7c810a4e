"""A large file is checked beside the work: the ledger opens at once, and damage stops the intake."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from kiosk.sorting_center.ledger import Ledger, LedgerDamaged
from tests.sorting_center.brokers import SOON_S
from tests.sorting_center.station_journal import NOW, Station


@pytest.fixture(autouse=True)
def every_file_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kiosk.sorting_center.ledger.database.sqlite.BACKGROUND_CHECK_BYTES", 0)


def damage(path: Path, table: str) -> None:
    """The first page of a table, which no opening looks into."""
    with closing(sqlite3.connect(path)) as connection:
        (root,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", [table]).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    whole = path.read_bytes()
    start = (root - 1) * size
    path.write_bytes(whole[: start + 8] + b"\xff" * (size - 8) + whole[start + size :])


def test_damage_is_told_and_stops_the_intake(
    file_url: str, tmp_path: Path, station: Station, caplog: pytest.LogCaptureFixture
) -> None:
    with Ledger.open(file_url) as ledger:
        ledger.accept(station.run(60), "shache", NOW)
    damage(tmp_path / "ledger.db", "intake")
    with Ledger.open(file_url) as ledger:
        check = ledger._opened.check
        assert check is not None
        assert check.wait(SOON_S)
        assert "has found damage" in caplog.text
        assert "restore the last backup" in ledger.damage
        with pytest.raises(LedgerDamaged, match="restore the last backup"):
            ledger.accept([station.intake(90)], "shache", NOW)
        assert ledger.stream(station.station, station.epoch, "shache").upto == 60, "what is readable is still told"


def test_a_whole_file_is_worked_on_as_ever(file_url: str, station: Station) -> None:
    for _ in range(3):
        with Ledger.open(file_url) as ledger:
            ledger.accept([station.intake(1) if station.sealed else station.start()], "shache", NOW)
            check = ledger._opened.check
            assert check is None or check.wait(SOON_S)
            assert ledger.damage == ""


def test_the_check_ends_with_the_ledger(file_url: str, station: Station) -> None:
    with Ledger.open(file_url) as ledger:
        ledger.accept(station.run(200), "shache", NOW)
    for _ in range(20):
        Ledger.open(file_url).close()
    assert [thread.name for thread in threading.enumerate() if "check" in thread.name] == []
