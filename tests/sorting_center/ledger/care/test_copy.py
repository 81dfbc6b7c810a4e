"""A ledger brought to another database is the same there, and goes on there."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from kiosk.sorting_center.ledger import Ledger, LedgerForeign, LedgerMissing, LedgerNotEmpty
from kiosk.sorting_center.ledger.care.copy import copy_ledger
from tests.servers.postgres import PostgresServer
from tests.sorting_center.histories import crowded_ledger
from tests.sorting_center.ledger.incidents import quarantined_by_reason
from tests.sorting_center.station_journal import NOW, Station


def told(url: str) -> tuple[object, ...]:
    with Ledger.open_readonly(url) as ledger:
        overview = ledger.overview("")
        return (ledger.ledger_id, ledger.generation, list(ledger.events()), ledger.feed(0, 1000), overview)


def test_there_and_back_again(file_url: str, postgres_url: str, tmp_path: Path) -> None:
    with Ledger.open(file_url) as ledger:
        crowded_ledger(ledger, random.Random(3))
        ledger.set_feed_position("mqtt", 5)
    back_url = f"sqlite:///{tmp_path / 'back.db'}"
    there = copy_ledger(file_url, postgres_url)
    back = copy_ledger(postgres_url, back_url)
    assert there == back
    assert there.digest.rows["event"] > 30
    assert told(file_url) == told(postgres_url) == told(back_url)


def test_the_copy_goes_on(file_url: str, postgres_url: str, station: Station) -> None:
    events = station.run(8)
    with Ledger.open(file_url) as ledger:
        ledger.accept([*events[:3], events[5]], "shache", NOW)
        ledger.accept([station.clone().raw(type="station.lot.packed.v1")], "shache", NOW)
    copy_ledger(file_url, postgres_url)
    with Ledger.open(postgres_url) as ledger:
        (state,) = ledger.accept(events, "shache", NOW)
        assert (state.upto, state.quarantined) == (9, (9,))
        assert [json.loads(entry.body)["seq"] for entry in ledger.feed(0, 100)] == list(range(1, 9))
        assert [entry.feedseq for entry in ledger.feed(0, 100)] == list(range(1, 9))
        ledger.accept([station.raw(type="station.lot.sold.v1")], "shache", NOW)
        assert quarantined_by_reason(ledger)["unknown_type"] >= 1, "numbers of rows are counted on"


def test_what_waited_for_its_place_in_the_feed_has_it_in_a_file(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, station: Station
) -> None:
    with Ledger.open(postgres_url) as ledger:
        ledger.accept(station.run(3), "shache", NOW)
        monkeypatch.undo()  # from here on nobody numbers
        ledger.accept([station.intake(3), station.intake(4)], "shache", NOW)
    url = f"sqlite:///{tmp_path / 'copy.db'}"
    assert copy_ledger(postgres_url, url).numbered == 2
    with Ledger.open_readonly(url) as ledger:
        assert [entry.feedseq for entry in ledger.feed(0, 100)] == [1, 2, 3, 4, 5]
        assert len(ledger.intakes(0, 10)) == 4


def test_only_what_is_empty_takes_a_copy(file_url: str, postgres_url: str, tmp_path: Path, station: Station) -> None:
    full = f"sqlite:///{tmp_path / 'full.db'}"
    for url in (full, postgres_url, file_url):
        with Ledger.open(url) as ledger:
            ledger.accept(station.run(2), "shache", NOW)
    before = told(postgres_url)
    for target in (full, postgres_url):
        with pytest.raises(LedgerNotEmpty):
            copy_ledger(file_url, target)
    assert told(postgres_url) == before


def test_what_is_no_ledger_is_neither_read_nor_written(
    file_url: str, postgres: PostgresServer, postgres_url: str, tmp_path: Path, station: Station
) -> None:
    with pytest.raises(LedgerMissing):
        copy_ledger(file_url, f"sqlite:///{tmp_path / 'copy.db'}")
    assert not (tmp_path / "copy.db").exists()
    with Ledger.open(file_url) as ledger:
        ledger.accept(station.run(2), "shache", NOW)
    with postgres.connection(postgres_url.rpartition("/")[2]) as connection:
        connection.execute("CREATE TABLE somebodys (number INTEGER)")
    with pytest.raises(LedgerForeign):
        copy_ledger(file_url, postgres_url)
