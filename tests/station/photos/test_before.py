"""Pictures of before shots were judged: each once, in the background; whatever that dies of, the next start goes on."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from kiosk.devices.ports import CameraFault, GoodsShot
from kiosk.station.photos import before as before_room
from kiosk.station.photos.before import REST_S, BackgroundTools, PicturesBefore
from kiosk.station.photos.folder import LotPhotos, PhotoFolder
from kiosk.station.photos.photographer import NoSpace
from kiosk.store import Store, StoreError
from kiosk.store.database.opening import Opening
from tests.depth import TORTURE
from tests.station.fakes import STAMP
from tests.station.hardware import BLUR, FACE, HAND, FakeCamera, PowerCut, bring_in, judged, with_sheet
from tests.store.failing import Plan, failing_connect
from tests.store.village import photo_of_before

STARTS = 40


class Attic:
    """A station with pictures of before; ``start`` is what a new process does. It is cut off after ``left`` steps."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.photos = PhotoFolder(folder / "photos")
        self.camera = FakeCamera()
        self.heard: list[str] = []
        self.full = False
        self.plan = Plan()

    def opened(self) -> Store:
        opening = Opening(check=False, reserve_bytes=0, connect=failing_connect(self.plan))
        return Store.open(self.folder / "station.db", "S0147", STAMP, opening)

    def keep(self, name: str, shot: GoodsShot | BaseException | None = None, lots: int = 1) -> str:
        """A picture of before on the card, of so many lots, and what its verdict will be."""
        jpeg = b"\xff\xd8\xff raw " + name.encode() + b" \xff\xd9"
        sha256 = hashlib.sha256(jpeg).hexdigest()
        path = self.photos.root / sha256[:2] / f"{sha256}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg)
        with closing(self.opened()) as store:
            for _ in range(lots):
                photo_of_before(self.folder / "station.db", bring_in(store).lot, sha256)
        if shot is not None:
            self.camera.files[sha256] = shot
        return sha256

    def started(self, store: Store) -> PicturesBefore:
        lots = LotPhotos(self.photos, store, lambda: STAMP)
        tools = BackgroundTools(lambda: STAMP, self._room, lambda: self.heard.append("event"))
        return PicturesBefore(self.camera, store.photos, self.photos, lots, tools)

    def start(self) -> None:
        """A process that works until nothing is left."""
        with closing(self.opened()) as store:
            work = self.started(store)
            while work.step(nobody) is not None:
                pass

    def files(self) -> set[str]:
        return {path.stem for path in self.photos.root.rglob("*") if path.is_file()}

    def told(self) -> list[tuple[str, str]]:
        """Of every event of a photo what it was and of which picture, in order."""
        with closing(self.opened()) as store:
            events = [json.loads(row.body) for row in store.outbox.pending(1_000)]
        return [
            (
                event["type"].removeprefix("station."),
                event["data"].get("photo_sha256") or event["data"]["master"]["sha256"],
            )
            for event in events
            if ".photo." in event["type"]
        ]

    def _room(self) -> None:
        if self.full:
            raise NoSpace("disk_full", "the card is full")


@pytest.fixture
def attic(tmp_path: Path, begun: Path) -> Attic:
    shutil.copytree(begun, tmp_path, dirs_exist_ok=True)
    return Attic(tmp_path)


def nobody() -> bool:
    """Waits for a shot."""
    return False


def pictures_of(shot: GoodsShot) -> set[str]:
    assert shot.master is not None and shot.natural is not None
    return {shot.master.sha256, shot.natural.sha256}


def test_each_goes_the_way_of_its_verdict(attic: Attic) -> None:
    good, face, poor = judged(b"good"), judged(b"", FACE, BLUR), judged(b"poor", BLUR)
    cut = with_sheet(judged(b"cut", BLUR), b"cut")
    assert cut.sheet is not None
    with_good, with_face, with_poor = attic.keep("a", good, lots=2), attic.keep("b", face), attic.keep("c", poor)
    with_cut = attic.keep("d", cut, lots=2)
    attic.start()
    assert attic.files() == {with_poor, cut.sheet.sha256, *pictures_of(good)}
    assert good.master is not None
    assert attic.told() == [
        *[("photo.taken.v2", good.master.sha256)] * 2,
        ("photo.removed.v1", with_face),
    ]
    assert attic.camera.looked_at == [with_good, with_face, with_poor, with_cut]
    assert attic.heard == ["event"] * 2
    with closing(attic.opened()) as store:
        kept = {with_poor, cut.sheet.sha256}
        assert [place.may_leave for place in store.photos.oldest(20) if place.sha256 in kept] == [True] * 3
        assert store.photos.unjudged(10) == []
    attic.start()
    assert len(attic.camera.looked_at) == 4, "each once"


