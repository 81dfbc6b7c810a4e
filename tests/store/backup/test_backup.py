"""A backup is made while the station writes, is whole, and never takes the place of one that was good."""

from __future__ import annotations

import errno
import hashlib
import itertools
import json
import os
import re
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO

import pytest

from kiosk.domain.events import PictureData
from kiosk.domain.moment import ClockQuality
from kiosk.store import Store
from kiosk.store.backup import backup
from kiosk.store.backup import medium as backup_medium
from kiosk.store.backup import photos as backup_photos
from kiosk.store.backup.backup import FinishedBackup, make_backup
from kiosk.store.backup.kit.kit_files import write_kit
from kiosk.store.backup.medium import BackupRefused, disk_of, finished_manifests, read_manifest, uuid_of
from kiosk.store.backup.shared.settings import BackupSettings
from kiosk.store.database.check import LINKS_AT_START, check_file
from kiosk.store.shared.errors import StoreError
from kiosk.store.shared.records import ListingPictures, NewPhoto
from tests.store.village import MEASURES, STATION, bring_in, change, rows, stamp


@pytest.fixture
def medium(tmp_path: Path) -> Path:
    folder = tmp_path / "medium"
    folder.mkdir()
    return folder


def make(path: Path, medium: Path, **options: Any) -> FinishedBackup:
    """Test folders share a disk with everything else."""
    same_disk = options.pop("same_disk", True)
    return make_backup(path, STATION, BackupSettings(medium, **options), stamp(), same_disk=same_disk)


def left(medium: Path) -> set[str]:
    """Everything but the two files that stay: the lock and the letters."""
    return {path.name for path in medium.iterdir()} - {".backup.lock", "receipt-series"}


def test_a_backup_holds_every_event_and_says_what_it_is(store: Store, path: Path, medium: Path) -> None:
    for _ in range(3):
        bring_in(store)
    made = make(path, medium)
    identity, counts = store.epochs.identity(), store.outbox.counts()
    assert made.path.name == f"S0147-A-{counts.last_seq:010}-{identity.epoch}.db"
    assert left(medium) == {made.path.name, made.path.with_suffix(".json").name}
    manifest = read_manifest(made.path.with_suffix(".json"))
    assert manifest == made.manifest
    assert (manifest.station, manifest.series, manifest.epoch) == (STATION, "A", identity.epoch)
    assert (manifest.seq, manifest.events) == (counts.last_seq, counts.last_seq)
    assert manifest.size_bytes == made.path.stat().st_size
    assert manifest.sha256 == hashlib.sha256(made.path.read_bytes()).hexdigest()
    assert (manifest.made_at, manifest.clock) == ("2026-11-24T03:00:00.000Z", "synced")
    assert manifest.receipt_series == (f"S0147 A {identity.epoch}",)
    assert (medium / "receipt-series").read_text() == f"S0147 A {identity.epoch}\n"
    assert check_file(made.path, thorough=True)
    assert rows(made.path, "SELECT count(*) FROM intake") == [(3,)]
    assert made.problem == ""


def test_a_clerk_never_waits_and_the_copy_is_one_moment(store: Store, path: Path, medium: Path) -> None:
    """Somebody commits between all steps; the copy neither starts anew nor mixes two states."""
    for _ in range(40):
        bring_in(store)
    before, written = store.outbox.counts().last_seq, itertools.count()

    def commit(_seconds: float) -> None:
        number = next(written)
        assert number < 1000, "the copy began anew with every commit"
        bring_in(store, token=f"meanwhile-{number}")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backup, "_STEP_PAGES", 4)
        patch.setattr(backup, "sleep", commit)
        made = make(path, medium)
    steps = next(written)
    assert steps > 10
    assert store.outbox.counts().last_seq == before + steps
    assert made.manifest.events == before
    assert rows(made.path, "SELECT count(*) FROM intake") == [(40,)]


