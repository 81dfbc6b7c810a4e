"""The photographer: a shot is on the disk before anybody hears of it, and no trouble ends the thread."""

from __future__ import annotations

import errno
import hashlib
import json
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kiosk.base.refused import Refused
from kiosk.devices.ports import Camera, CameraFault, Shot
from kiosk.station.desk.view import PhotoRequest
from kiosk.station.photos.folder import LotPhotos, PhotoFolder
from kiosk.station.photos.photographer import (
    GoodsRequest,
    Photographer,
    PlainRequest,
    Previews,
    ShotListeners,
)
from kiosk.store import DiskFull, Store, StoreError
from tests.station.fakes import STAMP
from tests.station.hardware import BLUR, FACE, FakeCamera, Heard, bring_in, judged, shot_of

JPEG = b"\xff\xd8\xff picture \xff\xd9"
SHA = hashlib.sha256(JPEG).hexdigest()


TOKEN = "token"


class Studio:
    """A photographer with everything around."""

    def __init__(
        self,
        camera: Camera | None,
        store: Any,
        folder: PhotoFolder,
        max_bytes: int = 100,
        make_space: Callable[[], None] = lambda: None,
        auto: bool = False,
        **told: Any,
    ) -> None:
        self.done, self.failed, self.retake = Heard(), Heard(), Heard()
        listeners = ShotListeners(**{"done": self.done, "failed": self.failed, "retake": self.retake, **told})
        self._make_space = make_space
        self._lots = LotPhotos(folder, store, lambda: STAMP)
        self.looks = Previews(camera, auto=auto)
        self.photographer = Photographer(camera, listeners, max_bytes, self.looks)

    def __enter__(self) -> Studio:
        self.photographer.worker.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.photographer.stop()

    def ask(self, lot: str) -> None:
        self.photographer.ask(
            GoodsRequest(PhotoRequest(lot, TOKEN), self._make_space, lambda shot: self._lots.keep(lot, "BADAM", shot))
        )

    def answers(self, count: int) -> None:
        self.done.wait(lambda told: len(told) == count)


class Refusing:
    """The photos of a store that does not take them, and has none."""

    def __init__(self, error: StoreError) -> None:
        self._error = error

    def add(self, *row: Any) -> None:
        raise self._error

    def of_lot(self, lot: str) -> list[Any]:
        return []


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

    def make_space() -> None:
        raise Refused("photo_room", "no more")

    studio = Studio(camera, store, folder, make_space=make_space)
    with studio:
        studio.ask(lot)
        studio.failed.wait(lambda told: told == [(PhotoRequest(lot, TOKEN), "photo_room")])
    assert (camera.shooting.told, files(folder)) == ([], [])


def test_a_picture_that_is_not_recorded_does_not_stay(store: Store, lot: str, folder: PhotoFolder) -> None:
    """Nobody would ever find it again, and each try would leave one more."""

    studio = Studio(FakeCamera(), SimpleNamespace(photos=Refusing(DiskFull("the disk is full"))), folder)
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
            order.append(f"store after {len(files(folder))} files")
            store.photos.add(*row)

        def of_lot(self, lot: str) -> list[Any]:
            return list(store.photos.of_lot(lot))

    studio = Studio(
        FakeCamera(), SimpleNamespace(photos=Watched()), folder, done=lambda *_: order.append(types(store)[-1])
    )
    with studio:
        studio.ask(lot)
        studio.ask(lot)
        studio.ask("")
        studio.failed.wait(lambda told: len(told) == 1)
    assert order == [
        "store after 2 files",
        "station.listing.drafted.v1",
        "store after 4 files",
        "station.listing.drafted.v1",
        "store after 4 files",
    ]
    first, on_mat, second = store.photos.of_lot(lot)
    assert on_mat.pictures == replace(first.pictures, master=first.pictures.natural, likeness="")
    assert types(store) == ["station.photo.taken.v2", "station.listing.drafted.v1"]
    for row, name in ((first, b"one"), (second, b"two")):
        assert row.pictures.likeness == judged(name).likeness
        for picture in (row.pictures.master, row.pictures.natural):
            path = folder.path(picture.sha256)
            assert path is not None
            assert hashlib.sha256(path.read_bytes()).hexdigest() == picture.sha256
            assert path.relative_to(folder.root).parts == (picture.sha256[:2], f"{picture.sha256}.jpg")
            assert (picture.size_bytes, picture.width, picture.height) == (path.stat().st_size, 1600, 1600)