def test_one_at_a_time_with_a_rest_in_between(attic: Attic) -> None:
    for name in "ab":
        attic.keep(name)
    with closing(attic.opened()) as store:
        work = attic.started(store)
        for looked_at, rest in ((1, REST_S), (2, REST_S), (2, None), (2, None)):
            assert work.step(nobody) == rest
            assert len(attic.camera.looked_at) == looked_at


def test_somebody_who_waits_for_a_shot_comes_first(attic: Attic) -> None:
    kept = attic.keep("a")
    with closing(attic.opened()) as store:
        work = attic.started(store)
        for _ in range(3):
            assert work.step(lambda: True) == REST_S
        assert attic.camera.looked_at == []
        assert work.step(nobody) == REST_S
    assert attic.camera.looked_at == [kept], "it was not forgotten"


def test_a_picture_that_cannot_be_judged_waits_for_the_next_start(
    attic: Attic, caplog: pytest.LogCaptureFixture
) -> None:
    hostile = attic.keep("a", CameraFault("timeout", "it hangs"))
    attic.keep("b")
    with caplog.at_level(logging.WARNING):
        attic.start()
    assert hostile in attic.files()
    assert len(attic.told()) == 1
    assert f"the picture {hostile} of before cannot be judged" in caplog.text
    del attic.camera.files[hostile]
    attic.start()
    assert len(attic.told()) == 2


def test_a_picture_that_left_the_card_waits_until_it_is_back(attic: Attic) -> None:
    sha256 = attic.keep("a", judged(b"", FACE))
    path = attic.photos.path(sha256)
    assert path is not None
    content = path.read_bytes()
    path.unlink()
    attic.start()
    assert (attic.camera.looked_at, attic.told()) == ([], [])
    path.write_bytes(content)
    attic.start()
    assert (attic.files(), attic.told()) == (set(), [("photo.removed.v1", sha256)])


def test_a_removed_picture_that_a_backup_brings_back_goes_again(attic: Attic) -> None:
    sha256 = attic.keep("a", judged(b"", FACE))
    path = attic.photos.path(sha256)
    assert path is not None
    content = path.read_bytes()
    attic.start()
    path.write_bytes(content)
    attic.start()
    assert (attic.files(), attic.told()) == (set(), [("photo.removed.v1", sha256)])


def test_a_full_card_and_a_store_that_fails_are_tried_again_with_the_same_picture(attic: Attic) -> None:
    sha256 = attic.keep("a")
    with closing(attic.opened()) as store:
        work = attic.started(store)
        attic.full = True
        with pytest.raises(NoSpace):
            work.step(nobody)
        assert attic.camera.looked_at == []
        attic.full = False
        attic.plan.left = 0
        with pytest.raises(StoreError):
            work.step(nobody)
        assert work.step(nobody) == REST_S
    assert sha256 not in attic.files()
    assert len(attic.told()) == 1


