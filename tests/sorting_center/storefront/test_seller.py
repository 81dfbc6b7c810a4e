"""Who sells and how buyers reach them: shown when it is set, in no other words, and never an address that acts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from msgspec.structs import replace
from PIL import Image, ImageDraw

from kiosk.protocols.barcodes.reader import read
from kiosk.sorting_center.storefront.seller import NO_SELLER, BadSeller, Seller
from tests.sorting_center.storefront.shops import SELLER, Shop

pytestmark = pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)
PAGES = ("/{}/", "/{}/shache/BADAM~A")


def test_the_seller_stands_on_every_page_in_its_language(shop: Shop) -> None:
    shop.sell()
    buyer = shop.buyer(seller=SELLER)
    names = {"zh": SELLER.seller_zh, "ug": SELLER.seller_ug, "en": SELLER.seller_en}
    for language, name in names.items():
        for path in (*(page.format(language) for page in PAGES), shop.path(language)):
            page = buyer.sees(path)
            assert name in page and SELLER.licence in page, path
            assert 'href="tel:+869981234567"' in page
        lot = buyer.sees(shop.path(language))
        assert f'href="{SELLER.chat}"' in lot and 'class="qr" role="img"' in lot
    assert names["zh"] in shop.buyer(seller=Seller(seller_zh=names["zh"])).sees("/ug/"), "in the language there is"


def test_what_is_not_set_is_not_there(shop: Shop) -> None:
    shop.sell()
    page = shop.buyer().sees(shop.path())
    for text in ("tel:", "Sold by", "Ask the seller", "<svg", "Business licence", "brand", "seller"):
        assert text not in page, text
    only_phone = shop.buyer(seller=Seller(phone="0998 1234567")).sees(shop.path())
    assert 'href="tel:09981234567"' in only_phone and "<svg" not in only_phone
    only_chat = shop.buyer(seller=Seller(chat="weixin://dl/chat?almonds")).sees(shop.path())
    assert 'href="weixin://dl/chat?almonds"' in only_chat and "tel:" not in only_chat


def test_a_phone_reads_the_code_of_the_chat(shop: Shop) -> None:
    shop.sell()
    page = shop.buyer(seller=SELLER).sees(shop.path())
    (side,) = {int(one) for one in re.findall(r'<svg class="qr"[^>]*viewBox="0 0 (\d+) \1"', page)}
    (path,) = re.findall(r'fill="#000" d="([^"]+)"', page)
    picture = Image.new("L", (side * 4, side * 4), 255)
    draw = ImageDraw.Draw(picture)
    for x, y, length in ((int(one) * 4 for one in run) for run in re.findall(r"M(\d+) (\d+)h(\d+)v1h-\d+z", path)):
        draw.rectangle((x, y, x + length - 1, y + 3), 0)
    assert SELLER.chat in [one.text for one in read(picture)]


@pytest.mark.parametrize(
    "changes",
    [
        {"chat": "javascript:alert(1)"},
        {"chat": "http://chat.example"},
        {"chat": "https://"},
        {"chat": "weixin:almonds"},
        {"chat": "https://user@chat.example"},
        {"chat": 'https://chat.example/"onclick=x'},
        {"chat": "https://chat.example/a b"},
        {"chat": "data:text/html,x"},
        {"chat": "https://chat.example:99999999/"},
        {"chat": f"https://chat.example/{'a' * 300}"},
        {"phone": "call me"},
        {"phone": "1" * 40},
        {"phone": "+86 998;ext=1"},
        {"licence": "9" * 61},
        {"licence": "a\u202eb"},
        {"seller_zh": "合作社" * 60},
        {"seller_ug": "a\nb"},
    ],
    ids=lambda changes: str(changes)[:40],
)
def test_a_wrong_option_is_refused(shop: Shop, changes: dict[str, str]) -> None:
    with pytest.raises(BadSeller, match=f"--{next(iter(changes)).replace('_', '-')}"):
        replace(SELLER, **changes).checked()


def test_a_right_one_is_taken_and_nothing_at_all_is_right(shop: Shop, tmp_path: Path) -> None:
    assert SELLER.checked() == SELLER
    assert replace(SELLER, phone="  0998-1234567 ").checked().phone == "0998-1234567"
    assert NO_SELLER.checked() == Seller(phone=" ").checked() == NO_SELLER