def test_a_clerk_in_another_thread_goes_on(store: Store, path: Path, medium: Path) -> None:
    """Each copy, once begun, goes on only when the clerk has booked: whoever held the other up would hold up both."""
    stop, news, booked = threading.Event(), threading.Condition(), 0

    def clerk() -> None:
        nonlocal booked
        while not stop.is_set():
            bring_in(store)
            with news:
                booked += 1
                news.notify_all()

    def until_booked(_seconds: float) -> None:
        with news:
            before = booked
            assert news.wait_for(lambda: booked > before, 30)

    thread = threading.Thread(target=clerk)
    thread.start()
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(backup, "sleep", until_booked)
            made = [make(path, medium) for _ in range(5)]
    finally:
        stop.set()
        thread.join()
    assert booked >= 5
    assert [one.manifest.seq for one in made] == sorted({one.manifest.seq for one in made})
    assert store.journal.verify() == booked + 2
    for one in made:
        assert check_file(one.path, thorough=True)


def test_the_copy_holds_what_is_only_in_the_log(path: Path, medium: Path, store: Store) -> None:
    bring_in(store)
    assert path.with_name(f"{path.name}-wal").stat().st_size > 0
    assert rows(make(path, medium).path, "SELECT count(*) FROM intake") == [(1,)]


def test_the_database_of_a_stopped_station_is_backed_up_and_left_as_it_is(
    store: Store, path: Path, medium: Path
) -> None:
    bring_in(store)
    store.close()
    content = path.read_bytes()
    make(path, medium)
    assert path.read_bytes() == content
    assert not path.with_name(f"{path.name}-wal").exists()


def test_only_the_newest_stay_and_those_of_other_stations(store: Store, path: Path, medium: Path) -> None:
    other = medium / "S0148-A-0000000001-00000000000000ff.json"
    other.write_text("{}")
    other.with_suffix(".db").touch()
    names = []
    for _ in range(5):
        bring_in(store)
        names.append(make(path, medium, keep=2).path.name)
    kept = [manifest.with_suffix(".db").name for manifest in finished_manifests(medium, STATION)]
    assert kept == names[-2:]
    assert other.exists()
    assert left(medium) == {
        name for stem in (*names[-2:], other.with_suffix(".db").name) for name in (stem, f"{Path(stem).stem}.json")
    }


@pytest.mark.parametrize(
    ("days", "quality", "stay"),
    [
        ((0, 50, 80, 91), ClockQuality.SYNCED, (1, 2, 3)),
        ((0, 100, 200), ClockQuality.SYNCED, (1, 2)),
        ((0, 1, 200), ClockQuality.RESTORED, (0, 1, 2)),
        ((200, 100, 0), ClockQuality.SYNCED, (0, 1, 2)),
    ],
    ids=["one is too old", "the last two stay", "nobody set the clock", "the clock was set back"],
)
def test_none_is_older_than_ninety_days_but_the_last_two(
    store: Store, path: Path, medium: Path, days: tuple[int, ...], quality: ClockQuality, stay: tuple[int, ...]
) -> None:
    names = []
    for day in days:
        bring_in(store)
        at = stamp(day * 86_400)
        at = replace(at, moment=replace(at.moment, quality=quality))
        names.append(make_backup(path, STATION, BackupSettings(medium), at, same_disk=True).path.stem)
    assert [manifest.stem for manifest in finished_manifests(medium, STATION)] == [names[place] for place in stay]


def test_a_new_letter_is_newer_than_any_number(store: Store, path: Path, medium: Path) -> None:
    for _ in range(3):
        bring_in(store)
    first = make(path, medium)
    store.outbox.acknowledge(store.outbox.counts().last_seq, ())
    store.epochs.start("restored", stamp())
    second = make(path, medium)
    assert second.manifest.seq < first.manifest.seq
    assert [read_manifest(one).series for one in finished_manifests(medium, STATION)] == ["A", "B"]
    assert len(second.manifest.receipt_series) == 2


def test_the_same_state_again_replaces_its_backup(store: Store, path: Path, medium: Path) -> None:
    first = make(path, medium)
    store.papers.summary()
    again = make(path, medium)
    assert again.path == first.path
    assert len(finished_manifests(medium, STATION)) == 1


def photo(folder: Path, content: bytes) -> str:
    sha256 = hashlib.sha256(content).hexdigest()
    (folder / sha256[:2]).mkdir(parents=True, exist_ok=True)
    (folder / sha256[:2] / f"{sha256}.jpg").write_bytes(content)
    return sha256


