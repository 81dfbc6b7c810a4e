from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest

from kiosk.domain.identifiers import SERIES_LETTERS
from kiosk.store import Store, StoreError
from tests.store.village import bring_in, epochs, events, open_intake, open_store


def _marker(path: Path) -> Path:
    return path.with_name("receipt-series")


def test_the_first_database_of_a_station_begins_with_a(store: Store, path: Path) -> None:
    assert (store.epochs.identity().series, _marker(path).read_text()) == ("A", "S0147 A 0000000000000001\n")
    first = events(path)[0]
    assert (first["type"], first["seq"], first["prevhash"]) == ("station.epoch.started.v1", 1, "0" * 64)
    zeros = {"scale_profile": 0, "tare_library": 0, "clock": 0}
    assert first["data"] == {"series": "A", "why": "new", "counters": zeros}


def test_opening_again_goes_on_where_it_was(store: Store, path: Path, template: Path) -> None:
    bring_in(store)
    store.close()
    again = open_store(path, template, new_epoch=epochs(9))
    assert (again.epochs.identity().epoch, again.epochs.identity().series) == ("0000000000000001", "A")
    assert str(open_intake(again).receipt) == "0147-A-000002"
    again.close()


def test_a_database_made_anew_never_gives_a_receipt_number_again(store: Store, path: Path, template: Path) -> None:
    store.close()
    for letter in "BC":
        path.unlink()
        store = open_store(path, template, new_epoch=epochs(SERIES_LETTERS.index(letter) + 1))
        assert store.epochs.identity().series == letter
        store.close()
    assert [line.split()[1] for line in _marker(path).read_text().splitlines()] == ["A", "B", "C"]


def test_a_backup_that_is_brought_back_starts_a_new_series(store: Store, path: Path, template: Path) -> None:
    bring_in(store)
    store.close()
    backup = path.read_bytes()
    path.unlink()
    store = open_store(path, template, new_epoch=epochs(2))
    store.close()
    path.write_bytes(backup)
    restored = open_store(path, template, new_epoch=epochs(3))
    assert (restored.epochs.identity().epoch, restored.epochs.identity().series) == ("0000000000000003", "C")
    assert [event["data"].get("why") for event in events(path) if "epoch" in event["type"]] == ["new", "restored"]
    assert str(open_intake(restored).receipt) == "0147-C-000001"
    restored.close()
    again = open_store(path, template, new_epoch=epochs(4))
    assert again.epochs.identity().series == "C"
    again.close()


def test_a_lost_marker_is_written_again(store: Store, path: Path, template: Path) -> None:
    store.epochs.start("behind")
    store.close()
    _marker(path).unlink()
    open_store(path, template).close()
    assert _marker(path).read_text() == "S0147 A 0000000000000001\nS0147 B 0000000000000002\n"


@pytest.mark.parametrize(
    "text", ["S0147 A", "A 0000000000000001\n", "S0147 I 0000000000000001\n", "\x00\x00", "\ufffd"]
)
def test_a_marker_nobody_understands_stops_the_station(path: Path, template: Path, text: str) -> None:
    path.parent.mkdir()
    _marker(path).write_text(text)
    with pytest.raises(StoreError, match=r"receipt-series is not readable.*Write one"):
        open_store(path, template)
    assert _marker(path).read_text() == text


def test_stations_in_one_folder_count_for_themselves(store: Store, path: Path, template: Path) -> None:
    other = open_store(path.with_name("other.sqlite"), template, station="S0148", new_epoch=epochs(7))
    assert other.epochs.identity().series == "A"
    other.close()
    assert _marker(path).read_text().splitlines() == ["S0147 A 0000000000000001", "S0148 A 0000000000000007"]


def test_the_database_of_another_station_is_refused(store: Store, path: Path, template: Path) -> None:
    store.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="belongs to station S0147, not to S0148"):
        open_store(path, template, station="S0148")
    assert path.read_bytes() == before
    assert "S0148" not in _marker(path).read_text()


def test_after_the_last_letter_the_station_says_so_but_goes_on(store: Store, path: Path, template: Path) -> None:
    lines = [f"S0147 {letter} {place:016x}\n" for place, letter in enumerate(SERIES_LETTERS, start=1)]
    _marker(path).write_text("".join([*lines[1:], lines[0]]))
    with pytest.raises(StoreError, match="all 23 receipt series"):
        store.epochs.start("behind")
    bring_in(store)
    store.close()
    open_store(path, template).close()


def test_opening_leaves_no_files_behind(path: Path, template: Path) -> None:
    for _ in range(3):
        open_store(path, template).close()
    assert sorted(file.name for file in path.parent.iterdir()) == [
        "kiosk.sqlite",
        "receipt-series",
        "receipt-series.lock",
    ]


def test_a_half_made_database_is_made_again(path: Path, template: Path) -> None:
    path.parent.mkdir()
    shutil.copyfile(template, path.with_name(".kiosk.sqlite.new"))
    path.with_name(".kiosk.sqlite.new-wal").write_bytes(b"rest of a power cut")
    store = open_store(path, template)
    series = store.epochs.identity().series
    store.close()
    assert series == "A"
    assert not path.with_name(".kiosk.sqlite.new").exists()


def test_a_log_without_its_database_is_not_thrown_away(store: Store, path: Path, template: Path) -> None:
    log = path.with_name("kiosk.sqlite-wal")
    kept = log.read_bytes()
    store.close()
    path.unlink()
    log.write_bytes(kept)
    with pytest.raises(StoreError, match="is missing, but its log"):
        open_store(path, template)
    assert log.read_bytes() == kept


def test_a_marker_that_cannot_be_written_is_written_at_the_next_start(store: Store, path: Path, template: Path) -> None:
    in_the_way = path.with_name(".receipt-series.new")
    in_the_way.mkdir()
    with pytest.raises(StoreError, match="receipt-series cannot be written"):
        store.epochs.start("behind")
    assert store.epochs.identity().series == "B"
    store.close()
    with pytest.raises(StoreError, match="cannot be opened"):
        open_store(path, template)
    in_the_way.rmdir()
    again = open_store(path, template)
    assert again.epochs.identity().series == "B"
    again.close()
    assert _marker(path).read_text() == "S0147 A 0000000000000001\nS0147 B 0000000000000002\n"


def test_a_marker_that_cannot_be_written_costs_one_letter_however_often_the_station_starts(
    store: Store, path: Path, template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backup was brought back, and the card is full: the service manager starts the station again and again."""
    bring_in(store)
    store.close()
    backup = path.read_bytes()
    path.unlink()
    open_store(path, template, new_epoch=epochs(2)).close()
    path.write_bytes(backup)

    def full(path: Path, content: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("kiosk.store.journal.series.write_durably", full)
        for start in range(3, 30):
            with pytest.raises(StoreError, match="No space left"):
                open_store(path, template, new_epoch=epochs(start))
    again = open_store(path, template, new_epoch=epochs(40))
    assert again.epochs.identity().series == "C"
    again.close()
    assert [line.split()[1] for line in _marker(path).read_text().splitlines()] == ["A", "B", "C"]
