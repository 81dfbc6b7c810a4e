"""The photographer: a shot is on the disk before anybody hears of it, and no trouble ends the thread."""

from __future__ import annotations

import errno
import hashlib
import json
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kiosk.devices.ports import Camera, CameraFault, Shot
from kiosk.station.photos.photographer import NoRoom, PhotoFolder, Photographer
from kiosk.store import DiskFull, Store, StoreError
from tests.station.fakes import STAMP
from tests.station.hardware import FakeCamera, Heard, bring_in

JPEG = b"\xff\xd8\xff picture \xff\xd9"
SHA = hashlib.sha256(JPEG).hexdigest()


class Studio:
    """A photographer with everything around."""

    def __init__(self, camera: Camera | None, store: Any, folder: PhotoFolder, **options: Any) -> None:
        self.done, self.failed = Heard(), Heard()
        chosen: dict[str, Any] = {
            "on_done": self.done,
            "on_failed": self.failed,
            "max_bytes": 100,
            "room": lambda: None,
            **options,
        }
        self.photographer = Photographer(camera, folder, store, lambda: STAMP, **chosen)

    def __enter__(self) -> Studio:
        self.photographer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.photographer.stop()

    def ask(self, lot: str) -> None:
        self.photographer.request(lot, "BADAM")

    def answers(self, count: int) -> None:
        self.done.wait(lambda told: len(told) == count)


@pytest.fixture
def folder(tmp_path: Path) -> PhotoFolder:
    return PhotoFolder(tmp_path / "photos")


@pytest.fixture
def lot(store: Store) -> str:
    return bring_in(store).lot


def files(folder: PhotoFolder) -> list[str]:
    return sorted(str(path.relative_to(folder.root)) for path in folder.root.rglob("*") if path.is_file())


def types(store: Store) -> list[str]:
    return [json.loads(row.body)["type"] for row in store.outbox.pending(100)][-2:]


def test_without_room_the_camera_is_not_asked(store: Store, lot: str, folder: PhotoFolder) -> None:
    camera = FakeCamera()

    def room() -> None:
        raise NoRoom("photo_room", "no more")

    studio = Studio(camera, store, folder, room=room)
    with studio:
        studio.ask(lot)
        studio.failed.wait(lambda told: told == [(lot, "photo_room")])
    assert (camera.shooting.told, files(folder)) == ([], [])


def test_a_picture_that_is_not_recorded_does_not_stay(store: Store, lot: str, folder: PhotoFolder) -> None:
    """Nobody would ever find it again, and each try would leave one more."""

    class Full:
        def add(self, *row: Any) -> None:
            raise DiskFull("the disk is full")

    studio = Studio(FakeCamera(), SimpleNamespace(photos=Full()), folder)
    with studio:
        studio.ask(lot)
        studio.ask(lot)
        studio.failed.wait(lambda told: len(told) == 2)
    assert files(folder) == []


def test_a_shot_is_on_the_disk_and_in_the_journal_before_anybody_hears_of_it(
    store: Store, lot: str, folder: PhotoFolder
) -> None:
    order: list[str] = []

    class Watched:
        def add(self, *row: Any) -> None:
            order.append(f"store after {len(files(folder))} file")
            store.photos.add(*row)

    studio = Studio(
        FakeCamera(), SimpleNamespace(photos=Watched()), folder, on_done=lambda *_: order.append(types(store)[-1])
    )
    with studio:
        studio.ask(lot)
        studio.ask(lot)
        studio.photographer.request("", "")
        studio.failed.wait(lambda told: len(told) == 1)
    assert order == [
        "store after 1 file",
        "station.listing.drafted.v1",
        "store after 2 file",
        "station.listing.drafted.v1",
        "store after 2 file",
    ]
    first, second = store.photos.of_lot(lot)
    assert types(store) == ["station.photo.taken.v1", "station.listing.drafted.v1"]
    for row in (first, second):
        path = folder.path(row.sha256)
        assert path is not None
        assert hashlib.sha256(path.read_bytes()).hexdigest() == row.sha256
        assert path.relative_to(folder.root).parts == (row.sha256[:2], f"{row.sha256}.jpg")
        assert (row.size_bytes, row.width, row.height) == (path.stat().st_size, 640, 480)


def test_the_same_shot_twice_is_one_file_and_one_row(store: Store, lot: str, folder: PhotoFolder) -> None:
    camera = FakeCamera()
    camera.pictures.pop()
    with Studio(camera, store, folder) as studio:
        studio.ask(lot)
        studio.ask(lot)
        studio.answers(2)
    assert studio.done.told[0] == studio.done.told[1]
    assert len(store.photos.of_lot(lot)) == len(files(folder)) == 1


@pytest.mark.parametrize(
    ("fault", "word"),
    [
        (CameraFault("missing", "not there"), "camera_missing"),
        *((CameraFault(code, "no"), "camera_failed") for code in ("timeout", "format", "black", "frozen", "broken")),
        (ZeroDivisionError(), "camera_failed"),
    ],
)
def test_a_camera_fault_is_a_word_and_the_next_shot_works(
    store: Store, lot: str, folder: PhotoFolder, fault: Exception, word: str
) -> None:
    with Studio(FakeCamera(fault), store, folder) as studio:
        studio.ask(lot)
        studio.ask(lot)
        studio.answers(1)
    assert studio.failed.told == [(lot, word)]
    assert len(store.photos.of_lot(lot)) == len(files(folder)) == 1


def test_without_a_camera_every_shot_says_so(store: Store, lot: str, folder: PhotoFolder) -> None:
    with Studio(None, store, folder) as studio:
        studio.ask(lot)
        studio.failed.wait(lambda told: told == [(lot, "camera_missing")])
    assert not folder.root.exists()


