"""The pages of a receipt and of its lot: the photos of the goods."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from kiosk.domain.events import PhotoRemoved
from kiosk.sorting_center.photos.folder import PictureFolder
from kiosk.sorting_center.photos.photos import PhotoIndex
from kiosk.sorting_center.web.shared.sources import Stores
from tests.sorting_center.staff import app_of, followed
from tests.sorting_center.web.test_alarms import Person
from tests.sorting_center.web.test_listings import FIRST, SECOND, SHOTS, Offered

RECEIPT = "/receipts/shache/0147-A-000001"


@pytest.fixture
def offered(stores: Stores, tmp_path: Path) -> Iterator[Offered]:
    with PhotoIndex(stores.ledger.url) as photos:
        found = Offered(stores, photos, PictureFolder(tmp_path / "photos"))
        followed(found.stores)
        yield found


@pytest.fixture
def app(offered: Offered) -> Flask:
    return app_of(offered.stores)


@pytest.mark.parametrize(
    ("lang", "waits", "alt"),
    [
        ("en", "The picture has not arrived from the station yet.", "Photo 1 of the goods of receipt 0147-A-000001"),
        ("zh", "照片还没有从站点传到。", "收据 0147-A-000001 的货品照片 1"),
        ("ug", "سۈرەت پونكىتتىن تېخى كەلمىدى.", "0147-A-000001 تالوندىكى مالنىڭ 1-سۈرىتى"),
    ],
)
def test_receipt_and_lot_show_the_photo_or_say_that_it_has_not_arrived(
    app: Flask, offered: Offered, lang: str, waits: str, alt: str
) -> None:
    person = Person(app, offered.stores.desk)
    offered.came(0)
    for path in (RECEIPT, f"/lots/shache/{offered.key.lot}"):
        page = person.sees(f"{path}?lang={lang}")
        shown = re.findall(r'<img src="([^"]+)" width="64" height="64" loading="lazy" alt="([^"]*)"', page)
        assert shown == [(f"{RECEIPT}/photos/{FIRST}.jpg", alt)]
        assert page.count(waits) == 1
        for sha256 in (FIRST, SECOND):
            assert sha256 in page[page.index("<details") :], "the hash is folded away"


def test_only_photos_of_the_receipt_itself_are_given_and_only_to_staff(app: Flask, offered: Offered) -> None:
    person = Person(app, offered.stores.desk)
    offered.came(0, 1)
    answer = person.client.get(f"{RECEIPT}/photos/{FIRST}.jpg", buffered=True)
    assert (answer.status_code, answer.mimetype, answer.data) == (200, "image/jpeg", SHOTS[0])
    assert app.test_client().get(f"{RECEIPT}/photos/{FIRST}.jpg").status_code == 302
    offered.take(offered.station.intake(2))
    followed(offered.stores)
    other = RECEIPT.replace("000001", "000002")
    for path in (f"{other}/photos/{FIRST}.jpg", f"{RECEIPT}/photos/{'00' * 32}.jpg", f"{RECEIPT}/photos/..%2fx.jpg"):
        assert person.client.get(path).status_code == 404, path
    offered.take(offered.station.add(PhotoRemoved(offered.key.lot, FIRST, "face")))
    followed(offered.stores)
    assert person.client.get(f"{RECEIPT}/photos/{FIRST}.jpg").status_code == 404, "the station deleted it"
    assert f"/photos/{FIRST}" not in person.sees(RECEIPT)
