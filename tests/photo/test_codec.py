"""Untrusted bytes in, clean JPEG out."""

from __future__ import annotations

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from kiosk.photo.arrays import BgrImage
from kiosk.photo.codec import decode_picture, encode_jpeg, metadata_markers
from kiosk.photo.picture_header import PictureRefused, jpeg_segments, read_header
from tests.depth import many

ORIENTATION, MAKE, GPS = 0x0112, 0x010F, 0x8825


def gradient(width: int = 96, height: int = 64) -> BgrImage:
    image = np.zeros((height, width, 3), np.uint8)
    image[..., 0] = np.linspace(0, 255, width)
    image[..., 2] = np.linspace(0, 255, height)[:, None]
    return image


def phone_jpeg(orientation: int = 1, progressive: bool = False) -> bytes:
    """What a telephone sends: make, place and rotation in EXIF, an ICC profile, a comment."""
    exif = Image.Exif()
    exif[MAKE] = "Phone"
    exif[ORIENTATION] = orientation
    exif.get_ifd(GPS).update({1: "N", 2: (38.0, 25.0, 12.0)})
    stream = io.BytesIO()
    picture = Image.fromarray(np.ascontiguousarray(gradient()[..., ::-1]))
    picture.save(
        stream,
        "JPEG",
        exif=exif,
        icc_profile=b"profile" * 9,
        comment=b"a villager",
        progressive=progressive,
        quality=95,
    )
    return stream.getvalue()


def png_header(width: int, height: int) -> bytes:
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", 13)
        + body
        + struct.pack(">I", zlib.crc32(body))
        + b"\0\0\0\0IEND"
        + b"\xaeB`\x82"
    )


def test_everything_but_pixels_is_gone(subtests: pytest.Subtests) -> None:
    for progressive in [False, True]:
        with subtests.test(progressive=progressive):
            source = phone_jpeg(progressive=progressive)
            assert {0xE1, 0xE2, 0xFE} <= set(metadata_markers(source)), "the test's own picture must carry metadata"

            jpeg = encode_jpeg(decode_picture(source))

            assert metadata_markers(jpeg) == ()
            assert {segment.marker for segment in jpeg_segments(jpeg)} <= {0xE0, 0xDB, 0xC0, 0xC4, 0xDA}
            assert b"Exif" not in jpeg and b"Phone" not in jpeg and b"villager" not in jpeg
            with Image.open(io.BytesIO(jpeg)) as picture:
                assert dict(picture.getexif()) == {}


def test_exif_rotation_is_applied_before_it_is_forgotten() -> None:
    upright, turned = decode_picture(phone_jpeg(1)), decode_picture(phone_jpeg(6))
    assert upright.shape == (64, 96, 3)
    assert turned.shape == (96, 64, 3)
    assert np.abs(np.rot90(upright, -1).astype(int) - turned).max() <= 2


def test_a_picture_survives_reencoding() -> None:
    image = gradient()
    again = decode_picture(encode_jpeg(image))
    assert np.abs(image.astype(int) - again).mean() < 3


def test_png_is_taken_and_comes_out_as_jpeg() -> None:
    written, png = cv2.imencode(".png", gradient())
    assert written
    assert read_header(png.tobytes()).kind == "png"
    assert read_header(encode_jpeg(decode_picture(png.tobytes()))).kind == "jpeg"


@pytest.fixture
def no_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    def decoder(*_: object) -> None:
        raise AssertionError("a pixel was decoded")

    monkeypatch.setattr(cv2, "imdecode", decoder)


@pytest.mark.usefixtures("no_decoder")
@pytest.mark.parametrize("size", [(100_000, 100_000), (6_325, 6_325), (40_000_001, 1)])
def test_a_flood_of_pixels_is_refused_before_decoding(size: tuple[int, int]) -> None:
    with pytest.raises(PictureRefused, match="at most 40000000"):
        decode_picture(png_header(*size))


@pytest.mark.usefixtures("no_decoder")
def test_a_jpeg_that_claims_65535_squared_is_refused_before_decoding() -> None:
    jpeg = bytearray(encode_jpeg(gradient()))
    frame = next(segment for segment in jpeg_segments(bytes(jpeg)) if segment.marker == 0xC0)
    jpeg[frame.start + 1 : frame.start + 5] = b"\xff\xff\xff\xff"
    with pytest.raises(PictureRefused, match="65535 x 65535"):
        decode_picture(bytes(jpeg))


@pytest.mark.usefixtures("no_decoder")
def test_too_many_bytes_are_refused_before_decoding() -> None:
    with pytest.raises(PictureRefused, match="at most 20000000"):
        decode_picture(encode_jpeg(gradient()) + bytes(20_000_000))


@pytest.mark.usefixtures("no_decoder")
def test_a_second_frame_header_cannot_hide_the_size() -> None:
    jpeg = encode_jpeg(gradient())
    frame = next(segment for segment in jpeg_segments(jpeg) if segment.marker == 0xC0)
    header = jpeg[frame.start - 4 : frame.stop]
    with pytest.raises(PictureRefused, match="two frame headers"):
        decode_picture(jpeg[:2] + header + jpeg[2:])


def test_what_is_no_picture_is_refused(subtests: pytest.Subtests) -> None:
    for data in [
        b"",
        b"\xff\xd8",
        b"GIF89a" + bytes(40),
        b"<svg/>",
        b"\x89PNG\r\n\x1a\n",
        png_header(0, 5),
        b"\xff\xd8\xff\xe0\x00\x01",
    ]:
        with subtests.test(data=data), pytest.raises(PictureRefused):
            decode_picture(data)


def test_a_jpeg_cut_anywhere_is_refused(subtests: pytest.Subtests) -> None:
    for source in [phone_jpeg(), encode_jpeg(gradient(16, 16))]:
        with subtests.test(source=source):
            for length in range(0, len(source) - 1, 7):
                with pytest.raises(PictureRefused):
                    decode_picture(source[:length])


def test_damaged_data_behind_a_good_header_is_refused_or_decoded_to_the_stated_size() -> None:
    with pytest.raises(PictureRefused):
        decode_picture(png_header(64, 64))


@settings(max_examples=many(50, torture=450), deadline=None)
@given(st.data())
def test_flipped_bytes_never_crash_the_decoder(data: st.DataObject) -> None:
    jpeg = bytearray(phone_jpeg())
    for _ in range(data.draw(st.integers(1, 6))):
        jpeg[data.draw(st.integers(2, len(jpeg) - 1))] = data.draw(st.integers(0, 255))
    try:
        clean = encode_jpeg(decode_picture(bytes(jpeg)))
    except PictureRefused:
        return
    assert metadata_markers(clean) == ()


def test_pixels_no_jpeg_can_hold_are_an_error() -> None:
    with pytest.raises(ValueError, match="cannot be written"):
        encode_jpeg(np.zeros((4, 70_000, 3), np.uint8))
    with pytest.raises(ValueError, match="cannot be written"):
        encode_jpeg(np.zeros((0, 0, 3), np.uint8))