def test_more_than_a_page_of_them(attic: Attic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(before_room, "_PAGE", 2)
    kept = [attic.keep(name) for name in "abcde"]
    attic.start()
    assert sorted(attic.camera.looked_at) == sorted(kept)
    assert len(attic.told()) == 5


def test_without_a_camera_removed_files_still_go(attic: Attic) -> None:
    sha256 = attic.keep("a")
    with closing(attic.opened()) as store:
        lots = LotPhotos(attic.photos, store, lambda: STAMP)
        tools = BackgroundTools(lambda: STAMP, lambda: None, lambda: None)
        assert PicturesBefore(None, store.photos, attic.photos, lots, tools).step(nobody) is None
    assert attic.files() == {sha256}


class _Cutter:
    """Cuts the power at the n-th file operation, before it or after it."""

    def __init__(self, left: int, after: bool) -> None:
        self.left, self.after = left, after

    def watch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for owner, name in (
            (Path, "unlink"),
            (Path, "replace"),
            (Path, "mkdir"),
            ("kiosk.station.photos.folder", "write_synced"),
            ("kiosk.station.photos.folder", "sync_folder"),
        ):
            self._wrap(monkeypatch, owner, name)

    def _wrap(self, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> None:
        target = f"{owner}.{name}" if isinstance(owner, str) else None
        real: Callable[..., Any] = (
            getattr(__import__("importlib").import_module(owner), name) if target else getattr(owner, name)
        )

        def cut(*args: Any, **kwargs: Any) -> Any:
            self.left -= 1
            if self.left == 0 and not self.after:
                raise PowerCut
            answer = real(*args, **kwargs)
            if self.left == 0:
                raise PowerCut
            return answer

        if target:
            monkeypatch.setattr(target, cut)
        else:
            monkeypatch.setattr(owner, name, cut)


class Kept:
    """One picture of before for each way that a verdict has; ``raw`` are their hashes."""

    good, face, poor = judged(b"good"), judged(b"", FACE), judged(b"poor", BLUR)
    cut = with_sheet(judged(b"", HAND), b"cut")

    def __init__(self, attic: Attic) -> None:
        shots = {"good": self.good, "face": self.face, "poor": self.poor, "cut": self.cut}
        self.raw = {name: attic.keep(name, shot) for name, shot in shots.items()}
        assert self.good.master is not None and self.cut.sheet is not None
        self.master, self.sheet = self.good.master.sha256, self.cut.sheet.sha256

    def whole(self, attic: Attic) -> None:
        """At any moment: what is told of a picture is true of the files, or will be after the next start."""
        told, files = attic.told(), attic.files()
        with closing(attic.opened()) as store:
            waiting = {place.sha256 for place in store.photos.unjudged(10)}
            rows = {place.sha256 for place in store.photos.oldest(20)}
            store.journal.verify()
        assert waiting <= files, "nothing is lost before it is told"
        if ("photo.taken.v2", self.master) in told:
            assert pictures_of(self.good) <= files, "what is told is there"
        if self.sheet in rows:
            assert self.sheet in files, "a row has its file"
        assert self.raw["poor"] in files
        assert files & {self.raw["cut"], self.sheet}, "something of it is always there"

    def finished(self, attic: Attic) -> None:
        assert attic.files() == {self.raw["poor"], self.sheet, *pictures_of(self.good)}
        assert sorted(attic.told()) == sorted(
            [("photo.taken.v2", self.master), ("photo.removed.v1", self.raw["face"])]
        ), "each is told once, and of a cut nothing"
        with closing(attic.opened()) as store:
            assert [place.sha256 for place in store.photos.oldest(20)].count(self.sheet) == 1
            assert {self.sheet, self.raw["cut"]}.isdisjoint(one.sha256 for one in store.photos.unsent(20))


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("where", ["files", "store"])
def test_killed_at_any_step_it_goes_on(
    tmp_path: Path, begun: Path, monkeypatch: pytest.MonkeyPatch, where: str, after: bool
) -> None:
    """At each step, by turns before and after it is done; `make torture` cuts each both ways."""
    first = tmp_path / "first"
    shutil.copytree(begun, first)
    made = Attic(first)
    kept = Kept(made)
    for step in range(1, 200):
        if not TORTURE and step % 2 == after:
            continue
        folder = tmp_path / f"{step}"
        shutil.copytree(first, folder)
        attic = Attic(folder)
        attic.camera.files = made.camera.files
        if not _cut(attic, step, where, after, monkeypatch):
            break
        kept.whole(attic)
        attic.photos.tidy()
        attic.start()
        kept.finished(attic)
        shutil.rmtree(folder)
    assert step > 12
    kept.finished(attic)


def _cut(attic: Attic, step: int, where: str, after: bool, monkeypatch: pytest.MonkeyPatch) -> bool:
    """One start that is cut off at its ``step``-th operation; false when it has fewer."""
    with closing(attic.opened()) as store, monkeypatch.context() as patch:
        work = attic.started(store)
        if where == "files":
            cutter = _Cutter(step, after)
            cutter.watch(patch)
            return _dies(work)
        attic.plan.left, attic.plan.after = step - 1, after
        died = _dies(work)
        attic.plan.left = None
        return died


def _dies(work: PicturesBefore) -> bool:
    try:
        while work.step(nobody) is not None:
            pass
    except (PowerCut, StoreError):
        return True
    return False
