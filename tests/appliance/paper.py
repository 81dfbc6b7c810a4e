"""The code that stands on a station's paper, read from the picture of it: it is nowhere else."""

from __future__ import annotations

import io
import re
import struct
from pathlib import Path

from PIL import Image, ImageChops, ImageStat

from kiosk.cli.provision import paper
from kiosk.domain.paper_code import GROUP, PaperCode

_IMAGE = re.compile(
    rb"/Height (?P<height>[0-9]+)\n/Length [0-9]+\n/Subtype /Image\n/Type /XObject\n/Width (?P<width>[0-9]+)\n>>\n"
    rb"stream\n(?P<data>.*?)\nendstream",
    re.DOTALL,
)
_LINE, _HEIGHT_MM = 3, 18.0
"""The fourth line of `paper.lines_of`."""


def code_on(pdf: Path) -> PaperCode:
    """Digit by digit, by comparison with a code that has every digit."""
    known = PaperCode.generate(lambda _: 12345678901234)
    room = (paper.WIDTH_MM - 2 * paper._MARGIN_MM, _HEIGHT_MM)
    drawn = _glyphs(paper._line("  ".join(known.groups), False, room))
    patterns = dict(zip(known.digits, drawn, strict=True))
    found = _glyphs(_pictures(pdf.read_bytes())[_LINE])
    assert len(found) == 4 * GROUP
    return PaperCode("".join(min(patterns, key=lambda digit: _distance(patterns[digit], glyph)) for glyph in found))


def _pictures(pdf: bytes) -> list[Image.Image]:
    """CCITT group 4, as the page has them: each becomes a TIFF."""
    return [_picture(int(match["width"]), int(match["height"]), match["data"]) for match in _IMAGE.finditer(pdf)]


def _picture(width: int, height: int, data: bytes) -> Image.Image:
    begins = 8 + 2 + 9 * 12 + 4
    rows = {256: width, 257: height, 258: 1, 259: 4, 262: 1, 273: begins, 277: 1, 278: height, 279: len(data)}
    head = struct.pack("<2sHIH", b"II", 42, 8, len(rows))
    head += b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in rows.items()) + bytes(4)
    return Image.open(io.BytesIO(head + data)).convert("1")


def _glyphs(line: Image.Image) -> list[Image.Image]:
    """What stands between two columns without ink, cut to its ink."""
    ink = line.convert("L").point(lambda value: 255 - value)
    columns = ink.resize((ink.width, 1), Image.Resampling.BOX).tobytes()
    ends = [at for at in range(1, len(columns)) if bool(columns[at]) != bool(columns[at - 1])]
    cut = [ink.crop((left, 0, right, ink.height)) for left, right in zip(ends[::2], ends[1::2], strict=True)]
    return [glyph.crop(glyph.getbbox()) for glyph in cut]


def _distance(one: Image.Image, other: Image.Image) -> float:
    size = (24, 40)
    return ImageStat.Stat(ImageChops.difference(one.resize(size), other.resize(size))).mean[0]
