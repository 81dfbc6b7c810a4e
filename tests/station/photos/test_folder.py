"""Photographs never fill the card, and none is removed before the sorting center has it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from kiosk.base.refused import Refused
from kiosk.domain.events import PictureData
from kiosk.station.photos.folder import MIN_FREE_BYTES, Disks, PhotoFolder, PhotoLimits, PhotoSpace
from kiosk.store import Store
from kiosk.store.shared.records import ListingPictures, NewPhoto
from tests.station.fakes import STAMP
from tests.station.hardware import MEASURES, PowerCut, bring_in, shot_of

SIZE = 1_000
PLENTY = 10 * MIN_FREE_BYTES


class Card:
    """A station with photographs of lots, each a master and a natural cut of half of SIZE."""

    def __init__(self, folder: Path, store: Store, budget: int = 10 * SIZE) -> None:
        self.store = store
        self.folder = PhotoFolder(folder / "data" / "photos")
        self.free = PLENTY
        self.budget = budget
        self.natural: dict[str, str] = {}
        self.space = self.made()

    def made(self, **more: Any) -> PhotoSpace:
        chosen: dict[str, Any] = {"free": lambda _: self.free, **more}
        return PhotoSpace(self.folder, self.store, PhotoLimits(self.budget, SIZE), Disks(**chosen))

    def shoot(self, count: int) -> list[str]:
        """So many lots with a shot each; the hashes of their masters."""
        return [self.keep(bring_in(self.store).lot) for _ in range(count)]

    def keep(self, lot: str) -> str:
        number = len(self.store.photos.oldest(10_000))
        master, natural = (self._picture(f"{number:06}{kind}".encode()) for kind in "mn")
        self.store.photos.add(NewPhoto(lot, "BADAM", ListingPictures(master, natural, MEASURES)), STAMP)
        self.natural[master.sha256] = natural.sha256
        return master.sha256

    def _picture(self, name: bytes) -> PictureData:
        shot = shot_of(name.ljust(SIZE // 2, b"."))
        self.folder.keep(shot)
        return PictureData(shot.sha256, len(shot.jpeg), shot.width, shot.height)

    def send(self, *masters: str) -> None:
        for master in masters:
            self.store.photos.mark_sent(master)
            self.store.photos.mark_sent(self.natural[master])

    def here(self, hashes: list[str]) -> list[bool]:
        return [self.folder.path(one) is not None for one in hashes]

    def refused(self, act: Callable[[], None] | None = None) -> str:
        with pytest.raises(Refused) as error:
            (act or self.space.for_goods)()
        return error.value.code


@pytest.fixture
def card(tmp_path: Path, store: Store) -> Card:
    return Card(tmp_path, store)


def test_the_oldest_that_the_center_has_make_room(card: Card) -> None:
    hashes = card.shoot(10)
    card.send(*hashes)
    rows = card.store.photos.oldest(100)
    card.space.for_goods()
    assert card.here(hashes) == [False, *[True] * 9]
    card.shoot(1)
    card.space.for_goods()
    assert card.here(hashes) == [False, False, *[True] * 8]
    assert card.store.photos.oldest(10) == rows, "rows stay"
    assert card.space.total() == 9 * SIZE


def test_while_there_is_room_nothing_goes(card: Card) -> None:
    hashes = card.shoot(9)
    card.send(*hashes)
    card.space.for_goods()
    assert all(card.here(hashes))


def test_what_the_center_does_not_have_stays_and_the_shot_is_refused(card: Card) -> None:
    hashes = card.shoot(10)
    assert card.refused() == "photo_room"
    card.send(hashes[6])
    card.space.for_goods()
    assert card.here(hashes) == [*[True] * 6, False, *[True] * 3]
    card.shoot(1)
    assert card.refused() == "photo_room"


def test_a_card_that_is_nearly_full_takes_no_shot_long_before_it_takes_no_intake(card: Card) -> None:
    hashes = card.shoot(3)
    card.free = MIN_FREE_BYTES
    assert card.refused() == "photo_room"
    assert card.refused(card.space.for_others) == "disk_full"
    bring_in(card.store)
    card.send(*hashes)
    card.space.for_goods()
    assert card.here(hashes) == [False, True, True]
    card.free = 0
    assert card.refused() == "disk_full"
    assert card.here(hashes) == [False] * 3, "all that can make room has done so"
    card.free = PLENTY
    card.space.for_others()
    card.space.for_goods()


def test_half_of_a_shot_at_the_center_is_not_the_shot(card: Card) -> None:
    hashes = card.shoot(10)
    card.store.photos.mark_sent(hashes[0])
    card.store.photos.mark_sent(card.natural[hashes[1]])
    assert card.refused() == "photo_room"
    assert all(card.here(hashes))


def test_links_and_strangers_in_the_folder_are_left_alone(card: Card, tmp_path: Path) -> None:
    hashes = card.shoot(10)
    card.send(*hashes)
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
    card.space.for_goods()
    assert (elsewhere / first.name).exists()
    assert file.exists()
    assert second.is_symlink()
    assert len(list((card.folder.root / "zz").iterdir())) == 4
    assert card.here(hashes).count(False) == 3, "the strangers take up room, so three of the others go"


def test_pictures_that_are_gone_do_no_harm(card: Card) -> None:
    hashes = card.shoot(14)
    card.send(*hashes)
    for one in (*hashes[:3], hashes[5]):
        card.folder.remove(one)
        card.folder.remove(card.natural[one])
    card.space.for_goods()
    assert card.here(hashes) == [False] * 4 + [True, False] + [True] * 8
    again = card.made()
    card.shoot(1)
    again.for_goods()
    assert card.here(hashes) == [False] * 6 + [True] * 8


def test_a_power_cut_between_any_two_steps_loses_nothing(card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file goes and nothing else is written: every moment is a whole state."""
    hashes = card.shoot(16)
    card.send(*hashes[:8])
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
            card.space.for_goods()
        assert all(card.here(hashes[8:])), "what the center does not have"
        card.space = card.made()
    monkeypatch.undo()
    card.space.for_goods()
    assert card.space.total() == 9 * SIZE
    assert [row.sha256 for row in card.store.photos.oldest(100)] == hashes