def shot(store: Store, photos: Path, name: bytes) -> tuple[str, str]:
    """A shot that was accepted: the hashes of its master and its natural cut."""
    kept = [photo(photos, name + kind) for kind in (b" master", b" natural")]
    master, natural = (PictureData(sha256, 1, 1600, 1600) for sha256 in kept)
    lot = bring_in(store).lot
    store.photos.add(NewPhoto(lot, "ALMOND", ListingPictures(master, natural, MEASURES)), stamp())
    return kept[0], kept[1]


def test_pictures_are_copied_once_and_listed(store: Store, path: Path, medium: Path) -> None:
    photos = path.with_name("photos")
    first, second = shot(store, photos, b"one"), shot(store, photos, b"two")
    (photos / first[0][:2] / f".{first[0]}.part").touch()
    (photos / first[0][:2] / "note.jpg").touch()
    made = make(path, medium)
    assert made.manifest.photos == tuple(sorted((*first, *second)))
    assert (made.photos, backup_photos.hashes(medium / "photos")) == (4, made.manifest.photos)
    third = shot(store, photos, b"three")
    assert make(path, medium).photos == 2
    assert set(third) < set(backup_photos.hashes(medium / "photos"))


def test_what_a_camera_saw_is_in_no_backup(store: Store, path: Path, medium: Path) -> None:
    """Nor a file that no row knows."""
    photos = path.with_name("photos")
    kept = shot(store, photos, b"one")
    photo(photos, b"of nobody")
    made = make(path, medium)
    assert made.manifest.photos == tuple(sorted(kept))
    assert backup_photos.hashes(medium / "photos") == tuple(sorted(kept))


@pytest.fixture
def open_umask() -> Iterator[None]:
    """Of a shell, which lets everybody read what is made."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def readable_by_others(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.lstat().st_mode & 0o077}


@pytest.mark.usefixtures("open_umask")
def test_nobody_else_may_read_a_backup_and_one_of_before_is_corrected(store: Store, path: Path, medium: Path) -> None:
    """People and pictures of a village are in it."""
    shot(store, path.with_name("photos"), b"one")
    theirs = medium / "holiday.jpg"
    theirs.touch()
    made = make(path, medium)
    write_kit(made.path, b"kit")
    assert readable_by_others(medium) == {theirs.name}
    older = [found for found in medium.rglob("*") if found != theirs]
    for found in older:
        found.chmod(0o755 if found.is_dir() else 0o644)
    outside = path.with_name("outside")
    outside.mkdir(mode=0o755)
    (outside / "theirs.jpg").touch(mode=0o644)
    (medium / "photos/zz").symlink_to(outside)
    bring_in(store)
    make(path, medium)
    assert readable_by_others(medium) == {theirs.name, "zz"}
    assert readable_by_others(outside.parent) >= {outside.name, "theirs.jpg"}, "through no link"


@pytest.mark.usefixtures("open_umask")
def test_nobody_else_may_read_a_backup_while_it_is_made(
    store: Store, path: Path, medium: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    monkeypatch.setattr(backup, "sleep", lambda _: seen.append(readable_by_others(medium) - {".backup.lock"}))
    make(path, medium)
    assert seen
    assert set().union(*seen) == set()


def test_a_medium_that_knows_no_modes_takes_the_backup(
    store: Store, path: Path, medium: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FAT refuses what it cannot keep."""

    def refuse(descriptor: int, mode: int) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    shot(store, path.with_name("photos"), b"one")
    monkeypatch.setattr(os, "fchmod", refuse)
    made = make(path, medium)
    assert (made.photos, made.problem, write_kit(made.path, b"kit").read_bytes()) == (2, "", b"kit")


def test_a_damaged_picture_is_named_and_not_copied(store: Store, path: Path, medium: Path) -> None:
    photos = path.with_name("photos")
    bad, good = shot(store, photos, b"one")
    (photos / bad[:2] / f"{bad}.jpg").write_bytes(b"rotten")
    made = make(path, medium)
    assert bad in made.problem
    assert backup_photos.hashes(medium / "photos") == (good,)


