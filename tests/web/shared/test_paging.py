"""Flat pages of tiles."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kiosk.web.shared.paging import page_of, pages


@given(st.integers(0, 80), st.integers(3, 12))
def test_every_item_once_in_order_and_never_too_many_tiles(count: int, tiles: int) -> None:
    found = pages(range(count), tiles)
    assert [item for page in found for item in page.items] == list(range(count))
    for page in found:
        arrows = (page.previous is not None) + (page.next is not None)
        assert len(page.items) + arrows <= tiles
        assert page.items or count == 0
    assert found[0].previous is None
    assert found[-1].next is None


def test_what_fits_needs_no_arrow() -> None:
    assert pages("abcdef", 6)[0].items == tuple("abcdef")
    assert [len(page.items) for page in pages("abcdefg", 6)] == [5, 2]


def test_a_wish_that_makes_no_sense_is_the_first_page() -> None:
    assert [page_of("abcdefghi", 6, wish).number for wish in (None, "", "2", "3", "x", "²")] == [1, 1, 2, 1, 1, 1]