def test_of_the_first_shot_buyers_see_every_picture_and_of_others_the_cut_out(
    store: Store, lot: str, folder: PhotoFolder
) -> None:
    """In their order; what nobody is told of does not lie on the card."""
    lots = LotPhotos(folder, store, lambda: STAMP)
    first, second = (replace(judged(name), detail=shot_of(name + b" detail", 512, 512)) for name in (b"one", b"two"))
    lots.keep(lot, "BADAM", first)
    assert first.master and first.natural and first.detail and second.master and second.natural
    rows = store.photos.of_lot(lot)
    assert [row.sha256 for row in rows] == [one.sha256 for one in (first.master, first.natural, first.detail)]
    assert [(row.pictures.natural.sha256, row.pictures.master.width, bool(row.pictures.likeness)) for row in rows] == [
        (first.natural.sha256, 1600, True),
        (first.natural.sha256, 1600, False),
        (first.detail.sha256, 512, False),
    ]
    told = [json.loads(row.body) for row in store.outbox.pending(100)][-4:]
    assert [event["type"].removeprefix("station.") for event in told] == [*["photo.taken.v2"] * 3, "listing.drafted.v1"]
    assert [event["data"]["master"]["sha256"] for event in told[:3]] == [row.sha256 for row in rows]
    assert told[3]["data"]["photo_sha256"] == first.master.sha256
    lots.keep(lot, "BADAM", second)
    assert [row.sha256 for row in store.photos.of_lot(lot)] == [*(row.sha256 for row in rows), second.master.sha256]
    assert len(files(folder)) == 5
    assert store.photos.unsent_count() == 5, "each is sent once"


def test_the_same_shot_twice_is_one_file_and_one_row(store: Store, lot: str, folder: PhotoFolder) -> None:
    camera = FakeCamera()
    camera.pictures.pop()
    with Studio(camera, store, folder) as studio:
        studio.ask(lot)
        studio.ask(lot)
        studio.answers(2)
    assert studio.done.told[0] == studio.done.told[1]
    assert (len(store.photos.of_lot(lot)), len(files(folder))) == (2, 2)


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
    assert studio.failed.told == [(PhotoRequest(lot, TOKEN), word)]
    assert (len(store.photos.of_lot(lot)), len(files(folder))) == (2, 2)


def test_a_shot_that_is_not_accepted_is_handed_on_and_nothing_of_it_is_kept(
    store: Store, lot: str, folder: PhotoFolder
) -> None:
    """Who may overrule it has it from this."""
    with Studio(FakeCamera(BLUR, FACE), store, folder) as studio:
        studio.ask(lot)
        studio.ask(lot)
        studio.retake.wait(lambda told: len(told) == 2)
    assert studio.retake.told == [
        (PhotoRequest(lot, TOKEN), judged(b"one", BLUR)),
        (PhotoRequest(lot, TOKEN), judged(b"two", FACE)),
    ]
    assert (studio.done.told, studio.failed.told, files(folder), store.photos.of_lot(lot)) == ([], [], [], [])


def test_a_commit_that_did_not_answer_and_was_done_is_a_kept_shot(store: Store, lot: str, folder: PhotoFolder) -> None:
    class Mute:
        of_lot = store.photos.of_lot

        def add(self, *row: Any) -> None:
            store.photos.add(*row)
            raise StoreError("no answer")

    with Studio(FakeCamera(), SimpleNamespace(photos=Mute()), folder) as studio:
        studio.ask(lot)
        studio.answers(1)
    assert (len(store.photos.of_lot(lot)), len(files(folder))) == (2, 2)


