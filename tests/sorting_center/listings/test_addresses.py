"""Where buyers find the public storefront."""

from __future__ import annotations

import pytest

from kiosk.sorting_center.listings.addresses import MAX_BASE, BadPublicAddress, PublicAddresses
from kiosk.sorting_center.listings.records import ListingKey

KEY = ListingKey("shache", "S0147", "Y1L0147A000001X")


def test_pages_and_pictures_stand_below_the_public_address() -> None:
    for base in ("https://goods.example.org", "https://goods.example.org/", " http://[2001:db8::1]:8094/shop/goods/ "):
        found = PublicAddresses(base)
        assert not found.base.endswith("/")
        assert found.page(KEY, "ug") == f"{found.base}/ug/shache/S0147/Y1L0147A000001X"
        assert found.picture("ab" * 32) == f"{found.base}/pictures/{'ab' * 32}.jpg"
    strange = PublicAddresses("https://goods.example.org").page(ListingKey("..", "a/b?", "ئا #\n"), "en")
    assert strange == "https://goods.example.org/en/../a%2Fb%3F/%D8%A6%D8%A7%20%23%0A"


def test_what_is_no_public_address_is_said() -> None:
    for base in (
        *(
            "",
            "goods.example.org",
            "ftp://goods.example.org",
            "https://",
            "https:///shop",
            "https://goods.example.org:0",
        ),
        *(
            "https://goods.example.org:x",
            "https://user@goods.example.org",
            "https://goods.example.org/?a=1",
            "https://a#b",
        ),
        *(
            "https://goods example.org",
            "https://goods.example.org/a b",
            "https://goods.example.org/a\nb",
            "https://[::1",
        ),
        *("https://goods.example.org/a//b", "https://goods.example.org/\u202e", "https://" + "a" * MAX_BASE),
    ):
        with pytest.raises(BadPublicAddress, match="must look like https://"):
            PublicAddresses(base)
