from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageChops

from kiosk.labels.raster import Raster


def test_one_is_black_most_significant_bit_leftmost() -> None:
    raster = Raster(10, 1, b"\x80\x40")
    image = raster.to_image()
    assert [bool(image.getpixel((x, 0))) for x in range(10)] == [False, *[True] * 8, False]


@given(st.integers(1, 40), st.integers(1, 20), st.data())
def test_a_picture_survives_the_way_there_and_back(width: int, height: int, data: st.DataObject) -> None:
    black = data.draw(st.lists(st.booleans(), min_size=width * height, max_size=width * height))
    ink = Image.new("1", (width, height), 0)
    ink.putdata([255 if dark else 0 for dark in black])
    raster = Raster.from_ink(ink)
    assert raster.to_image().tobytes() == ImageChops.invert(ink).tobytes()
    assert Raster.from_ink(ImageChops.invert(raster.to_image())) == raster


def test_padding_is_white(subtests: pytest.Subtests) -> None:
    for width in range(1, 17):
        with subtests.test(width=width):
            raster = Raster.from_ink(Image.new("1", (width, 1), 1))
            assert int.from_bytes(raster.rows, "big").bit_count() == width


def test_a_size_that_does_not_match_its_bytes_is_refused(subtests: pytest.Subtests) -> None:
    for width, height, rows in [(0, 1, b""), (1, 0, b""), (9, 1, b"\x00"), (8, 1, b"\x00\x00")]:
        with subtests.test(width=width, height=height, rows=rows), pytest.raises(ValueError, match="dot"):
            Raster(width, height, rows)