def test_a_plain_shot_is_kept_as_the_camera_gave_it(store: Store, folder: PhotoFolder) -> None:
    kept: list[Shot] = []
    with Studio(FakeCamera(), store, folder) as studio:
        studio.photographer.ask(PlainRequest(PhotoRequest("P-1", TOKEN), lambda: None, kept.append))
        studio.answers(1)
    assert [(shot.jpeg, shot.width) for shot in kept] == [(b"\xff\xd8\xff one \xff\xd9", 640)]
    assert studio.done.told == [(PhotoRequest("P-1", TOKEN), kept[0].sha256)]


def test_without_a_camera_every_shot_says_so(store: Store, lot: str, folder: PhotoFolder) -> None:
    with Studio(None, store, folder) as studio:
        studio.ask(lot)
        studio.failed.wait(lambda told: told == [(PhotoRequest(lot, TOKEN), "camera_missing")])
    assert not folder.root.exists()


def test_a_picture_that_is_too_large_is_not_kept(store: Store, lot: str, folder: PhotoFolder) -> None:
    with Studio(FakeCamera(), store, folder, max_bytes=5) as studio:
        studio.ask(lot)
        studio.failed.wait(lambda told: told == [(PhotoRequest(lot, TOKEN), "camera_failed")])
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
        broken.setattr("kiosk.base.files.os.fsync", refuse)
        studio.ask(lot)
        studio.failed.wait(lambda told: told == [(PhotoRequest(lot, TOKEN), word)])
    assert files(folder) == []
    assert store.photos.of_lot(lot) == []


@pytest.mark.parametrize(
    ("error", "word"), [(DiskFull("full"), "disk_full"), (StoreError("no such lot"), "store_failed")]
)
def test_a_store_that_refuses_the_row_is_a_word(
    store: Store, lot: str, folder: PhotoFolder, error: StoreError, word: str
) -> None:
    with Studio(FakeCamera(), SimpleNamespace(photos=Refusing(error)), folder) as studio:
        studio.ask(lot)
        studio.failed.wait(lambda told: told == [(PhotoRequest(lot, TOKEN), word)])
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
        assert studio.failed.told == [(PhotoRequest(lot, TOKEN), "busy")]
        go_on.set()
        studio.answers(5)


def test_stop_finishes_the_shot_in_hand_and_drops_the_rest(store: Store, lot: str, folder: PhotoFolder) -> None:
    go_on = threading.Event()
    camera = FakeCamera(go_on)
    studio = Studio(camera, store, folder)
    studio.photographer.worker.start()
    for _ in range(5):
        studio.ask(lot)
    camera.shooting.wait(lambda shots: len(shots) == 1)
    studio.photographer.stop(0.1)
    assert studio.photographer.worker.is_alive, "a full queue and a hanging camera do not hold up the end"
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

    with Studio(camera, store, folder, done=broken, failed=broken) as studio:
        for _ in range(3):
            studio.ask(lot)
        camera.shooting.wait(lambda shots: len(shots) == 3)
    assert len(store.photos.of_lot(lot)) == 3


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
    (folder.root / SHA[:2] / f".{SHA}.jpg.new").write_bytes(JPEG[:3])
    folder.tidy()
    assert files(folder) == [f"{SHA[:2]}/{SHA}.jpg"]
    PhotoFolder(folder.root / "none").tidy()


def test_the_picture_and_both_folders_are_synced(folder: PhotoFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    real: Callable[[int], None] = __import__("os").fsync

    def fsync(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        real(descriptor)

    monkeypatch.setattr("kiosk.base.files.os.fsync", fsync)
    folder.keep(Shot(JPEG, SHA, 1, 1))
    assert synced == [f".{SHA}.jpg.new", SHA[:2], "photos"]
