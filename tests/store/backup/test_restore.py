"""A backup comes back in a new epoch, beside what was there, or nothing at all has changed."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from kiosk.domain.events import PictureData
from kiosk.store import Store
from kiosk.store.backup import restore as restoring
from kiosk.store.backup.backup import make_backup
from kiosk.store.backup.restore import RestoreOptions, RestoreResult, restore
from kiosk.store.backup.shared.settings import BackupSettings
from kiosk.store.shared.errors import StoreError
from kiosk.store.shared.records import ListingPictures, NewPhoto
from tests.store.second_schema import NEXT, begin_second_schema
from tests.store.village import (
    CATALOG,
    MEASURES,
    STATION,
    bring_in,
    change,
    content,
    epochs,
    events,
    open_intake,
    open_store,
    rows,
    stamp,
    void_of,
)

JOBS_OF_AN_INTAKE = 2


@pytest.fixture
def medium(tmp_path: Path) -> Path:
    folder = tmp_path / "medium"
    folder.mkdir()
    return folder


@pytest.fixture
def backup(store: Store, path: Path, medium: Path) -> Path:
    """Four intakes, two of them acknowledged; then the station has gone on and stopped."""
    for _ in range(2):
        bring_in(store)
    store.outbox.acknowledge(store.outbox.counts().last_seq, ())
    for _ in range(2):
        bring_in(store)
    made = make_backup(path, STATION, BackupSettings(medium), stamp(), same_disk=True).path
    for _ in range(3):
        bring_in(store)
    store.close()
    return made


def bring_back(backup: Path, path: Path, **options: Any) -> RestoreResult:
    return restore(backup, path, STATION, stamp(100), RestoreOptions(**{"new_epoch": epochs(50), **options}))


def marker(path: Path) -> list[str]:
    return path.with_name("receipt-series").read_text().splitlines()


def test_a_backup_comes_back_in_a_new_epoch(backup: Path, path: Path, template: Path) -> None:
    back = bring_back(backup, path)
    assert (back.epoch.old.letter, back.epoch.new.letter) == ("A", "B")
    assert back.epoch.new.epoch != back.epoch.old.epoch
    assert (back.epoch.events, back.epoch.reissued_events) == (6, 2)
    assert (back.verified, back.problem) == (True, "")
    with closing(open_store(path, template)) as store:
        assert (store.epochs.identity().epoch, store.epochs.identity().series) == (back.epoch.new.epoch, "B")
        waiting = 1 + back.epoch.reissued_events + back.epoch.papers
        assert store.outbox.counts().pending == waiting, (
            "the new epoch, what was not acknowledged then, papers set aside"
        )
        assert bring_in(store).receipt == "0147-B-000001"
        assert store.journal.verify() == back.epoch.events + waiting + 1
    assert marker(path) == [f"S0147 A {back.epoch.old.epoch}", f"S0147 B {back.epoch.new.epoch}"]
    first = next(event for event in events(path) if event["epoch"] == back.epoch.new.epoch)
    assert first["data"] == {
        "series": "B",
        "why": "restored",
        "counters": {"scale_profile": 1, "tare_library": 1, "clock": 1},
    }


def test_what_is_told_again_says_where_it_stood(backup: Path, path: Path) -> None:
    back = bring_back(backup, path)
    again = [event for event in events(path) if event.get("reissued")]
    assert [event["reissued"] for event in again] == [f"{back.epoch.old.epoch}-{seq}" for seq in (5, 6)]


def test_the_database_that_was_there_is_kept_whole(backup: Path, path: Path) -> None:
    before, log = content(path), path.with_name(f"{path.name}-wal")
    log.write_bytes(b"what a power cut left")
    back = bring_back(backup, path)
    assert back.previous_database == path.with_name("before-restore-1")
    assert back.previous_database is not None
    assert (back.previous_database / log.name).read_bytes() == b"what a power cut left"
    (back.previous_database / log.name).unlink()
    assert content(back.previous_database / path.name) == before
    assert not log.exists()
    assert not path.with_name(".restore").exists()


def test_again_and_again_never_the_same_letter(backup: Path, path: Path) -> None:
    back = [bring_back(backup, path, new_epoch=epochs(50 + turn)) for turn in range(3)]
    assert [one.epoch.new.letter for one in back] == ["B", "C", "D"]
    assert [one.previous_database.name for one in back if one.previous_database] == [
        f"before-restore-{turn}" for turn in (1, 2, 3)
    ]
    assert [line.split()[1] for line in marker(path)] == ["A", "B", "C", "D"]


def test_the_first_start_after_it_begins_no_other_epoch(backup: Path, path: Path, template: Path) -> None:
    bring_back(backup, path)
    bring_back(backup, path, new_epoch=epochs(70))
    for _ in range(2):
        with closing(open_store(path, template)) as store:
            assert store.epochs.identity().series == "C"
    assert len(rows(path, "SELECT * FROM epoch")) == 2


def test_a_new_card_goes_by_the_letters_of_the_medium(backup: Path, tmp_path: Path, store: Store, path: Path) -> None:
    """The medium has seen letter C since this backup was made."""
    with (backup.parent / "receipt-series").open("a") as file:
        file.write("S0147 C 00000000000000cc\nS0148 K 00000000000000ff\n")
    new_card = tmp_path / "new" / "station.db"
    back = bring_back(backup, new_card)
    assert (back.epoch.new.letter, back.previous_database) == ("D", None)
    assert [line.split()[1] for line in marker(new_card)] == ["A", "C", "D"]


def test_a_letter_read_from_a_paper_receipt(backup: Path, tmp_path: Path) -> None:
    assert bring_back(backup, tmp_path / "new" / "station.db", newest_letter="F").epoch.new.letter == "G"


@pytest.mark.parametrize("letter", ["", "I", "a", "AB", "1", "\n"])
def test_a_letter_that_is_none(backup: Path, path: Path, letter: str) -> None:
    assert "receipt letter" in refused(backup, path, newest_letter=letter)


def test_the_letters_of_the_present_card_count_too(backup: Path, path: Path) -> None:
    with path.with_name("receipt-series").open("a") as file:
        file.write("S0147 E 00000000000000ee\n")
    assert bring_back(backup, path).epoch.new.letter == "F"


def test_papers_of_then_are_not_printed_by_themselves(backup: Path, path: Path, template: Path) -> None:
    back = bring_back(backup, path)
    assert back.epoch.papers == 4 * JOBS_OF_AN_INTAKE
    with closing(open_store(path, template)) as store:
        assert store.papers.next("label") is None
        assert store.papers.next("receipt") is None
        assert store.papers.summary()["unknown"] == back.epoch.papers


def test_an_intake_that_was_open_then_is_abandoned_at_the_start(
    store: Store, path: Path, medium: Path, template: Path
) -> None:
    open_intake(store)
    made = make_backup(path, STATION, BackupSettings(medium), stamp(), same_disk=True).path
    store.close()
    bring_back(made, path)
    with closing(open_store(path, template)) as again:
        assert [str(receipt) for receipt in again.intakes.abandon_left_open(stamp())] == ["0147-A-000001"]


def test_a_void_that_waited_is_told_again(store: Store, path: Path, medium: Path) -> None:
    intake = open_intake(store)
    store.intakes.abandon_left_open(stamp())
    bring_in(store)
    assert intake
    made = make_backup(path, STATION, BackupSettings(medium), stamp(), same_disk=True).path
    store.close()
    bring_back(made, path)
    kinds = [event["type"] for event in events(path) if event["epoch"] == f"{50:016x}"]
    assert kinds == [
        "station.epoch.started.v1",
        "station.catalog.imported.v1",
        "station.intake.abandoned.v1",
        "station.intake.confirmed.v1",
        *["station.print.unknown.v1"] * JOBS_OF_AN_INTAKE,
    ]


def test_pictures_come_back(store: Store, path: Path, medium: Path) -> None:
    names = [hashlib.sha256(jpeg).hexdigest() for jpeg in (b"one", b"two")]
    files = [path.with_name("photos") / name[:2] / f"{name}.jpg" for name in names]
    for file, jpeg in zip(files, (b"one", b"two"), strict=True):
        file.parent.mkdir(parents=True)
        file.write_bytes(jpeg)
    master, natural = (PictureData(name, 3, 1600, 1600) for name in names)
    kept = ListingPictures(master, natural, MEASURES)
    store.photos.add(NewPhoto(bring_in(store).lot, "ALMOND", kept), stamp())
    made = make_backup(path, STATION, BackupSettings(medium), stamp(), same_disk=True).path
    store.close()
    shutil.rmtree(path.with_name("photos"))
    assert bring_back(made, path).photos == 2
    assert [file.read_bytes() for file in files] == [b"one", b"two"]


def test_a_backup_without_a_manifest_is_checked_and_said_to_be_unproven(backup: Path, path: Path) -> None:
    backup.with_suffix(".json").unlink()
    assert not bring_back(backup, path).verified


def test_an_intake_that_is_only_in_the_log_comes_back(store: Store, path: Path, tmp_path: Path, template: Path) -> None:
    """What a power cut leaves in before-restore-1: the file as it was, and the newest intake in the log beside it."""
    bring_in(store)
    store.close()
    kept = tmp_path / "before-restore-1"
    kept.mkdir()
    copy, log = kept / "station.db", kept / "station.db-wal"
    shutil.copyfile(path, copy)
    with closing(open_store(path, template)) as again:
        newest = bring_in(again).receipt
        shutil.copyfile(path.with_name(f"{path.name}-wal"), log)
        assert path.read_bytes() == copy.read_bytes(), "the intake is in the log alone"
    before = copy.read_bytes(), log.read_bytes()
    back = bring_back(copy, path)
    assert (back.verified, back.epoch.events) == (False, 4)
    with closing(open_store(path, template)) as restored:
        assert restored.intakes.confirmed(newest) is not None
    assert (copy.read_bytes(), log.read_bytes()) == before


def test_the_database_of_the_schema_before_is_brought_up_to_date(
    backup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin_second_schema(tmp_path, monkeypatch)
    target = tmp_path / "data" / "station.db"
    back = bring_back(backup, target)
    assert back.epoch.events > 0
    assert rows(target, "SELECT count(*) FROM epoch") == [(2,)]
    assert rows(target, "SELECT version_num FROM alembic_version") == [(f"{NEXT:04}",)]


# --- refused ----------------------------------------------------------------------------------------------------------


def refused(backup: Path, path: Path, **options: Any) -> str:
    """The reason; the present database is in its place and unchanged."""
    before, lines = path.read_bytes(), marker(path)
    with pytest.raises(StoreError) as caught:
        bring_back(backup, path, **options)
    assert path.read_bytes() == before
    assert marker(path) == lines
    assert not list(path.parent.glob("before-restore-*"))
    return str(caught.value)


def test_a_station_that_runs_is_not_touched(backup: Path, path: Path, template: Path) -> None:
    """Locks are a process's: only another one can hold them against this one."""
    code = (
        "import sys; from pathlib import Path; from tests.store.village import open_store;"
        "store = open_store(Path(sys.argv[1]), Path(sys.argv[2])); print('open', flush=True); sys.stdin.read()"
    )
    root = Path(__file__).parents[3]
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path), str(template)],
        cwd=root,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as station:
        assert station.stdout is not None
        assert station.stdout.readline() == "open\n"
        with pytest.raises(StoreError, match="in use: stop the station and its relay"):
            bring_back(backup, path)
        assert not list(path.parent.glob("before-restore-*"))
        station.communicate("")
    assert bring_back(backup, path).previous_database