def test_a_picture_that_is_too_large_is_not_kept(store: Store, lot: str, folder: PhotoFolder) -> None:
    with Studio(FakeCamera(), store, folder, max_bytes=5) as studio:
        studio.ask(lot)
        studio.failed.wait(lambda told: told == [(lot, "camera_failed")])
    assert not folder.root.exists()


@pytest.mark.parametrize(
    ("code", "word"),
    [
        (errno.ENOSPC, "disk_full"),
        (errno.EDQUOT, "disk_full"),
        (errno.EIO, "store_failed"),
        (errno.EROFS, "store_failed"),
    ],
)
def test_a_disk_that_refuses_the_file_leaves_no_half_picture_and_no_event(
    store: Store, lot: str, folder: PhotoFolder, monkeypatch: pytest.MonkeyPatch, code: int, word: str
) -> None:
    def refuse(descriptor: int) -> None:
        raise OSError(code, "no")

    with monkeypatch.context() as broken, Studio(FakeCamera(), store, folder) as studio:
        broken.setattr("kiosk.station.photos.photographer.os.fsync", refuse)
        studio.ask(lot)
        studio.failed.wait(lambda told: told == [(lot, word)])
    assert files(folder) == []
    assert store.photos.of_lot(lot) == []


@pytest.mark.parametrize(
    ("error", "word"), [(DiskFull("full"), "disk_full"), (StoreError("no such lot"), "store_failed")]
)
def test_a_store_that_refuses_the_row_is_a_word(
    store: Store, lot: str, folder: PhotoFolder, error: StoreError, word: str
) -> None:
    class Refusing:
        def add(self, *_: Any) -> None:
            raise error

    with Studio(FakeCamera(), SimpleNamespace(photos=Refusing()), folder) as studio:
        studio.ask(lot)
        studio.failed.wait(lambda told: told == [(lot, word)])
    assert store.photos.of_lot(lot) == []


def test_when_too_many_wait_the_answer_is_busy_at_once(store: Store, lot: str, folder: PhotoFolder) -> None:
    go_on = threading.Event()
    camera = FakeCamera(go_on)
    with Studio(camera, store, folder) as studio:
        studio.ask(lot)
        camera.shooting.wait(lambda shots: len(shots) == 1)
        for _ in range(4):
            studio.ask(lot)
        assert studio.failed.told == []
        studio.ask(lot)
        assert studio.failed.told == [(lot, "busy")]
        go_on.set()
        studio.answers(5)


def test_stop_finishes_the_shot_in_hand_and_drops_the_rest(store: Store, lot: str, folder: PhotoFolder) -> None:
    go_on = threading.Event()
    camera = FakeCamera(go_on)
    studio = Studio(camera, store, folder)
    studio.photographer.start()
    for _ in range(5):
        studio.ask(lot)
    camera.shooting.wait(lambda shots: len(shots) == 1)
    studio.photographer.stop(0.1)
    assert studio.photographer._thread.is_alive(), "a full queue and a hanging camera do not hold up the end"
    assert camera.closed
    go_on.set()
    studio.photographer.stop()
    assert len(studio.done.told) == 1
    assert len(camera.shooting.told) == 1


def test_stop_before_start(store: Store, folder: PhotoFolder) -> None:
    camera = FakeCamera()
    Studio(camera, store, folder).photographer.stop()
    assert camera.closed


def test_listeners_that_raise_do_not_end_the_thread(store: Store, lot: str, folder: PhotoFolder) -> None:
    camera = FakeCamera(CameraFault("black", "lens cap"))

    def broken(*_: object) -> None:
        raise RuntimeError("the screen is gone")

    with Studio(camera, store, folder, on_done=broken, on_failed=broken) as studio:
        for _ in range(3):
            studio.ask(lot)
        camera.shooting.wait(lambda shots: len(shots) == 3)
    assert len(store.photos.of_lot(lot)) == 2


@pytest.mark.parametrize(
    "name",
    [
        "",
        "..",
        "../../station.db",
        SHA[:63],
        SHA + "0",
        SHA.upper(),
        SHA[:60] + "/../",
        SHA[:63] + "g",
        SHA[:63] + "\n",
        SHA[:63] + "\0",
        SHA[:63] + "١",
        "0" * 64,
    ],
)
def test_only_the_hash_of_a_kept_picture_has_a_path(folder: PhotoFolder, name: str) -> None:
    folder.keep(Shot(JPEG, SHA, 1, 1))
    (folder.root.parent / "station.db").touch()
    assert folder.path(SHA) is not None
    assert folder.path(name) is None


def test_a_folder_in_the_place_of_a_picture_is_no_picture(folder: PhotoFolder) -> None:
    (folder.root / SHA[:2] / f"{SHA}.jpg").mkdir(parents=True)
    assert folder.path(SHA) is None


def test_what_a_power_cut_left_half_written_is_removed_and_nothing_else(folder: PhotoFolder) -> None:
    folder.keep(Shot(JPEG, SHA, 1, 1))
    (folder.root / SHA[:2] / f".{SHA}.part").write_bytes(JPEG[:3])
    folder.tidy()
    assert files(folder) == [f"{SHA[:2]}/{SHA}.jpg"]
    PhotoFolder(folder.root / "none").tidy()


def test_the_picture_and_both_folders_are_synced(folder: PhotoFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    real: Callable[[int], None] = __import__("os").fsync

    def fsync(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        real(descriptor)

    monkeypatch.setattr("kiosk.station.photos.photographer.os.fsync", fsync)
    folder.keep(Shot(JPEG, SHA, 1, 1))
    assert synced == [f".{SHA}.part", SHA[:2], "photos"]