def test_a_budget_that_was_lowered_is_reached_shot_by_shot(card: Card) -> None:
    hashes = card.shoot(30)
    card.send(*hashes)
    ticks = iter(range(0, 10_000, 2))
    card.space = card.made(clock=lambda: float(next(ticks)))
    card.space.for_goods()
    assert 1 <= card.here(hashes).count(False) < 20, "no shot waits for all of them"
    for _ in range(30):
        card.space.for_goods()
    assert card.here(hashes).count(False) == 21


def test_the_order_is_that_of_the_intakes_and_of_their_shots(card: Card) -> None:
    lots = [bring_in(card.store).lot for _ in range(5)]
    later = [card.keep(lot) for lot in reversed(lots)]
    second = card.keep(lots[0])
    places = card.store.photos.oldest(100)
    assert [place.sha256 for place in places] == [later[4], second, *reversed(later[:4])]
    assert card.store.photos.oldest(2) + card.store.photos.oldest(100, places[1]) == places


def test_a_new_shot_of_an_old_lot_makes_room_as_any_other(card: Card) -> None:
    lots = [bring_in(card.store).lot for _ in range(10)]
    hashes = [card.keep(lot) for lot in lots]
    for place in range(2):
        card.send(hashes[place])
        card.space.for_goods()
        hashes.append(card.keep(bring_in(card.store).lot))
    assert card.refused() == "photo_room"
    card.folder.remove(hashes[2])
    card.folder.remove(card.natural[hashes[2]])
    again = card.keep(lots[0])
    card.send(again)
    with suppress(Refused):  # the first look finds that it has to begin anew
        card.space.for_goods()
    card.space.for_goods()
    assert card.here([again, hashes[3]]) == [False, True]