def test_a_file_that_is_not_there(backup: Path, path: Path, tmp_path: Path) -> None:
    assert "There is no backup" in refused(tmp_path / "none.db", path)


def test_a_file_in_the_folder_that_is_emptied(backup: Path, path: Path) -> None:
    mine = path.with_name(".restore") / "mine.db"
    mine.parent.mkdir()
    shutil.copyfile(backup, mine)
    assert "move it to another folder" in refused(mine, path)
    assert mine.exists()


@pytest.mark.parametrize("line", ["x", "", "S0147 A", "S0147 I 0000000000000001", "S0147 A 0000000000000001 more"])
def test_a_manifest_with_a_strange_receipt_series(backup: Path, path: Path, line: str) -> None:
    manifest = backup.with_suffix(".json")
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"receipt_series": [line]}))
    assert "is no receipt series" in refused(backup, path)


def test_a_changed_backup(backup: Path, path: Path) -> None:
    change(backup, "UPDATE intake SET amount_fen = 1")
    assert "not what its manifest says" in refused(backup, path)


def test_a_damaged_backup_without_a_manifest(backup: Path, path: Path) -> None:
    backup.with_suffix(".json").unlink()
    with backup.open("r+b") as file:
        file.seek(backup.stat().st_size // 2)
        file.write(b"\xff" * 8192)
    assert "not whole" in refused(backup, path)


def test_a_backup_with_a_damaged_schema_and_no_manifest(backup: Path, path: Path) -> None:
    backup.with_suffix(".json").unlink()
    backup.write_bytes(backup.read_bytes().replace(b"CREATE TABLE", b"CREATE T\xc3BLE"))
    assert "not whole" in refused(backup, path)


def test_an_event_that_somebody_changed(backup: Path, path: Path) -> None:
    """Far back in the journal, where the start does not look."""
    backup.with_suffix(".json").unlink()
    change(backup, "UPDATE journal SET body = CAST(replace(body, 'ALMOND', 'WALNUT') AS BLOB) WHERE seq = 3")
    assert "not whole" in refused(backup, path)


@pytest.mark.parametrize("data", [b"", b"SQLite format 3\0", b"hello" * 1000])
def test_no_database_at_all(path: Path, backup: Path, tmp_path: Path, data: bytes) -> None:
    other = tmp_path / "other.db"
    other.write_bytes(data)
    assert "none of a station" in refused(other, path)


def test_the_backup_of_another_station(backup: Path, path: Path) -> None:
    assert path.exists()
    with pytest.raises(StoreError, match="is of station S0147, not of S0148"):
        restore(backup, path, "S0148", stamp())
    backup.with_suffix(".json").unlink()
    with pytest.raises(StoreError, match="belongs to station S0147"):
        restore(backup, path, "S0148", stamp())


def test_no_room(backup: Path, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restoring, "_SPARE_BYTES", 1 << 60)
    assert "free space" in refused(backup, path)


@pytest.mark.parametrize("step", ["_copy_in", "_enter_new_epoch", "_swap"])
def test_a_restore_that_breaks_off_can_be_done_again(
    backup: Path, path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def fail(*_: object) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(restoring, step, fail)
        assert "Input/output error" in refused(backup, path)
    assert bring_back(backup, path).epoch.new.letter == "B"


@pytest.mark.parametrize("emptied", [False, True])
def test_a_power_cut_between_the_database_and_its_log(backup: Path, path: Path, template: Path, emptied: bool) -> None:
    log = path.with_name(f"{path.name}-wal")
    kept = path.with_name("before-restore-1")
    kept.mkdir()
    path.replace(kept / path.name)
    (kept / log.name).write_bytes(b"newest commits")
    log.write_bytes(b"" if emptied else b"newest commits")
    with pytest.raises(StoreError, match="is missing, but its log"):
        open_store(path, template)
    back = bring_back(backup, path)
    assert back.previous_database == (None if emptied else kept)
    assert (kept / log.name).read_bytes() == b"newest commits"
    assert not log.exists()
    with closing(open_store(path, template)) as store:
        assert store.epochs.identity().epoch == back.epoch.new.epoch


def test_a_power_cut_before_the_letters_were_written(backup: Path, path: Path, template: Path) -> None:
    lines = path.with_name("receipt-series").read_text()
    back = bring_back(backup, path)
    path.with_name("receipt-series").write_text(lines)
    with closing(open_store(path, template)) as store:
        assert store.epochs.identity().epoch == back.epoch.new.epoch
    assert [line.split()[1] for line in marker(path)] == ["A", "B"]


def test_the_damaged_database_of_a_dead_card_is_kept_as_it_is(backup: Path, path: Path) -> None:
    path.write_bytes(b"\x00" * 5000)
    back = bring_back(backup, path)
    assert back.previous_database is not None
    assert (back.previous_database / path.name).read_bytes() == b"\x00" * 5000


def test_letters_that_nobody_can_read_are_named(backup: Path, path: Path) -> None:
    path.with_name("receipt-series").write_text("???\n")
    assert "receipt-series is not readable" in refused(backup, path)


def test_a_manifest_of_nonsense_is_named(backup: Path, path: Path) -> None:
    backup.with_suffix(".json").write_text(json.dumps({"station": STATION}))
    assert "manifest" in refused(backup, path)


def test_the_catalog_is_there_again(backup: Path, path: Path, template: Path) -> None:
    bring_back(backup, path)
    with closing(open_store(path, template)) as store:
        assert store.catalogs.get() == (1, CATALOG)
        intake = open_intake(store)
        assert void_of(intake).receipt == intake.receipt
