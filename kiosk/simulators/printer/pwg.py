"""PWG raster read back as pages. Written from PWG 5102.4, not from the encoder."""

from __future__ import annotations

import struct

from PIL import Image

_SYNC, _HEADER = b"RaS2", 1796
_MAX_DOTS = 40_000_000
_SGRAY = 18


class BadRaster(ValueError):
    """The text names what no printer would have understood."""


def pages(document: bytes) -> list[Image.Image]:
    """Every sheet, mode "1", dark on white. Raises BadRaster."""
    if not document.startswith(_SYNC):
        raise BadRaster("no sync word")
    at, found = len(_SYNC), []
    while at < len(document):
        header = document[at : at + _HEADER]
        if len(header) < _HEADER or not header.startswith(b"PwgRaster\0"):
            raise BadRaster("a broken page header")
        picture, at = _page(document, at + _HEADER, header)
        found.append(picture)
    if not found or _figure(document[len(_SYNC) :], 452) not in (0, len(found)):
        raise BadRaster("not as many pages as the header says")
    return found


def _figure(header: bytes, offset: int) -> int:
    return int(struct.unpack_from(">I", header, offset)[0])


def _page(document: bytes, at: int, header: bytes) -> tuple[Image.Image, int]:
    width, height = _figure(header, 372), _figure(header, 376)
    kind = (
        _figure(header, 384),
        _figure(header, 388),
        _figure(header, 392),
        _figure(header, 400),
        _figure(header, 420),
    )
    if kind != (8, 8, width, _SGRAY, 1) or not 0 < width * height <= _MAX_DOTS:
        raise BadRaster(f"a kind of picture that not every printer takes: {kind}")
    lines: list[bytes] = []
    while len(lines) < height:
        repeats, at = _byte(document, at) + 1, at + 1
        line, at = _line(document, at, width)
        lines += [line] * repeats
    if len(lines) != height:
        raise BadRaster("more lines than the page is high")
    return Image.frombytes("L", (width, height), b"".join(lines)).point(lambda gray: 255 * (gray > 127)).convert(
        "1"
    ), at


def _byte(document: bytes, at: int) -> int:
    if at >= len(document):
        raise BadRaster("cut off in a line")
    return document[at]


def _line(document: bytes, at: int, width: int) -> tuple[bytes, int]:
    """Up to 127: the next dot so many times and one more; from 129: 257 less it dots as they are."""
    line = b""
    while len(line) < width:
        length, at = _byte(document, at), at + 1
        if length < 128:
            line += bytes((_byte(document, at),)) * (length + 1)
            at += 1
        elif length > 128:
            line += document[at : at + 257 - length]
            at += 257 - length
        else:
            raise BadRaster("a run of no length")
    if len(line) != width:
        raise BadRaster("a run beyond the line")
    return line, at
