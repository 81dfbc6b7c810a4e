"""Photographs never fill the card, and none is removed that has no copy elsewhere."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kiosk.devices.ports import Shot
from kiosk.station.photos.photographer import NoRoom, PhotoFolder
from kiosk.station.photos.room import KEPT_FREE_BYTES, PhotoRoom
from kiosk.store import Store
from kiosk.store.backup import photos as backup_photos
from kiosk.store.records import NewPhoto
from tests.station.fakes import STAMP
from tests.station.hardware import PowerCut, bring_in

SIZE = 1_000
PLENTY = 10 * KEPT_FREE_BYTES


class Card:
    """A station with photographs of lots, and a medium on another disk that may be plugged in."""

    def __init__(self, folder: Path, store: Store, budget: int = 10 * SIZE) -> None:
        self.store = store
        self.folder = PhotoFolder(folder / "data" / "photos")
        self.medium = folder / "medium"
        self.medium.mkdir()
        self.free = PLENTY
        self.budget = budget
        self.room = self.made()

    def made(self, **more: Any) -> PhotoRoom:
        chosen: dict[str, Any] = {"free": lambda _: self.free, "disk": self.disk, **more}
        return PhotoRoom(self.folder, self.store, self.budget, SIZE, self.medium, **chosen)

    def disk(self, folder: Path) -> str:
        folder.stat()  # as the real one: an error when it is gone
        return "stick" if folder.is_relative_to(self.medium) else "card"

    def shoot(self, count: int) -> list[str]:
        """So many lots with a picture each; their hashes."""
        return [self.keep(bring_in(self.store).lot) for _ in range(count)]

    def keep(self, lot: str) -> str:
        number = len(self.store.photos.oldest(10_000))
        jpeg = f"{number:06}".encode().ljust(SIZE, b".")
        shot = Shot(jpeg, hashlib.sha256(jpeg).hexdigest(), 640, 480)
        self.folder.keep(shot)
        self.store.photos.add(NewPhoto(lot, "BADAM", shot.sha256, SIZE, 640, 480), STAMP)
        return shot.sha256

    def back_up(self, *sha256: str) -> None:
        backup_photos.copy(self.folder.root, self.medium / "photos", sha256)

    def here(self, hashes: list[str]) -> list[bool]:
        return [self.folder.path(one) is not None for one in hashes]

    def refused(self, act: Callable[[], None] | None = None) -> str:
        with pytest.raises(NoRoom) as error:
            (act or self.room.for_goods)()
        return error.value.word


@pytest.fixture
def card(tmp_path: Path, store: Store) -> Card:
    return Card(tmp_path, store)


def test_the_oldest_with_a_copy_make_room(card: Card) -> None:
    hashes = card.shoot(10)
    rows = card.store.photos.oldest(100)
    card.back_up(*hashes)
    card.room.for_goods()
    assert card.here(hashes) == [False, *[True] * 9]
    card.shoot(1)
    card.room.for_goods()
    assert card.here(hashes) == [False, False, *[True] * 8]
    assert card.store.photos.oldest(10) == rows, "rows stay"
    assert card.room.total() == 9 * SIZE


def test_while_there_is_room_nothing_goes(card: Card) -> None:
    hashes = card.shoot(9)
    card.back_up(*hashes)
    card.room.for_goods()
    assert all(card.here(hashes))


def test_what_has_no_copy_stays_and_the_shot_is_refused(card: Card) -> None:
    hashes = card.shoot(10)
    assert card.refused() == "photo_room"
    card.back_up(hashes[6])
    card.room.for_goods()
    assert card.here(hashes) == [*[True] * 6, False, *[True] * 3]
    card.shoot(1)
    assert card.refused() == "photo_room"


def test_a_card_that_is_nearly_full_takes_no_shot_long_before_it_takes_no_intake(card: Card) -> None:
    hashes = card.shoot(3)
    card.free = KEPT_FREE_BYTES
    assert card.refused() == "photo_room"
    assert card.refused(card.room.for_parcel) == "disk_full"
    bring_in(card.store)
    card.back_up(*hashes)
    card.room.for_goods()
    assert card.here(hashes) == [False, True, True]
    card.free = 0
    assert card.refused() == "disk_full"
    assert card.here(hashes) == [False] * 3, "all that can make room has done so"
    card.free = PLENTY
    card.room.for_parcel()
    card.room.for_goods()


@pytest.mark.parametrize(
    "trick", ["empty", "other", "half", "link back", "linked folder", "hard link", "folder", "pipe", "unreadable"]
)
def test_only_a_whole_copy_of_its_own_counts(card: Card, tmp_path: Path, trick: str) -> None:
    hashes = card.shoot(10)
    own = card.folder.path(hashes[0])
    assert own is not None
    copy = card.medium / "photos" / hashes[0][:2] / own.name
    copy.parent.mkdir(parents=True)
    match trick:
        case "empty":
            copy.touch()
        case "other":
            copy.write_bytes(b"x" * SIZE)
        case "half":
            copy.write_bytes(own.read_bytes()[: SIZE // 2])
        case "link back":
            copy.symlink_to(own)
        case "linked folder":
            copy.parent.rmdir()
            copy.parent.symlink_to(own.parent)
        case "hard link":
            copy.hardlink_to(own)
        case "folder":
            copy.mkdir()
        case "pipe":
            os.mkfifo(copy)
        case "unreadable":
            copy.symlink_to("/nowhere")
    assert card.refused() == "photo_room"
    assert all(card.here(hashes))


def test_a_medium_that_is_the_card_or_is_not_there_holds_no_copy(card: Card) -> None:
    hashes = card.shoot(10)
    card.back_up(*hashes)
    card.room = card.made(disk=lambda folder: "card")
    assert card.refused() == "photo_room"
    shutil.move(card.medium, card.medium.with_name("in the drawer"))
    card.room = card.made()
    assert card.refused() == "photo_room"
    card.room = PhotoRoom(card.folder, card.store, card.budget, SIZE, None, free=lambda _: PLENTY)
    assert card.refused() == "photo_room"
    assert all(card.here(hashes))


def test_links_and_strangers_in_the_folder_are_left_alone(card: Card, tmp_path: Path) -> None:
    hashes = card.shoot(10)
    card.back_up(*hashes)
    elsewhere, file = tmp_path / "elsewhere", tmp_path / "precious.jpg"
    first, second = (card.folder.path(one) for one in hashes[:2])
    assert first is not None
    assert second is not None
    shutil.move(first.parent, elsewhere)
    first.parent.symlink_to(elsewhere)
    shutil.move(second, file)
    second.symlink_to(file)
    for name in ("../../station.db", "notes.txt", f"{'a' * 64}.jpg", "\n.jpg"):
        stranger = card.folder.root / "zz" / name.replace("/", "_")
        stranger.parent.mkdir(exist_ok=True)
        stranger.write_bytes(b"y" * SIZE)
    card.room.for_goods()
    assert (elsewhere / first.name).exists()
    assert file.exists()
    assert second.is_symlink()
    assert len(list((card.folder.root / "zz").iterdir())) == 4
    assert card.here(hashes).count(False) == 3, "the strangers take up room, so three of the others go"


def test_pictures_that_are_gone_do_no_harm(card: Card) -> None:
    hashes = card.shoot(14)
    card.back_up(*hashes)
    for one in (*hashes[:3], hashes[5]):
        card.folder.remove(one)
    card.room.for_goods()
    assert card.here(hashes) == [False] * 4 + [True, False] + [True] * 8
    again = card.made()
    card.shoot(1)
    again.for_goods()
    assert card.here(hashes) == [False] * 6 + [True] * 8


def test_a_power_cut_between_any_two_steps_loses_nothing(
    card: Card, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The file goes and nothing else is written: every moment is a whole state."""
    hashes = card.shoot(16)
    card.back_up(*hashes)
    real, left = Path.unlink, [0]

    def cut(path: Path, missing_ok: bool = False) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise PowerCut
        real(path, missing_ok=missing_ok)
        if left[0] == 1:
            raise PowerCut

    monkeypatch.setattr(Path, "unlink", cut)
    for step in range(1, 5):
        left[0] = step
        with pytest.raises(PowerCut):
            card.room.for_goods()
        for one, here in zip(hashes, card.here(hashes), strict=True):
            assert here or backup_photos.holds(card.medium / "photos", one, unlike=tmp_path)
        card.room = card.made()
    monkeypatch.undo()
    card.room.for_goods()
    assert card.room.total() == 9 * SIZE
    assert [row.sha256 for row in card.store.photos.oldest(100)] == hashes


def test_a_budget_that_was_lowered_is_reached_shot_by_shot(card: Card) -> None:
    hashes = card.shoot(30)
    card.back_up(*hashes)
    ticks = iter(range(0, 10_000, 2))
    card.room = card.made(clock=lambda: float(next(ticks)))
    card.room.for_goods()
    assert 1 <= card.here(hashes).count(False) < 20, "no shot waits for all of them"
    for _ in range(30):
        card.room.for_goods()
    assert card.here(hashes).count(False) == 21


def test_the_order_is_that_of_the_intakes_and_of_their_shots(card: Card) -> None:
    lots = [bring_in(card.store).lot for _ in range(5)]
    later = [card.keep(lot) for lot in reversed(lots)]
    second = card.keep(lots[0])
    places = card.store.photos.oldest(100)
    assert [place.sha256 for place in places] == [later[4], second, *reversed(later[:4])]
    assert card.store.photos.oldest(2) + card.store.photos.oldest(100, places[1]) == places
