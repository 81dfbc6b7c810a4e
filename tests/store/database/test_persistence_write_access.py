"""What root makes belongs to the owner of its folder, or the station can keep nothing afterwards."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import pytest

from kiosk.base.files import chown_to_folder_owner
from kiosk.store import Store
from kiosk.store.backup.backup import make_backup
from kiosk.store.backup.restore import RestoreOptions, restore
from kiosk.store.backup.shared.settings import BackupSettings
from kiosk.store.database.opening import OpenOptions
from kiosk.store.database.persistence import WriteBlocker, write_blocker
from tests.store.village import CATALOG, STATION, bring_in, epochs, open_store, stamp

OWNER, GROUP = 12_345, 12_346
ROOT = os.geteuid() == 0


@pytest.fixture
def folder(path: Path) -> Path:
    """The data folder, of another user when root runs the tests."""
    path.parent.mkdir(mode=0o700)
    if ROOT:
        os.chown(path.parent, OWNER, GROUP)
    return path.parent


def check_owner(folder: Path) -> None:
    """Of everything in it; without root nothing can change hands, and all is the user's own."""
    made = [folder, *folder.rglob("*")]
    expected = (OWNER, GROUP) if ROOT else (os.geteuid(), folder.stat().st_gid)
    assert {str(one): (one.stat().st_uid, one.stat().st_gid) for one in made} == {str(one): expected for one in made}
    if ROOT:
        assert [str(one) for one in made if one.stat().st_mode & 0o077] == []


def test_a_database_that_is_opened(folder: Path, path: Path, template: Path) -> None:
    with closing(open_store(path, template, reserve_bytes=4096)):
        names = {one.name for one in folder.iterdir()}
        assert names >= {path.name, f"{path.name}-wal", "receipt-series", "receipt-series.lock", ".reserve"}
        check_owner(folder)


def test_a_database_that_is_migrated_from_nothing(folder: Path, path: Path) -> None:
    with closing(Store.open(path, STATION, stamp(), OpenOptions(reserve_bytes=0))):
        check_owner(folder)


def test_what_was_left_to_root_is_mended_by_the_next_opening(folder: Path, path: Path, template: Path) -> None:
    open_store(path, template).close()
    if ROOT:
        for one in folder.iterdir():
            os.chown(one, 0, 0)
    with closing(open_store(path, template)):
        check_owner(folder)


def test_a_restore(folder: Path, path: Path, template: Path, tmp_path: Path) -> None:
    (tmp_path / "medium").mkdir()
    with closing(open_store(path, template, new_epoch=epochs())) as store:
        bring_in_one(store)
        made = make_backup(path, STATION, BackupSettings(tmp_path / "medium"), stamp(), same_disk=True).path
    path.with_name(f"{path.name}-wal").write_bytes(b"what a power cut left")
    chown_to_folder_owner(path.with_name(f"{path.name}-wal"))
    back = restore(made, path, STATION, stamp(100), RestoreOptions(new_epoch=epochs(50)))
    assert back.previous_database is not None
    check_owner(folder)
    with closing(open_store(path, template)):
        check_owner(folder)


def bring_in_one(store: Store) -> None:
    store.catalogs.add(CATALOG, stamp())
    bring_in(store)


def test_nobody_but_root_changes_an_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.touch(0o644)
    before = file.stat()

    def never(*_: object, **__: object) -> None:
        raise AssertionError("an owner was changed")

    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(os, "fchown", never)
    chown_to_folder_owner(file)
    assert (file.stat().st_uid, file.stat().st_mode) == (before.st_uid, before.st_mode)


def test_a_link_in_the_place_of_a_file_gives_nothing_of_another_away(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Put there between the look and the gift, by whoever owns the folder."""
    other = tmp_path / "of-root"
    other.touch()
    other.chmod(0o644)
    if ROOT:
        os.chown(other, 0, 0)
    before = other.stat()
    (folder / "file").symlink_to(other)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(Path, "is_symlink", lambda _: False)
    chown_to_folder_owner(folder / "file")
    after = other.stat()
    assert (after.st_uid, after.st_gid, after.st_mode) == (before.st_uid, before.st_gid, before.st_mode)


@pytest.mark.parametrize(
    ("owner", "mode", "why"),
    [
        (OWNER, 0o600, None),
        (OWNER, 0o400, WriteBlocker.READ_ONLY),
        (0, 0o644, WriteBlocker.OWNER),
        (0, 0o666, None),
    ],
)
def test_what_keeps_the_station_from_writing(folder: Path, owner: int, mode: int, why: WriteBlocker | None) -> None:
    file = folder / "file"
    file.touch()
    file.chmod(mode)
    if ROOT:
        os.chown(file, owner, 0)
        assert write_blocker(file) is why
    else:
        assert write_blocker(file) is (None if mode & 0o200 else WriteBlocker.READ_ONLY)
