"""The list of goods loads small pictures; what makes them is another process than the one that serves them."""

from __future__ import annotations

import io
import logging
import re
from pathlib import Path
from random import Random
from typing import IO

import pytest
from PIL import Image

from kiosk.base.files import exclusive_folder
from kiosk.sorting_center.listings.exports.picture_process import make
from kiosk.sorting_center.listings.exports.pictures import PictureExportResult, PictureOrder
from kiosk.sorting_center.storefront.small_pictures import MAX_BYTES, SmallPictures, small_path
from tests.sorting_center.photos.lanes import Shot
from tests.sorting_center.storefront.shops import FIRST, SHOTS, Shop

FILES = pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pictures are made in this process, which saves the time of beginning others."""
    monkeypatch.setattr("kiosk.sorting_center.storefront.small_pictures.make_in_subprocess", make)


def master(seed: int, grain_px: int = 32) -> Shot:
    """Grains as bright and dark as nuts, on white, 1600 x 1600."""
    side = 1100 // grain_px
    grains = Image.frombytes("L", (side, side), Random(seed).randbytes(side * side)).resize((1100, 1100))
    picture = Image.new("RGB", (1600, 1600), "white")
    picture.paste(
        Image.merge("RGB", (grains, grains.point(lambda one: one * 2 // 3), grains.point(lambda one: one // 3))),
        (250, 250),
    )
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=96)
    return Shot.of(file.getvalue(), 1600)


def sell(shop: Shop, *shots: Shot, lots: int) -> None:
    """As many lots, each with one of these pictures."""
    station = shop.center.station
    events = []
    for counter in range(1, lots + 1):
        shot = shots[counter % len(shots)]
        offer = station.offer(counter, shot.told.sha256, grade=f"G{counter:02}")
        events += [station.intake(counter), *station.shot(counter, shot.told), offer]
        shop.came(shot)
    shop.center.take(*events)
    for counter in range(1, lots + 1):
        shop.do("publish", counter)


def all_made(shop: Shop) -> SmallPictures:
    small = SmallPictures(shop.listings, shop.folder)
    while small.step():
        pass
    return small


@FILES
def test_24_cards_with_any_pictures_and_their_page_are_less_than_600_kilobytes(shop: Shop) -> None:
    """On the sharpest screen: each card in its larger width, and every picture of goods that is as bad as it can be."""
    shots = [master(1), master(2), master(3, grain_px=1), master(4, grain_px=100)]
    assert sorted(len(shot.content) for shot in shots)[1] > 200_000
    sell(shop, *shots, lots=24)
    all_made(shop)
    page, total, sizes = shop.buyer().sees("/en/"), 0, set[tuple[int, int]]()
    cards = re.findall(r'<img src="([^"]+)" srcset="([^"]+)" sizes="\(max', page)
    assert len(cards) == 24 == page.count("<img") - 1, "and the mark of the site"
    for address, widths in cards:
        assert re.fullmatch(r"\S+\?width=320 320w, (\S+) 480w", widths)[1] == address  # type: ignore[index]
        answer = shop.buyer().asks(address)
        assert answer.status_code == 200 and answer.headers["Cache-Control"] == "public, max-age=86400"
        total += len(answer.data)
        sizes.add(Image.open(io.BytesIO(answer.data)).size)
    assert (480, 480) in sizes and len(sizes) > 1, "the noise of a stranger is smaller"
    total += len(page) + sum(len(shop.buyer().asks(f"/static/{name}").data) for name in ("storefront.css", "mark.svg"))
    assert total < 600_000
    lot = shop.buyer().sees(shop.path())
    assert "?width=480 480w, " in lot and "?width=1000 1000w" in lot and re.search(r'<a href="[^"?]+\.jpg"><img', lot)


@FILES
def test_until_it_is_made_and_when_it_need_not_be_buyers_get_the_master(shop: Shop, here: None) -> None:
    shop.sell()
    buyer, address = shop.buyer(), f"/pictures/{FIRST}.jpg?width=480"
    assert buyer.asks(address).data == SHOTS[0].content
    small = all_made(shop)
    assert buyer.asks(address).data == SHOTS[0].content, "it is small enough"
    assert small.step() == 0
    sell(shop, shot := master(1, grain_px=100), lots=3)
    waiting = buyer.asks(f"/pictures/{shot.told.sha256}.jpg?width=480")
    assert (waiting.data, waiting.headers["Cache-Control"]) == (shot.content, "public, max-age=60")
    assert [small.step() for _ in range(4)] == [1, 1, 1, 0], "one of each width"
    for width, size_bytes in MAX_BYTES.items():
        answer = buyer.asks(f"/pictures/{shot.told.sha256}.jpg?width={width}")
        assert len(answer.data) < size_bytes and Image.open(io.BytesIO(answer.data)).size == (width, width)
    address = f"/pictures/{shot.told.sha256}.jpg?width=480"
    found = buyer.asks(address)
    assert found.headers["ETag"] == f'"{shot.told.sha256}-480"'
    assert buyer.told(address, headers={"If-None-Match": found.headers["ETag"]}) == 304
    for other in ("559", "x", "", "560,560"):
        assert buyer.asks(f"/pictures/{shot.told.sha256}.jpg?width={other}").data == shot.content
    for counter in (1, 2, 3):
        shop.do("withdraw", counter)
    assert buyer.told(address) == 404, "nobody sees what is not published any more"


@FILES
def test_a_damaged_master_and_a_full_disk_leave_the_shop_open(
    shop: Shop, here: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    good, bad = master(1), master(2)
    sell(shop, good, bad, lots=2)
    shop.file(bad.told.sha256).write_bytes(b"\xff\xd8no picture" * 5_000)
    small = SmallPictures(shop.listings, shop.folder)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING):
        patch.setattr("kiosk.sorting_center.storefront.small_pictures.write_durably", full)
        with pytest.raises(OSError, match="No space left on device"):
            small.next_step()
    assert [small.step() for _ in range(4)] == [2, 1, 1, 0], "what was refused is not tried again"
    for width in MAX_BYTES:
        assert small_path(shop.folder, good.told.sha256, width).exists()
        assert not small_path(shop.folder, bad.told.sha256, width).exists()
    assert list(Path(shop.folder.root, ".small").glob(".*.new")) == []


@FILES
def test_a_master_that_ends_the_process_which_decodes_it_hinders_no_other(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    good, bad = master(1), master(2)
    sell(shop, good, bad, lots=2)

    def ends(order: PictureOrder, to: IO[bytes]) -> PictureExportResult:
        if bad.told.sha256 in {one.name for one in order.listings}:
            raise OSError(None, "its process has ended with status -11")
        return make(order, to)

    monkeypatch.setattr("kiosk.sorting_center.storefront.small_pictures.make_in_subprocess", ends)
    with caplog.at_level(logging.WARNING):
        all_made(shop)
    assert small_path(shop.folder, good.told.sha256, 480).exists()
    assert f"The small picture of {bad.told.sha256} cannot be made" in caplog.text


@FILES
def test_of_two_storefronts_with_one_folder_one_makes_them(shop: Shop, here: None) -> None:
    sell(shop, shot := master(1), lots=1)
    small = SmallPictures(shop.listings, shop.folder)
    folder = small_path(shop.folder, shot.told.sha256, 320).parent
    folder.mkdir()
    (folder / f".{shot.told.sha256}-320.jpg.new").write_bytes(b"left by one that was killed")
    with exclusive_folder(folder), pytest.raises(BlockingIOError):
        small.step()
    assert [small.step() for _ in range(4)] == [1, 1, 1, 0]
    assert {path.name for path in folder.iterdir()} == {f"{shot.told.sha256}-{width}.jpg" for width in MAX_BYTES}
