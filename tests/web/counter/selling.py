"""What the listing desk needs: goods with words for buyers, shots of a lot, and what was told of it."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from io import BytesIO

import msgspec
from PIL import Image, ImageDraw

from kiosk.domain.catalog import Allergen, Grade, Names, Origin, Pack, Sale
from kiosk.domain.events import PictureData
from kiosk.domain.identifiers import ReceiptNumber
from kiosk.store.shared.records import ListingPictures, NewPhoto
from tests.station.hardware import MEASURES, asked
from tests.web.counter.shop import CounterShop
from tests.web.shop import CATALOG

SIDE = 1600
GRADES = (
    Grade("EXTRA", Names("ئالاھىدە", "特级", "Extra")),
    Grade("FIRST", Names("بىرىنچى دەرىجە", "一级", "First grade")),
)
SALE = Sale(
    title=Names("ياركەنت بادىمى", "莎车巴旦木", "Badam of Yarkant"),
    story=Names(
        "بادام ياركەنتتە ئۆستۈرۈلىدۇ، قولدا ئۈزۈلىدۇ، ئاپتاپتا قۇرۇتۇلىدۇ.",
        "巴旦木长在莎车，人工采摘，阳光下晒干。",
        "The badam grows in Yarkant. It is picked by hand and dried in the sun.",
    ),
    storage=Names("قۇرۇق ۋە سالقىن جايدا ساقلاڭ", "存放于阴凉干燥处", "Keep cool and dry"),
    origin=Origin("YARKANT", Names("ياركەنت، قەشقەر", "新疆莎车", "Yarkant, Kashgar")),
    grades=GRADES,
    harvest="2026-09",
    allergens=(Allergen.TREE_NUTS,),
    packs=(Pack(500, 2_900), Pack(1_000, 5_600), Pack(300, 1_999)),
)
LONGEST = Sale(
    title=Names("ئۇزۇن " * 10, "莎车核桃" * 15, "Longtitle " * 6),
    story=Names(
        "ياركەنتنىڭ ياڭىقى ئۇزۇن. " * 20,
        "核桃长在莎车，人工采摘，阳光下晒干。" * 28,
        "Walnuts of Yarkant are long. " * 17,
    ),
    storage=Names("قۇرۇق سالقىن جايدا ساقلاڭ " * 4, "存放于阴凉干燥处" * 15, "Keep cool and dry in the house. " * 3),
    origin=SALE.origin,
    grades=tuple(
        Grade(
            f"G{number}",
            Names(f"ئەڭ ئۇزۇن دەرىجە نامى {number}", f"很长的等级名称之{number}", f"A grade of a long name {number}"),
        )
        for number in range(6)
    ),
    harvest="2026-09",
    allergens=tuple(Allergen),
    packs=tuple(Pack(250 * number, 1_234_567 * number) for number in range(1, 9)),
)
"""As long and as many as the price list may hold."""


def sell(shop: CounterShop, **sales: Sale) -> None:
    """From now on the price list says how these goods are sold, badam among them."""
    known = {"BADAM": SALE, **sales}
    products = tuple(replace(product, sale=known.get(product.code)) for product in CATALOG.products)
    shop.store.catalogs.add(replace(CATALOG, products=products), shop.stamp())


def lot_of(receipt: str) -> str:
    return ReceiptNumber.parse(receipt).lot


def photograph(shop: CounterShop, receipt: str, seed: int, product: str = "BADAM", likeness: str = "") -> str:
    """A shot of the lot is accepted and kept; the hash of its master."""
    master, natural = _picture(shop, seed, "white", SIDE), _picture(shop, seed, "#8f9698", SIDE // 4)
    pictures = ListingPictures(master, natural, MEASURES, likeness)
    shop.store.photos.add(NewPhoto(lot_of(receipt), product, pictures), shop.stamp())
    shop.counter.state.photo_done(asked(lot_of(receipt), shop.counter.state.view().photo), master.sha256)
    return master.sha256


def _picture(shop: CounterShop, seed: int, ground: str, side: int) -> PictureData:
    """A drawing of goods that differs with its seed; not a photograph."""
    image = Image.new("RGB", (SIDE // 4, SIDE // 4), ground)
    draw = ImageDraw.Draw(image)
    for number in range(40):
        x = 90 + (number * 37 + seed * 53) % 190
        y = 100 + (number * 53 + seed * 29) % 180
        draw.ellipse(
            (x, y, x + 52, y + 30), fill=("#b5793f", "#a2462c", "#7d8f3a")[seed % 3], outline="#6b3d17", width=3
        )
    jpeg = BytesIO()
    image.resize((side, side)).save(jpeg, "JPEG", quality=80)
    sha256 = hashlib.sha256(jpeg.getvalue()).hexdigest()
    (shop.settings.data / f"{sha256}.jpg").write_bytes(jpeg.getvalue())
    return PictureData(sha256, len(jpeg.getvalue()), side, side)


def offers(shop: CounterShop) -> list[dict[str, object]]:
    """What the sorting center is told of lots for sale, in its order."""
    events = [msgspec.json.decode(row.body) for row in shop.store.outbox.pending(500)]
    return [event["data"] for event in events if event["type"] == "station.listing.submitted.v1"]