def test_a_medium_that_fills_up_with_pictures_keeps_the_database(
    store: Store, path: Path, medium: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shot(store, path.with_name("photos"), b"one")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(backup_photos, "_write", full)
    made = make(path, medium)
    assert "database is safe" in made.problem
    assert "is full" in made.problem
    assert finished_manifests(medium, STATION)


def test_a_picture_that_leaves_the_card_meanwhile_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The station makes room for a shot while the backup runs."""
    source, target = tmp_path / "photos", tmp_path / "medium"
    photo(source, b"one")
    photo(source, b"two")
    real, first = backup_photos.open_regular, backup_photos.hashes(source)[0]

    def opened(path: Path) -> BinaryIO:
        if path.stem == first:
            path.unlink()
        return real(path)

    monkeypatch.setattr(backup_photos, "open_regular", opened)
    assert backup_photos.copy(source, target, backup_photos.hashes(source)) == backup_photos.PhotoCopyResult(1, 0)


# --- refused ----------------------------------------------------------------------------------------------------------


def refused(path: Path, medium: Path, **options: Any) -> str:
    with pytest.raises(BackupRefused) as caught:
        make(path, medium, **options)
    text = str(caught.value)
    assert text.endswith((".", ")"))
    assert "\n" not in text
    return text


def test_no_medium(store: Store, path: Path, tmp_path: Path) -> None:
    text = refused(path, tmp_path / "usb")
    assert str(tmp_path / "usb") in text
    assert "mount" in text
    assert not (tmp_path / "usb").exists(), "a folder made on the card would look like a medium"


def test_the_same_card_is_no_medium(store: Store, path: Path, medium: Path) -> None:
    assert "same disk" in refused(path, medium, same_disk=False)
    assert left(medium) == set()


def test_two_partitions_of_one_card_are_one_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sys_block, card = tmp_path / "block", tmp_path / "devices" / "mmcblk0"
    sys_block.mkdir()
    numbers = {"data": (179, 2), "boot": (179, 1), "stick": (8, 1), "tmpfs": (0, 44)}
    for number, partition in ((1, "mmcblk0p1"), (2, "mmcblk0p2")):
        (card / partition).mkdir(parents=True)
        (card / partition / "partition").touch()
        (sys_block / f"179:{number}").symlink_to(card / partition)
    stick = tmp_path / "devices" / "sda"
    stick.mkdir()
    (sys_block / "8:1").symlink_to(stick)
    monkeypatch.setattr(backup_medium, "_BLOCK_DEVICES", sys_block)

    def disk(name: str) -> str:
        place = SimpleNamespace(stat=lambda: SimpleNamespace(st_dev=os.makedev(*numbers[name])))
        return disk_of(place)  # type: ignore[arg-type]

    assert disk("data") == disk("boot") == "mmcblk0"
    assert disk("stick") == "sda"
    assert disk("tmpfs") == "0:44"


def test_another_disk_is_taken(store: Store, path: Path, medium: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disks = {medium: "sda", path: "mmcblk0"}
    monkeypatch.setattr(backup_medium, "disk_of", disks.__getitem__)
    assert make(path, medium, same_disk=False).path.exists()


@pytest.mark.parametrize("free", [0, 1024 * 1024])
def test_a_full_medium_is_told_before_anything_is_written(
    store: Store, path: Path, medium: Path, monkeypatch: pytest.MonkeyPatch, free: int
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=free))
    assert "is full" in refused(path, medium)
    assert left(medium) == set()


def _fails(error: Exception) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


def _sqlite_full() -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    return error


@pytest.mark.parametrize(
    ("step", "error", "word"),
    [
        ("_copy", _sqlite_full(), "is full"),
        ("_copy", sqlite3.OperationalError("disk I/O error"), "broke off"),
        ("sha256_of", OSError(errno.EIO, "Input/output error"), "broke off"),
        ("_name", OSError(errno.ENOSPC, "No space left on device"), "is full"),
        ("write_durably", OSError(errno.EROFS, "Read-only file system"), "broke off"),
    ],
)
def test_a_backup_that_breaks_off_leaves_the_older_one_and_no_rest(
    store: Store, path: Path, medium: Path, monkeypatch: pytest.MonkeyPatch, step: str, error: Exception, word: str
) -> None:
    good = make(path, medium)
    bring_in(store)
    with monkeypatch.context() as patch:
        patch.setattr(backup, step, _fails(error))
        assert word in refused(path, medium)
    assert [one.with_suffix(".db") for one in finished_manifests(medium, STATION)] == [good.path]
    assert check_file(good.path, thorough=True)
    assert left(medium) == {good.path.name, good.path.with_suffix(".json").name}
    assert make(path, medium).manifest.seq > good.manifest.seq


def test_what_a_power_cut_left_is_cleared(store: Store, path: Path, medium: Path) -> None:
    for name in (".S0147.part", ".S0147.part-journal"):
        (medium / name).write_bytes(b"half a copy")
    made = make(path, medium)
    assert left(medium) == {made.path.name, made.path.with_suffix(".json").name}


def test_a_copy_that_is_not_whole_is_thrown_away(
    store: Store, path: Path, medium: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(30):
        bring_in(store)
    whole = backup._copy

    def rotten(database: Path, copy: Path) -> None:
        whole(database, copy)
        with copy.open("r+b") as file:
            file.seek(copy.stat().st_size // 2)
            file.write(b"\xff" * 4096)

    monkeypatch.setattr(backup, "_copy", rotten)
    assert "not whole" in refused(path, medium)
    assert left(medium) == set()


def test_a_log_beside_a_copy_hides_no_damage(
    store: Store, path: Path, medium: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(30):
        bring_in(store)
    whole, log = backup._copy, tmp_path / "log"
    other = make(path, medium).path.rename(tmp_path / "other.db")
    with closing(sqlite3.connect(other, isolation_level=None)) as connection:
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("VACUUM")  # now the log holds every page
        shutil.copyfile(f"{other}-wal", log)

    def rotten(database: Path, copy: Path) -> None:
        whole(database, copy)
        with copy.open("r+b") as file:
            file.seek(copy.stat().st_size // 2)
            file.write(b"\xff" * 4096)
        shutil.copyfile(log, f"{copy}-wal")

    before = left(medium)
    monkeypatch.setattr(backup, "_copy", rotten)
    assert "not whole" in refused(path, medium)
    assert left(medium) == before


def test_an_old_event_that_was_changed_is_found(store: Store, path: Path, medium: Path, tmp_path: Path) -> None:
    for _ in range(LINKS_AT_START + 2):
        bring_in(store)
    store.close()
    altered = tmp_path / "altered.db"
    shutil.copyfile(path, altered)
    first = f"position = {2**32 + 3}"
    change(altered, f"UPDATE journal SET body = CAST(replace(body, '12450', '12460') AS BLOB) WHERE {first}")
    assert check_file(altered, thorough=True)
    assert "its hash differs" in refused(altered, medium)
    assert left(medium) == set()


def test_a_database_whose_schema_is_damaged_is_refused(store: Store, path: Path, medium: Path, tmp_path: Path) -> None:
    made = make(path, medium).path
    raw = made.read_bytes()
    damaged = tmp_path / "damaged.db"
    damaged.write_bytes(raw.replace(b"CREATE TABLE intake ", b"CREATE T\xc3BLE intake "))
    before = left(medium)
    assert "schema cannot be read" in refused(damaged, medium)
    assert left(medium) == before


def test_two_backups_at_once(store: Store, path: Path, medium: Path) -> None:
    with backup_medium.backup_lock(medium):
        assert "Another backup" in refused(path, medium)
    assert make(path, medium).path.exists()


def test_the_database_of_another_station(store: Store, path: Path, medium: Path) -> None:
    with pytest.raises(BackupRefused, match="belongs to station S0147, not to S0148"):
        make_backup(path, "S0148", BackupSettings(medium), stamp(), same_disk=True)
    assert left(medium) == set()


def test_no_database_is_made_where_there_is_none(tmp_path: Path, medium: Path) -> None:
    assert re.search("broke off|cannot", refused(tmp_path / "gone.db", medium))
    assert not (tmp_path / "gone.db").exists()


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"station": 5}', "\x00", json.dumps({"station": "S0147"})])
def test_a_manifest_nobody_can_read_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(StoreError, match=re.escape(str(path))):
        read_manifest(path)


def test_a_database_without_its_manifest_is_no_finished_backup(store: Store, path: Path, medium: Path) -> None:
    made = make(path, medium)
    made.path.with_suffix(".json").unlink()
    assert finished_manifests(medium, STATION) == []


def test_the_copy_can_be_opened_by_anybody(store: Store, path: Path, medium: Path) -> None:
    made = make(path, medium)
    with closing(sqlite3.connect(made.path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


# --- the one medium -------------------------------------------------------------------------------------------------


class Sticks:
    """What the kernel and udev say of what is plugged in, below a folder: which device lies under which path."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.blocks, self.udev, self.links = folder / "block", folder / "udev", folder / "by-uuid"
        for made in (self.blocks, self.udev, self.links):
            made.mkdir(parents=True)
        monkeypatch.setattr(backup_medium, "_BLOCK_DEVICES", self.blocks)
        monkeypatch.setattr(backup_medium, "_UDEV", self.udev)
        monkeypatch.setattr(backup_medium, "_BY_UUID", self.links)

    def plug(self, under: Path, uuid: str, *, by: str = "udev") -> None:
        """A stick is mounted there; any that was there before is gone."""
        device = under.stat().st_dev
        number = f"{os.major(device)}:{os.minor(device)}"
        for old in (*self.udev.iterdir(), *self.links.iterdir()):
            old.unlink()
        if by == "udev":
            (self.udev / f"b{number}").write_text(
                f"S:disk/by-label/kiosk-backup\nE:ID_FS_UUID={uuid}\nE:ID_FS_TYPE=ext4\n"
            )
            return
        node = self.blocks.parent / "dev" / "sda1"
        node.mkdir(parents=True, exist_ok=True)
        (self.blocks / number).unlink(missing_ok=True)
        (self.blocks / number).symlink_to(node)
        (self.links / uuid).symlink_to(node)


OWN, STRANGE = "8a1f1f1c-5d0a-4c6e-9f0b-0123456789ab", "1A2B-3C4D"


@pytest.fixture
def sticks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sticks:
    return Sticks(tmp_path / "kernel", monkeypatch)


@pytest.mark.parametrize("by", ["udev", "links"])
def test_a_stick_with_just_the_right_label_gets_nothing(
    store: Store, path: Path, medium: Path, sticks: Sticks, by: str
) -> None:
    sticks.plug(medium, STRANGE, by=by)
    assert uuid_of(medium) == STRANGE
    with pytest.raises(BackupRefused) as refusal:
        backup.make_backup(path, STATION, BackupSettings(medium, uuid=OWN), stamp(), same_disk=True)
    for word in (str(medium), STRANGE, OWN, "Nothing was written", "kiosk backup --bind"):
        assert word in str(refusal.value)
    assert list(medium.iterdir()) == []
    sticks.plug(medium, OWN, by=by)
    assert backup.make_backup(
        path, STATION, BackupSettings(medium, uuid=OWN.upper()), stamp(), same_disk=True
    ).path.exists()


def test_a_medium_nobody_can_name_is_not_the_bound_one(store: Store, path: Path, medium: Path, sticks: Sticks) -> None:
    assert uuid_of(medium) == ""
    with pytest.raises(BackupRefused, match="its UUID is not known"):
        backup.make_backup(path, STATION, BackupSettings(medium, uuid=OWN), stamp(), same_disk=True)
    assert backup.make_backup(path, STATION, BackupSettings(medium), stamp(), same_disk=True).path.exists(), (
        "none is bound: as before"
    )


@pytest.mark.parametrize("uuid", ["../../etc", "x; rm", "a\x1b[1m", "f" * 65, "", "\u0663\u0663"])
def test_a_name_that_is_no_uuid_is_none(medium: Path, sticks: Sticks, uuid: str) -> None:
    sticks.plug(medium, uuid)
    assert uuid_of(medium) == ""


def test_a_stick_pulled_meanwhile_is_told(path: Path, medium: Path, store: Store, sticks: Sticks) -> None:
    medium.rmdir()
    with pytest.raises(BackupRefused, match="is missing"):
        backup.make_backup(path, STATION, BackupSettings(medium, uuid=OWN), stamp(), same_disk=True)
