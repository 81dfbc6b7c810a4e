"""A backup that is encrypted to the county: nothing on the medium can be read, and what is opened is the same again."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from kiosk.store import Store
from kiosk.store.backup import backup as making
from kiosk.store.backup import photos as backup_photos
from kiosk.store.backup.backup import FinishedBackup, make_backup, sha256_of
from kiosk.store.backup.medium import BackupRefused, database_file, finished_manifests
from kiosk.store.backup.restore import BackupSealed, RestoreOptions, RestoreResult, check_backup, restore
from kiosk.store.backup.shared.county_key import CountyKey
from kiosk.store.backup.shared.settings import BackupSettings
from kiosk.store.shared.age_file import unseal
from kiosk.store.shared.errors import StoreError
from tests.store.backup.test_backup import left, shot
from tests.store.backup.test_restore_cut_off import Killed, killed_at
from tests.store.village import STATION, bring_in, epochs, rows, stamp

COUNTY = X25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = CountyKey(COUNTY.public_key().public_bytes_raw())
OWN = bytes(range(7, 39))


@pytest.fixture
def medium(tmp_path: Path) -> Path:
    folder = tmp_path / "medium"
    folder.mkdir()
    return folder


def make(path: Path, medium: Path, own: bytes = OWN, key: str = PUBLIC.text, keep: int = 14) -> FinishedBackup:
    settings = BackupSettings(medium, county_key=key, keep=keep)
    return make_backup(path, STATION, settings, stamp(), same_disk=True, own_key=own)


def bring_back(backup: Path, target: Path, key: bytes = OWN) -> RestoreResult:
    return restore(backup, target, STATION, stamp(100), RestoreOptions(new_epoch=epochs(50), own_key=key))


def open_words(medium: Path) -> set[str]:
    """Names of files in which a database or a picture lies open."""
    marks = (b"SQLite format", b"CREATE TABLE", b"one master", b"one natural")
    files = [path for path in medium.rglob("*") if path.is_file()]
    return {path.name for path in files if any(mark in path.read_bytes() for mark in marks)}


def test_the_drill(store: Store, path: Path, medium: Path, tmp_path: Path) -> None:
    """Backup, encrypted, opened by the county, restored; and by the station itself. Nothing is missing."""
    for _ in range(3):
        bring_in(store)
    pictures = shot(store, path.with_name("photos"), b"one")
    before = store.outbox.counts().last_seq
    made = make(path, medium)
    assert (made.path.suffix, made.problem, made.photos) == (".age", "", 2)
    assert left(medium) == {made.path.name, made.path.with_suffix(".json").name, "photos"}
    assert open_words(medium) == set()
    assert not path.with_name(f".{STATION}.part").exists(), "nor is the open copy left on the card"
    assert made.manifest.sealed_sha256 == sha256_of(made.path)
    opened = made.path.with_suffix(".db")
    content = unseal(made.path.read_bytes(), COUNTY.private_bytes_raw())
    for number, (source, key) in enumerate(((made.path, OWN), (opened, OWN))):
        if source == opened:
            opened.write_bytes(content)
            assert (opened.stat().st_size, sha256_of(opened)) == (made.manifest.size_bytes, made.manifest.sha256)
        target = tmp_path / f"card-{number}/station.db"
        back = bring_back(source, target, key)
        assert (back.verified, back.epoch.events, back.photos, back.problem) == (True, before, 2, "")
        assert rows(target, "SELECT count(*) FROM intake") == [(4,)]
        assert backup_photos.hashes(target.with_name("photos")) == tuple(sorted(pictures))


def test_wrong_key_cut_and_flipped_open_nothing(
    store: Store, path: Path, medium: Path, tmp_path: Path, subtests: pytest.Subtests
) -> None:
    bring_in(store)
    made, target = make(path, medium), tmp_path / "card/station.db"
    whole = made.path.read_bytes()
    middle = len(whole) // 2
    harms: dict[str, tuple[bytes, bytes, type[StoreError], str]] = {
        "another key": (whole, bytes(range(1, 33)), BackupSealed, "the county opens it: sorting-center kit decrypt"),
        "no key": (whole, b"", BackupSealed, "encrypted"),
        "cut": (whole[:-1], OWN, StoreError, "older backup"),
        "cut between two pieces": (whole[: len(whole) - len(whole) % 65_552], OWN, StoreError, "older backup"),
        "a flipped bit": (whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :], OWN, StoreError, "older"),
        "another header": (whole[:40] + bytes([whole[40] ^ 1]) + whole[41:], OWN, StoreError, "older"),
        "more": (whole + b"\0", OWN, StoreError, "older"),
        "no age file": (b"SQLite format 3\0" + bytes(100_000), OWN, StoreError, "older"),
    }
    for harm, (content, key, kind, word) in harms.items():
        made.path.write_bytes(content)
        for act in (
            lambda key=key: bring_back(made.path, target, key),
            lambda key=key: check_backup(made.path, target, STATION, key),
        ):
            with subtests.test(harm), pytest.raises(kind, match=word):
                act()
        assert not target.exists()
    made.path.write_bytes(whole)
    assert bring_back(made.path, target).verified


def test_a_backup_to_the_county_alone(store: Store, path: Path, medium: Path, tmp_path: Path) -> None:
    """Of a station whose own key could not be read."""
    bring_in(store)
    made = make(path, medium, b"")
    with pytest.raises(BackupSealed):
        bring_back(made.path, tmp_path / "card/station.db")
    assert unseal(made.path.read_bytes(), COUNTY.private_bytes_raw())[:15] == b"SQLite format 3"


@pytest.mark.parametrize("key", ["file gone", "file of something else", "of all zeros"])
def test_no_backup_lies_open_because_the_key_cannot_be_used(
    store: Store, path: Path, medium: Path, tmp_path: Path, key: str
) -> None:
    older = make(path, medium)
    bring_in(store)
    before, file = left(medium), tmp_path / "county.pub"
    if key == "file of something else":
        file.write_text("ssh-ed25519 AAAA")
    settings = BackupSettings(medium, county_key_file=file)
    if key == "of all zeros":
        settings = BackupSettings(medium, county_key=CountyKey(bytes(32)).text)
    with pytest.raises(BackupRefused, match="unencrypted") as refused:
        make_backup(path, STATION, settings, stamp(), same_disk=True)
    assert refused.value.code == "key"
    assert (left(medium), open_words(medium)) == (before, set())
    assert [database_file(one) for one in finished_manifests(medium, STATION)] == [older.path]
    assert not path.with_name(f".{STATION}.part").exists()


def test_what_lay_open_before_the_key_goes(store: Store, path: Path, medium: Path, tmp_path: Path) -> None:
    """Pictures at once, also those that have left the station; databases with the backups that are dropped."""
    photos = path.with_name("photos")
    shot(store, photos, b"one")
    first = make_backup(path, STATION, BackupSettings(medium), stamp(), same_disk=True)
    assert open_words(medium) > {first.path.name}
    shutil.rmtree(photos)
    same = make(path, medium, keep=2)
    assert (same.path.stem, first.path.exists()) == (first.path.stem, False), "the same state, encrypted now"
    assert open_words(medium) == set()
    assert bring_back(same.path, tmp_path / "card/station.db").photos == 0, "they were gone from the station"
    assert len(backup_photos.hashes(medium / "photos")) == 2
    for _ in range(2):
        bring_in(store)
        make(path, medium, keep=2)
    assert len([name for name in left(medium) if name.endswith(".age")]) == 2


def test_pictures_that_the_key_does_not_open_are_told(store: Store, path: Path, medium: Path, tmp_path: Path) -> None:
    shot(store, path.with_name("photos"), b"one")
    made = make(path, medium, b"")
    opened = made.path.with_suffix(".db")
    opened.write_bytes(unseal(made.path.read_bytes(), COUNTY.private_bytes_raw()))
    back = bring_back(opened, tmp_path / "card/station.db")
    assert (back.photos, "2 pictures" in back.problem) == (0, True)


@pytest.mark.parametrize("short", ["medium", "card"])
def test_without_room_nothing_is_begun(
    store: Store, path: Path, medium: Path, monkeypatch: pytest.MonkeyPatch, short: str
) -> None:
    full = medium if short == "medium" else path.parent
    monkeypatch.setattr("shutil.disk_usage", lambda of: SimpleNamespace(free=0 if of == full else 10**9))
    with pytest.raises(BackupRefused, match="is full") as refused:
        make(path, medium)
    assert (refused.value.code, str(full) in str(refused.value)) == ("full" if short == "medium" else "database", True)
    assert left(medium) == set()


def spoiled(folder: Path) -> Callable[[Path], str]:
    return lambda place: "0" * 64 if place.parent == folder else sha256_of(place)


@pytest.mark.parametrize("disk", ["medium", "card"])
def test_a_disk_that_does_not_give_back_what_was_written(
    store: Store, path: Path, medium: Path, monkeypatch: pytest.MonkeyPatch, disk: str
) -> None:
    good = make(path, medium)
    bring_in(store)
    with monkeypatch.context() as patch:
        patch.setattr(making, "sha256_of", spoiled(medium if disk == "medium" else path.parent))
        with pytest.raises(BackupRefused, match="does not give back"):
            make(path, medium)
    assert [database_file(one) for one in finished_manifests(medium, STATION)] == [good.path]


def test_whenever_the_power_goes_a_whole_backup_is_there(store: Store, path: Path, medium: Path) -> None:
    first = make(path, medium)
    shot(store, path.with_name("photos"), b"one")
    for cut_off in (medium, path.parent):
        (cut_off / f".{STATION}.part-wal").write_bytes(b"half a copy")
    for step in itertools.count(1):
        bring_in(store)
        with pytest.MonkeyPatch.context() as patch, killed_at(step, patch) as calls:
            try:
                make(path, medium)
                finished = True
            except Killed:
                finished = False
            steps = calls()
        assert open_words(medium) == set(), step
        for manifest in finished_manifests(medium, STATION):
            check_backup(database_file(manifest), path, STATION, OWN)
        assert first.path.exists()
        if finished:
            break
    assert steps > 5
    assert not list(medium.glob(".*.part*"))
    assert not list(path.parent.glob(".*.part*"))
    with closing(Store.open(path, STATION, stamp())) as again:
        assert again.journal.verify() > 0
