"""What programs read in a page: a Product with its Offer, field by field as docs/storefront.md lists them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from kiosk.domain.events.photo import WordsData
from tests.house.documents import DOCS
from tests.sorting_center.station_journal import WORDS
from tests.sorting_center.storefront.shops import FIRST, SECOND, SELLER, Shop

BASE = "https://goods.county.example"
NASTY = '</script><script>alert("1")</script>&amp;<!-- \\ \''
TYPES = {"text": str, "number": Decimal, "address": str, "list": list}


def told(page: str) -> dict[str, Any]:
    """The one block of a page."""
    (block,) = re.findall(r'<script type="application/ld\+json">(.*?)</script>', page, re.DOTALL)
    found = json.loads(block, parse_float=Decimal, parse_int=Decimal)
    assert isinstance(found, dict)
    return found


def documented() -> dict[str, tuple[str, str]]:
    """Field -> type and value of the table in the document."""
    text = (DOCS / "storefront.md").read_text(encoding="utf-8").partition("## For programs: JSON-LD\n")[2]
    rows = re.findall(r"^\| `([@\w.\[\]]+)` \| (\w+) \| (.*?) \|$", text.partition("\n## ")[0], re.MULTILINE)
    return {field: (kind, value) for field, kind, value in rows}


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every field with what it holds; the members of a list are one field."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, f"{path}[]")
    else:
        yield path, value


def test_each_field_is_as_it_is_documented(shop: Shop) -> None:
    shop.sell(pack_g=1250, price_fen=100_005, **WORDS)
    rows = documented()
    assert len(rows) > 20
    for language, name, origin, grade in (
        ("zh", "巴旦木", "莎车县", "一级"),
        ("ug", "بادام", "يەكەن", "一级"),
        ("en", "Almonds", "Yarkant", "First"),
    ):
        found = told(shop.buyer(BASE, seller=SELLER).sees(shop.path(language)))
        values = list(leaves(found))
        assert {field for field, _ in values} == rows.keys()
        for field, value in values:
            kind, fixed = rows[field]
            assert isinstance(value, TYPES[kind]), field
            if kind == "address":
                assert value.startswith(("https://schema.org", f"{BASE}/")), field
            if fixed.startswith("`"):
                assert f"`{value}`" in fixed, (field, value)
        seller = found["offers"]["seller"]
        assert seller["name"] == found["brand"]["name"] == getattr(SELLER.name, language)
        assert (seller["telephone"], seller["identifier"]) == (SELLER.phone, SELLER.licence)
        here = f"{BASE}{shop.path(language)}"
        assert (found["name"], found["@id"], found["url"], found["offers"]["url"]) == (name, here, here, here)
        assert found["image"] == [f"{BASE}/pictures/{sha256}.jpg" for sha256 in (FIRST, SECOND)]
        assert found["weight"]["value"] == Decimal("1.25")
        assert found["offers"]["price"] == "1000.05"
        properties = {one["name"]: one["value"] for one in found["additionalProperty"]}
        lot = shop.center.station.lot(1)
        assert properties == {"grade": grade, "lot": lot, "harvest": "2026-09", "origin": origin}


def test_what_is_not_known_is_left_out_and_whole_kilograms_have_no_point(shop: Shop) -> None:
    shop.sell(pack_g=10_000, grade="", harvest="", story=WordsData("", "", ""))
    found = told(shop.buyer(BASE).sees(shop.path()))
    assert [one["name"] for one in found["additionalProperty"]] == ["lot", "origin"]
    assert found["additionalProperty"][1]["value"] == "SHACHE", "its code, for want of words"
    assert "description" not in found
    assert str(found["weight"]["value"]) == "10"


def test_no_text_ends_the_block(shop: Shop) -> None:
    words = WordsData("", "", NASTY)
    shop.sell(title=words, story=words, origin_words=words)
    page = shop.buyer(BASE).sees(shop.path())
    found = told(page)
    assert found["name"] == found["description"] == found["additionalProperty"][-1]["value"] == NASTY
    assert page.count("<script") == page.count("</script>") == 1
