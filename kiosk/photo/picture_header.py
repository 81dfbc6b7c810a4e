"""Kind and size of a JPEG or PNG from its first bytes, without decoding a single pixel.

Sources: ITU-T T.81 (JPEG) annex B for the markers; ISO/IEC 15948 (PNG) clause 5.2 and 11.2.2 for signature and IHDR.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
JPEG_SOI = b"\xff\xd8"
JPEG_EOI = b"\xff\xd9"
_START_OF_SCAN = 0xDA
# T.81 table B.1: SOF0 to SOF15; C4, C8 and CC are other markers.
_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xDA)})


class PictureRefused(ValueError):
    """The bytes are not a picture that may be used; the text says what is wrong and what is allowed."""


@dataclass(frozen=True, slots=True)
class PictureHeader:
    """``kind`` is ``jpeg`` or ``png``; width and height in pixels as stored, before any EXIF rotation."""

    kind: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class JpegSegment:
    """A marker of a JPEG file (second byte, 0xE1 for APP1) and the position of its payload."""

    marker: int
    start: int
    stop: int


def jpeg_segments(data: bytes) -> Iterator[JpegSegment]:
    """Yield the segments from SOI to the first scan header inclusive; raises PictureRefused when they are torn."""
    if not data.startswith(JPEG_SOI):
        raise PictureRefused("the file does not begin like a JPEG")
    at = 2
    while True:
        while data[at : at + 2] == b"\xff\xff":  # B.1.1.2: any number of fill bytes before a marker
            at += 1
        if at + 2 > len(data) or data[at] != 0xFF:
            raise PictureRefused("the JPEG header is torn or damaged")
        marker, at = data[at + 1], at + 2
        length = 0 if marker in _WITHOUT_LENGTH else int.from_bytes(data[at : at + 2], "big")
        if marker not in _WITHOUT_LENGTH and (length < 2 or at + length > len(data)):
            raise PictureRefused("the JPEG header is torn or damaged")
        yield JpegSegment(marker, at + 2, at + length)
        at += length
        if marker == _START_OF_SCAN:
            return


def read_header(data: bytes) -> PictureHeader:
    """Read kind and size of the picture; raises PictureRefused for another format or an incomplete file."""
    if data.startswith(JPEG_SOI):
        return _read_jpeg(data)
    if data.startswith(PNG_SIGNATURE):
        return _read_png(data)
    raise PictureRefused("the file is neither JPEG nor PNG")


def _read_jpeg(data: bytes) -> PictureHeader:
    frame: JpegSegment | None = None
    scan: JpegSegment | None = None
    for segment in jpeg_segments(data):
        if segment.marker in _START_OF_FRAME:
            if frame is not None:  # only hierarchical JPEG has two; the second could hide the real size
                raise PictureRefused("the JPEG has two frame headers")
            frame = segment
        scan = segment
    if frame is None or frame.stop - frame.start < 6:
        raise PictureRefused("the JPEG has no frame header")
    # Thumbnails inside APP1 have an end marker of their own, so the search begins behind the header.
    if scan is None or data.find(JPEG_EOI, scan.stop) < 0:
        raise PictureRefused("the JPEG breaks off before its end: it was not fully written")
    height = int.from_bytes(data[frame.start + 1 : frame.start + 3], "big")
    width = int.from_bytes(data[frame.start + 3 : frame.start + 5], "big")
    return _sized("jpeg", width, height)


def _read_png(data: bytes) -> PictureHeader:
    if len(data) < 33 or data[12:16] != b"IHDR":
        raise PictureRefused("the PNG header is torn or damaged")
    if b"IEND" not in data[-64:]:
        raise PictureRefused("the PNG breaks off before its end: it was not fully written")
    return _sized("png", int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big"))


def _sized(kind: str, width: int, height: int) -> PictureHeader:
    if width < 1 or height < 1:
        raise PictureRefused(f"the picture says it is {width} x {height} pixels")
    return PictureHeader(kind, width, height)
