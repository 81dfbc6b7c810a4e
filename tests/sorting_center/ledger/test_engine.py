"""Ledgers that cannot be used are refused with a clear line, and never touched."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import text

from kiosk.messaging.contract.received_event import ReceivedEvent
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
from tests.sorting_center.station_journal import NOW, Station


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


def filled(file_url: str, count: int = 40) -> None:
    with Ledger.open(file_url) as ledger:
        ledger.accept(Station().run(count), "shache", NOW)


def damaged(path: Path, how: str) -> bytes:
    whole = path.read_bytes()
    cut = {
        "header": b"not a database at all" + whole[21:],
        "middle": whole[:4096] + b"\xaa" * (len(whole) - 8192) + whole[-4096:],
        "cut off": whole[: len(whole) // 2 // 4096 * 4096 + 100],
        "schema": whole.replace(b"CREATE TABLE event ", b"CREATE T\xc3BLE event "),
    }[how]
    assert cut != whole
    path.write_bytes(cut)
    return cut


@pytest.mark.parametrize("how", ["header", "middle", "cut off", "schema"])
def test_a_damaged_ledger_is_refused_and_kept(file_url: str, path: Path, how: str) -> None:
    filled(file_url)
    kept = damaged(path, how)
    with pytest.raises(LedgerDamaged, match=str(path)):
        Ledger.open(file_url)
    assert path.read_bytes() == kept


def test_a_ledger_of_a_later_version_is_refused(file_url: str, path: Path) -> None:
    filled(file_url)
    connection = sqlite3.connect(path)
    connection.execute("UPDATE meta SET value = '99' WHERE name = 'schema_version'")
    connection.commit()
    connection.close()
    for open_it in (Ledger.open, Ledger.open_readonly):
        with pytest.raises(LedgerNewer, match="99"):
            open_it(file_url)


def test_another_database_is_refused_and_not_changed(file_url: str, path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE outbox (seq INTEGER)")
    connection.commit()
    connection.close()
    before = path.read_bytes()
    for open_it in (Ledger.open, Ledger.open_readonly):
        with pytest.raises(LedgerForeign):
            open_it(file_url)
    assert path.read_bytes() == before


def test_only_files_and_databases_of_postgresql_are_ledgers(subtests: pytest.Subtests) -> None:
    for url in ["postgresql://db", "mysql://db/x", "sqlite://", "sqlite:///:memory:", "ledger.db", ""]:
        with subtests.test(url=url), pytest.raises(LedgerAddressError):
            Ledger.open(url)


def test_reading_creates_nothing(file_url: str, path: Path) -> None:
    with pytest.raises(LedgerMissing, match=str(path)):
        Ledger.open_readonly(file_url)
    assert not path.exists()


def test_two_sorting_centers_do_not_write_one_ledger(file_url: str) -> None:
    with Ledger.open(file_url), pytest.raises(LedgerInUse):
        Ledger.open(file_url)
    Ledger.open(file_url).close()


def test_it_can_be_read_while_it_is_written(ledger_url: str, ledger: Ledger, station: Station) -> None:
    ledger.accept(station.run(3), "shache", NOW)
    with Ledger.open_readonly(ledger_url) as reader:
        assert reader.counts().events == 3
        ledger.accept([station.intake(9)], "shache", NOW)
        assert reader.counts().events == 4
        with pytest.raises(LedgerUnwritable):
            reader.set_feed_position("mqtt", 1)


def test_reading_cannot_write(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match=r"read-?only"), ledger.reading() as connection:
        connection.execute(text("DELETE FROM event"))


def test_commits_reach_the_disk(file_url: str) -> None:
    with Ledger.open(file_url) as ledger, ledger._opened.writing.connect() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2, "FULL"


def test_a_full_disk_stores_nothing_of_the_batch_and_works_again_later(file_url: str, station: Station) -> None:
    events = station.run(300)
    with Ledger.open(file_url) as ledger:
        _fill_the_disk(ledger, events)


def _fill_the_disk(ledger: Ledger, events: list[ReceivedEvent]) -> None:
    (station,) = {event.station for event in events}
    ledger.accept(events[:10], "shache", NOW)
    writer = ledger._opened.writing

    def limit(pages: int) -> None:
        with writer.connect() as connection:
            connection.execute(text(f"PRAGMA max_page_count = {pages}"))

    limit(1)  # SQLite takes the present size instead: the file cannot grow any more
    with pytest.raises(LedgerUnwritable, match="full"):
        ledger.accept(events[10:], "shache", NOW)
    assert ledger.counts().events == 10
    assert ledger.stream(station, events[0].epoch, "shache").upto == 10
    limit(2**30)
    (state,) = ledger.accept(events[10:], "shache", NOW)
    assert state.upto == 300
