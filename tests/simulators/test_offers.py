"""What a county offers: a dozen goods with words in three languages and pictures that the photo pipeline made."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from kiosk.devices.ports import CameraFault, GoodsShot
from kiosk.simulators.county.counter import catalog_of
from kiosk.simulators.offers import GoodsCamera, offer
from kiosk.station.shared.clock import StationClock
from kiosk.store import Stamp, Store

CODES = [product.code for product in catalog_of("S1001").products]


def stamps() -> Stamp:
    return Stamp(StationClock("Asia/Shanghai").now(), "station-kiosk/test", "yarkant")


def events(store: Store, kind: str) -> list[dict[str, Any]]:
    told = (json.loads(row.body) for row in store.outbox.pending(100))
    return [event["data"] for event in told if event["type"] == f"station.{kind}"]


def stocked(folder: Path) -> Store:
    store = Store.open(folder / "station.sqlite", "S1006", stamps())
    store.catalogs.add(catalog_of("S1006"), stamps())
    return store


def test_every_good_has_words_a_price_and_packs() -> None:
    catalog = catalog_of("S1001")
    assert len(CODES) == 12  # An even number, so that two processes share the shots
    assert set(CODES) == {row.product for row in catalog.prices}
    for product in catalog.products:
        sale = product.sale
        assert sale is not None and sale.packs and product.picture
        for words in (product.names, sale.title, sale.story, sale.storage, sale.origin.names):
            assert all(getattr(words, field.name).strip() for field in fields(words)), product.code
        bought = max(row.fen_per_kg for row in catalog.prices if row.product == product.code)
        for pack in sale.packs:
            assert bought < pack.price_fen * 1000 / pack.net_g < 4 * bought, f"{product.code} at {pack}"


def test_a_station_offers_one_lot_with_a_picture_once(tmp_path: Path) -> None:
    camera = GoodsCamera(tmp_path / "camera")
    with closing(stocked(tmp_path)) as store:
        for _ in range(2):
            offer(store, tmp_path, CODES.index("HONEY"), camera, stamps)
        (offered,) = events(store, "listing.submitted.v1")
        assert len(events(store, "intake.confirmed.v1")) == 1
    assert offered["product"] == "HONEY" and offered["title"]["zh"] == "莎车蜂蜜"
    assert len(offered["photos"]) >= 2, "cut out, and on the mat"
    for sha256 in offered["photos"]:
        assert (tmp_path / "photos" / sha256[:2] / f"{sha256}.jpg").stat().st_size > 10_000


def test_stations_take_goods_and_grades_in_turn(tmp_path: Path) -> None:
    camera = GoodsCamera(tmp_path / "camera")
    found = []
    for number in (0, len(CODES), 2 * len(CODES)):
        folder = tmp_path / str(number)
        with closing(stocked(folder)) as store:
            offer(store, folder, number, camera, stamps)
            found += [(one["product"], one["grade"]) for one in events(store, "listing.submitted.v1")]
    assert found == [("BADAM", "1"), ("BADAM", "2"), ("BADAM", "1")]


def test_without_a_picture_nothing_is_offered(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Unplugged(GoodsCamera):
        def shot_of(self, product: str) -> GoodsShot:
            raise CameraFault("unplugged")

    with closing(stocked(tmp_path)) as store:
        offer(store, tmp_path, 0, Unplugged(tmp_path), stamps)
        assert events(store, "intake.confirmed.v1") == []
    assert "BADAM is not offered: unplugged" in caplog.text
