from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from kiosk.domain.catalog import Catalog
from kiosk.domain.intake import AbandonReason
from kiosk.store import DiskFull, Store, StoreError
from kiosk.store.database.connection import Reserve
from tests.store.failing import SmallDisk
from tests.store.village import CATALOG, bring_in, content, open_intake, open_store, rows, stamp

RESERVE = 512 * 1024
_DISKS = ["page limit", *(["real file system"] if os.geteuid() == 0 else [])]
"""A file system of our own can only be mounted by root; SQLite's own page limit stands in for it everywhere."""


@dataclass(frozen=True)
class Village:
    """A station on a disk that will be full soon."""

    path: Path
    options: dict[str, Any]
    make_room: Callable[[], object]

    def open(self, template: Path) -> Store:
        return open_store(self.path, template, reserve_bytes=RESERVE, **self.options)


@pytest.fixture(params=_DISKS)
def village(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Village]:
    folder = tmp_path / "small"
    folder.mkdir()
    path = folder / "kiosk.sqlite"
    if request.param == "page limit":
        disk = SmallDisk(358, path)
        monkeypatch.setattr(os, "posix_fallocate", disk.allocate)
        yield Village(path, {"connect": disk.connect}, lambda: setattr(disk, "pages", 3_000))
        return
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "village", folder], check=True)
    try:
        remount = ["mount", "-o", "remount,size=8m", str(folder)]
        yield Village(path, {}, partial(subprocess.check_call, remount))
    finally:
        subprocess.run(["umount", folder], check=True)


def _work_until_full(store: Store) -> int:
    """Bring goods in until the disk is full, then try on; returns how many intakes were confirmed."""
    confirmed = 0
    with pytest.raises(DiskFull, match=r"is full: free space on it .*Everything confirmed until now is safe"):
        while confirmed < 3_000:
            bring_in(store)
            confirmed += 1
    with pytest.raises(DiskFull):
        for _ in range(100):
            open_intake(store)
    return confirmed


def test_on_a_full_disk_work_begun_is_finished_and_none_is_begun(village: Village, template: Path) -> None:
    store = village.open(template)
    store.catalogs.add(CATALOG, stamp())
    first = open_intake(store)
    confirmed = _work_until_full(store)
    assert confirmed > 10
    store.intakes.abandon(first.receipt, "opened", AbandonReason.IDLE, stamp())
    store.outbox.acknowledge(store.outbox.counts().last_seq, [])
    assert store.outbox.counts().pending == 0
    before = content(village.path)
    with pytest.raises(DiskFull):
        store.catalogs.add(Catalog(CATALOG.products * 4_000, (), (), ()), stamp())
    assert content(village.path) == before
    store.close()
    again = village.open(template)
    assert len(again.intakes.recent(5_000)) == confirmed
    assert again.journal.verify() == again.outbox.counts().last_seq
    again.close()


def test_with_room_again_the_same_store_goes_on(village: Village, template: Path) -> None:
    store = village.open(template)
    reserve = village.path.with_name(".reserve")
    assert reserve.stat().st_size == RESERVE
    store.catalogs.add(CATALOG, stamp())
    confirmed = _work_until_full(store)
    village.make_room()
    for _ in range(20):
        bring_in(store)
    assert reserve.stat().st_size == RESERVE
    assert len(store.intakes.recent(5_000)) == confirmed + 20
    store.journal.verify()
    store.close()
    assert rows(village.path, "PRAGMA integrity_check") == [("ok",)]


def test_the_reserve_is_given_up_once_and_held_again(tmp_path: Path) -> None:
    reserve = Reserve(tmp_path / "kiosk.sqlite", 10_000)
    assert not reserve.release()
    reserve.hold()
    assert (tmp_path / ".reserve").stat().st_size == 10_000
    assert (tmp_path / ".reserve").stat().st_blocks * 512 >= 10_000
    assert reserve.release()
    assert not reserve.release()
    reserve.hold()
    assert (tmp_path / ".reserve").exists()


def test_a_reserve_that_cannot_be_held_says_why(tmp_path: Path) -> None:
    (tmp_path / ".reserve").mkdir()
    with pytest.raises(StoreError, match=r"\.reserve cannot be written"):
        Reserve(tmp_path / "kiosk.sqlite", 10_000).hold()
    (tmp_path / "other").mkdir()
    with pytest.raises(DiskFull):
        Reserve(tmp_path / "other" / "kiosk.sqlite", 2**62).hold()
    assert list((tmp_path / "other").iterdir()) == []


def test_without_a_reserve_no_file_is_made(store: Store, path: Path) -> None:
    bring_in(store)
    assert not path.with_name(".reserve").exists()
