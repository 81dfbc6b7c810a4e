"""Whether bytes are a JPEG as a station writes one: nothing but a picture, and quickly decoded. Judged by its markers
alone (ITU T.81, annex B).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

_START, _END, _SCAN = 0xD8, 0xD9, 0xDA
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# The only one that stations write. A progressive picture of 750 kB may have thousands of scans, each of which costs a
# decoder a pass over the whole picture.
_BASELINE: Final = 0xC0
_MAX_SCANS: Final = 4  # One for each component; a station writes one in all
_TABLES: Final = frozenset({0xC4, 0xDB, 0xDD})
_JFIF: Final = 0xE0
_JFIF_BYTES: Final = 14  # Without a thumbnail; 16 with its length
_RESTARTS: Final = range(0xD0, 0xD8)


class NotPlainJpeg(ValueError):
    """No JPEG, or one with something beside its picture; the text says what."""


def plain_jpeg_size(data: bytes) -> tuple[int, int]:
    """Return width and height, in pixels, of a baseline JPEG that has one frame, few scans, no metadata (APP1 to APP15,
    comments), and nothing after its end. Raises NotPlainJpeg. Every marker is checked, those between scans as well.
    """
    found: tuple[int, int] | None = None
    scans = headers = 0
    for marker, segment in _segments(data):
        if marker in _FRAMES:
            if found is not None or len(segment) < 6:
                raise NotPlainJpeg("it has more than one frame, or a broken one")
            if marker != _BASELINE:
                raise NotPlainJpeg("it is no baseline JPEG")
            found = int.from_bytes(segment[3:5], "big"), int.from_bytes(segment[1:3], "big")
        elif marker == _SCAN:
            scans += 1
            if found is None:
                raise NotPlainJpeg("its picture begins before its frame")
            if scans > _MAX_SCANS:
                raise NotPlainJpeg(f"it has more than {_MAX_SCANS} scans")
        elif marker == _JFIF:
            headers += 1
            if headers > 1 or len(segment) != _JFIF_BYTES:
                raise NotPlainJpeg("it has another JFIF header than a station writes")
        elif marker not in _TABLES:
            raise NotPlainJpeg(f"it has a segment FF{marker:02X}, which is no part of a picture")
    if found is None or not scans:
        raise NotPlainJpeg("it has no picture")
    return found


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield marker and content of each segment up to the end of the picture, which is the end of the bytes."""
    if data[:2] != bytes((0xFF, _START)):
        raise NotPlainJpeg("it does not begin as a JPEG")
    at = 2
    while True:
        if data[at : at + 1] != b"\xff" or at + 2 > len(data):
            raise NotPlainJpeg("it breaks off, or has bytes between its segments")
        marker = data[at + 1]
        if marker == _END:
            if at + 2 != len(data):
                raise NotPlainJpeg("it has bytes behind its end")
            return
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if length < 2 or at + 2 + length > len(data):
            raise NotPlainJpeg("a segment is longer than what is there")
        yield marker, data[at + 4 : at + 2 + length]
        at += 2 + length
        if marker == _SCAN:
            at = _after_scan(data, at)


def _after_scan(data: bytes, at: int) -> int:
    """Find where the coded picture that begins at ``at`` ends: at a marker that is neither stuffing nor a restart."""
    while (at := data.find(b"\xff", at)) >= 0 and at + 1 < len(data):
        if data[at + 1] != 0 and data[at + 1] not in _RESTARTS:
            return at
        at += 2
    raise NotPlainJpeg("its picture breaks off")
