"""What counts as a plain JPEG, and what is refused whatever else it is."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, strategies
from PIL import Image

from kiosk.photo.codec import encode_jpeg
from kiosk.sorting_center.photos.jpeg import NotPlainJpeg, plain_jpeg_size
from tests.depth import many
from tests.sorting_center.photos.lanes import jpeg

PLAIN = jpeg(1, 32)
ATTACK = 22_000
"""Scans of a file of 750 kB."""
EXIF = Image.Exif()
EXIF[0x010E] = "where it was taken"


def with_segment(marker: int, content: bytes, picture: bytes = PLAIN) -> bytes:
    """A segment right behind the start of a picture."""
    return picture[:2] + bytes((0xFF, marker)) + (len(content) + 2).to_bytes(2, "big") + content + picture[2:]


def test_sides_are_those_of_the_frame() -> None:
    file = io.BytesIO()
    Image.new("RGB", (48, 16)).save(file, "JPEG")
    assert plain_jpeg_size(file.getvalue()) == (48, 16)
    assert plain_jpeg_size(encode_jpeg(np.zeros((30, 20, 3), np.uint8))) == (20, 30), "as a station writes it"
    assert plain_jpeg_size(scanned(PLAIN, 3)) == (32, 32)


def scanned(picture: bytes, more: int) -> bytes:
    """With its last scan so many times more."""
    return picture[:-2] + picture[picture.rindex(b"\xff\xda") : -2] * more + picture[-2:]


def slow(scans: int) -> bytes:
    """A small file of many scans, for each of which a decoder goes through the whole of a large picture."""
    file = io.BytesIO()
    Image.new("L", (4000, 4000), 128).save(file, "JPEG", quality=92, progressive=True)
    return scanned(file.getvalue(), scans)


def test_what_is_not_plain(subtests: pytest.Subtests) -> None:
    for name, content in [
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
        ("progressive", jpeg(2, 64, progressive=True)),
        ("extended sequential", PLAIN.replace(b"\xff\xc0", b"\xff\xc1", 1)),
        ("five scans", scanned(PLAIN, 4)),
        ("a thumbnail in its header", with_segment(0xE0, b"JFIF\0" + bytes(9) + bytes(300), PLAIN[:2] + PLAIN[20:])),
        ("two headers", with_segment(0xE0, PLAIN[6:20])),
        ("no picture", b"\xff\xd8\xff\xd9"),
        ("no frame", b"\xff\xd8\xff\xda\0\x02abc\xff\xd9"),
    ]:
        with subtests.test(name=name, content=content), pytest.raises(NotPlainJpeg):
            plain_jpeg_size(content)


def test_of_thousands_of_scans_none_is_looked_at() -> None:
    """A decoder spends minutes on them; nothing behind the frame is read here."""
    attack = slow(many(500, torture=ATTACK))
    frame = attack.index(b"\xff\xc2")
    for content in (attack, attack[: frame + 30]):
        with pytest.raises(NotPlainJpeg, match="no baseline"):
            plain_jpeg_size(content)
    sequential = scanned(PLAIN, many(500, torture=ATTACK))
    with pytest.raises(NotPlainJpeg, match="scans"):
        plain_jpeg_size(sequential[: len(scanned(PLAIN, 5))])
    with pytest.raises(NotPlainJpeg, match="scans"):
        plain_jpeg_size(sequential)


def test_a_picture_that_breaks_off_anywhere_is_none() -> None:
    for length in range(len(PLAIN)):
        with pytest.raises(NotPlainJpeg):
            plain_jpeg_size(PLAIN[:length])


@given(strategies.binary(max_size=400), strategies.integers(0, len(PLAIN)))
def test_no_bytes_make_it_fail_otherwise(noise: bytes, at: int) -> None:
    for content in (noise, PLAIN[:at] + noise, PLAIN[:at] + noise + PLAIN[at:]):
        try:
            plain_jpeg_size(content)
        except NotPlainJpeg:
            continue
