"""What counts as a plain JPEG, and what is refused whatever else it is."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, strategies
from PIL import Image

from kiosk.sorting_center.photos.jpeg import NotPlain, Sides, plain_sides
from tests.each import each
from tests.sorting_center.photos.lanes import jpeg

PLAIN = jpeg(1, 32)
EXIF = Image.Exif()
EXIF[0x010E] = "where it was taken"


def with_segment(marker: int, content: bytes, picture: bytes = PLAIN) -> bytes:
    """A segment right behind the start of a picture."""
    return picture[:2] + bytes((0xFF, marker)) + (len(content) + 2).to_bytes(2, "big") + content + picture[2:]


def test_sides_are_those_of_the_frame() -> None:
    file = io.BytesIO()
    Image.new("RGB", (48, 16)).save(file, "JPEG")
    assert plain_sides(file.getvalue()) == Sides(48, 16)
    assert plain_sides(jpeg(2, 64, progressive=True)) == Sides(64, 64)


@each(
    ("name", "content"),
    [
        ("empty", b""),
        ("another kind", b"\x89PNG\r\n\x1a\n" + bytes(100)),
        ("Exif", jpeg(3, exif=EXIF.tobytes())),
        ("a comment", jpeg(3, comment=b"by hand")),
        ("a color profile", jpeg(3, icc_profile=bytes(200))),
        *((f"APP{number}", with_segment(0xE0 + number, b"something")) for number in range(1, 16)),
        ("bytes behind its end", PLAIN + b"PK\x03\x04"),
        ("another picture behind it", PLAIN + PLAIN),
        ("bytes between segments", PLAIN[:2] + b"\0" + PLAIN[2:]),
        ("a segment of no length", PLAIN[:2] + b"\xff\xe0\0\0" + PLAIN[2:]),
        ("a segment beyond the end", PLAIN[:2] + b"\xff\xe0\xff\xff" + PLAIN[2:]),
        ("two frames", with_segment(0xC0, b"\x08\0\x20\0\x20\x03" + bytes(9))),
        ("arithmetic coding", PLAIN.replace(b"\xff\xc0", b"\xff\xc9", 1)),
        ("no picture", b"\xff\xd8\xff\xd9"),
        ("no frame", b"\xff\xd8\xff\xda\0\x02abc\xff\xd9"),
    ],
)
def test_what_is_not_plain(name: str, content: bytes) -> None:
    with pytest.raises(NotPlain):
        plain_sides(content)


def test_a_picture_that_breaks_off_anywhere_is_none() -> None:
    for length in range(len(PLAIN)):
        with pytest.raises(NotPlain):
            plain_sides(PLAIN[:length])


@given(strategies.binary(max_size=400), strategies.integers(0, len(PLAIN)))
def test_no_bytes_make_it_fail_otherwise(noise: bytes, at: int) -> None:
    for content in (noise, PLAIN[:at] + noise, PLAIN[:at] + noise + PLAIN[at:]):
        try:
            plain_sides(content)
        except NotPlain:
            continue
