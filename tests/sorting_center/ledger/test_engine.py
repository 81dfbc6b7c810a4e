"""Ledgers that cannot be used are refused with a clear line, and never touched."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import text

from kiosk.sorting_center.ledger import (
    Ledger,
    LedgerAddressError,
    LedgerDamaged,
    LedgerError,
    LedgerForeign,
    LedgerInUse,
    LedgerMissing,
    LedgerNewer,
    LedgerUnwritable,
)
from tests.each import each
from tests.sorting_center.stations import NOW, Station


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


def filled(ledger_url: str, count: int = 40) -> None:
    with Ledger.open(ledger_url) as ledger:
        ledger.accept(Station().run(count), "shache", NOW)


def damaged(path: Path, how: str) -> bytes:
    whole = path.read_bytes()
    cut = {
        "header": b"not a database at all" + whole[21:],
        "middle": whole[:4096] + b"\xaa" * (len(whole) - 8192) + whole[-4096:],
        "cut off": whole[: len(whole) // 2 // 4096 * 4096 + 100],
    }[how]
    path.write_bytes(cut)
    return cut


@pytest.mark.parametrize("how", ["header", "middle", "cut off"])
def test_a_damaged_ledger_is_refused_and_kept(ledger_url: str, path: Path, how: str) -> None:
    filled(ledger_url)
    kept = damaged(path, how)
    with pytest.raises(LedgerDamaged, match=str(path)):
        Ledger.open(ledger_url)
    assert path.read_bytes() == kept


def test_a_ledger_of_a_later_version_is_refused(ledger_url: str, path: Path) -> None:
    filled(ledger_url)
    connection = sqlite3.connect(path)
    connection.execute("UPDATE meta SET value = '99' WHERE name = 'schema_version'")
    connection.commit()
    connection.close()
    for open_it in (Ledger.open, Ledger.open_readonly):
        with pytest.raises(LedgerNewer, match="99"):
            open_it(ledger_url)


def test_another_database_is_refused_and_not_changed(ledger_url: str, path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE outbox (seq INTEGER)")
    connection.commit()
    connection.close()
    before = path.read_bytes()
    for open_it in (Ledger.open, Ledger.open_readonly):
        with pytest.raises(LedgerForeign):
            open_it(ledger_url)
    assert path.read_bytes() == before


@each("url", ["postgresql://db/center", "mysql://db/x", "sqlite://", "sqlite:///:memory:", "ledger.db", ""])
def test_only_files_are_ledgers(url: str) -> None:
    with pytest.raises(LedgerAddressError):
        Ledger.open(url)


def test_reading_creates_nothing(ledger_url: str, path: Path) -> None:
    with pytest.raises(LedgerMissing, match=str(path)):
        Ledger.open_readonly(ledger_url)
    assert not path.exists()


def test_two_sorting_centers_do_not_write_one_ledger(ledger_url: str) -> None:
    with Ledger.open(ledger_url), pytest.raises(LedgerInUse):
        Ledger.open(ledger_url)
    Ledger.open(ledger_url).close()


def test_it_can_be_read_while_it_is_written(ledger_url: str, ledger: Ledger, station: Station) -> None:
    ledger.accept(station.run(3), "shache", NOW)
    with Ledger.open_readonly(ledger_url) as reader:
        assert reader.counts().events == 3
        ledger.accept([station.intake(9)], "shache", NOW)
        assert reader.counts().events == 4
        with pytest.raises(LedgerUnwritable):
            reader.set_feed_position("mqtt", 1)


def test_reading_cannot_write(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="readonly"), ledger.reading() as connection:
        connection.execute(text("DELETE FROM event"))


def test_commits_reach_the_disk(ledger: Ledger, path: Path) -> None:
    writer = ledger._opened.writer
    assert writer is not None
    with writer.connect() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2, "FULL"


def test_a_full_disk_stores_nothing_of_the_batch_and_works_again_later(ledger: Ledger, station: Station) -> None:
    events = station.run(300)
    ledger.accept(events[:10], "shache", NOW)
    writer = ledger._opened.writer
    assert writer is not None

    def limit(pages: int) -> None:
        with writer.connect() as connection:
            connection.execute(text(f"PRAGMA max_page_count = {pages}"))

    limit(1)  # SQLite takes the present size instead: the file cannot grow any more
    with pytest.raises(LedgerUnwritable, match="full"):
        ledger.accept(events[10:], "shache", NOW)
    assert ledger.counts().events == 10
    assert ledger.stream(station.station, station.epoch, "shache").upto == 10
    limit(2**30)
    (state,) = ledger.accept(events[10:], "shache", NOW)
    assert state.upto == 300
