"""Lines of text in boxes of dots: measured, wrapped, shrunk, shortened, drawn without gray."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from math import ceil
from unicodedata import combining

from PIL import Image, ImageDraw

from kiosk.labels.typesetting import fonts
from kiosk.labels.typesetting.fonts import Script
from kiosk.labels.typesetting.shaping import ELLIPSIS, FSI, LRI, PDI, Run, itemize

# In em. Uyghur vowel signs reach 0.95 above, letters such as ۇ and ي 0.3 below the line in the faces used.
_LINE_HEIGHT, _BASELINE = 1.3, 0.98

_TIGHT_HEIGHT, _TIGHT_BASELINE = 1.14, 0.88  # For figures, units and codes in Latin letters, which need less

_MIN_SHRINK = 0.75  # Down to this part of the wanted size a text is made smaller before it is broken into lines

_HAN_MEASURE = 20  # Dots of em at which Chinese is measured; a size that is drawn often as well

_WORDS = re.compile(r" |[^ ]+")
_IDEOGRAPHS = "\u4e00", "\u9fff"

_MAX_CACHED_SIZE = 48  # Dots of em up to which ink is kept: that of a short word is then at most about 50 KB

# A text at another size is at least this part as wide as its size says: hints round every sign to whole dots.
_MIN_WIDTH_RATIO = 0.92

_BREAKABLE = re.compile(rf"[{LRI}{FSI}][^{PDI}]*{PDI}\s*|[\u2e80-\u9fff]\s*|[^\s{LRI}{FSI}\u2e80-\u9fff]+\s*|\s+")


class Align(StrEnum):
    """The position of a line in its box; physical sides of the paper, not reading directions."""

    LEFT = "left"
    CENTER = "center"
    RIGHT = "right"


@dataclass(frozen=True, slots=True)
class Style:
    """Em size in dots, weight, and whether the lines hold nothing but figures and Latin letters."""

    size: int
    bold: bool = False
    tight: bool = False

    @property
    def line_height(self) -> int:
        return ceil(self.size * (_TIGHT_HEIGHT if self.tight else _LINE_HEIGHT))

    @property
    def baseline(self) -> int:
        """Dots from the top of a line down to its baseline."""
        return round(self.size * (_TIGHT_BASELINE if self.tight else _BASELINE))


@dataclass(frozen=True, slots=True)
class Block:
    """Lines that are known to fit their box (or were shortened to)."""

    lines: tuple[str, ...]
    style: Style
    rtl: bool

    @property
    def height(self) -> int:
        return len(self.lines) * self.style.line_height


def styles(largest: int, smallest: int, bold: bool = False, tight: bool = False) -> tuple[Style, ...]:
    """Return every size from the largest to the smallest, in dots."""
    return tuple(Style(size, bold, tight) for size in range(largest, smallest - 1, -1))


@lru_cache(maxsize=512)
def _advance(run: Run, style: Style) -> float:
    parts = _parts(run)
    if len(parts) == 1:
        return _measure(run, style)
    return sum(_part_advance(part, style) for part in parts)


@lru_cache(maxsize=1024)
def _part_advance(part: Run, style: Style) -> float:
    return _measure(part, style)


def _measure(run: Run, style: Style) -> float:
    """Measure a run: Chinese signs are one em wide; others of that face are measured at one size, to open few."""
    if len(run.text) == 1 and run.script is Script.HAN and _IDEOGRAPHS[0] <= run.text <= _IDEOGRAPHS[1]:
        return style.size
    size = _HAN_MEASURE if run.script is Script.HAN else style.size
    font = fonts.load(run.script, style.bold, size)
    return font.getlength(run.text, direction="rtl" if run.rtl else "ltr") * style.size / size


def _parts(run: Run) -> tuple[Run, ...]:
    """Split a run into what is drawn by itself, from the left edge of the paper to the right.

    Names and figures rarely repeat, but their signs and words do, and a hinted face needs 0.3 ms to draw a sign again.
    Uyghur letters join up to the next space; others are put side by side, without kerning, unless a mark goes on one.
    """
    if run.rtl and run.script is Script.ARABIC:
        words = _WORDS.findall(run.text)
        return tuple(Run(word, run.script, run.rtl) for word in reversed(words)) or (run,)
    if run.rtl or run.script is Script.ARABIC or (not run.text.isascii() and any(map(combining, run.text))):
        return (run,)
    return tuple(Run(sign, run.script, run.rtl) for sign in run.text) or (run,)


@lru_cache(maxsize=512)
def _runs(line: str, rtl: bool) -> tuple[Run, ...]:
    return itemize(line, rtl)


def width(line: str, style: Style, rtl: bool) -> int:
    """Return the dots the line takes, rounded up."""
    return ceil(sum(_advance(run, style) for run in _runs(line.rstrip(), rtl)))


def fit(text: str, box: tuple[int, int], choices: tuple[Style, ...], rtl: bool, max_lines: int = 1) -> Block:
    """Return ``text`` in one of the styles so that it fits ``box`` (width, height in dots) on ``max_lines`` lines.

    ``choices`` go from the largest to the smallest. A text is made a little smaller rather than broken, broken
    rather than made much smaller, and shortened with an ellipsis only as a last resort.
    """
    readable = tuple(style for style in choices if style.size >= choices[0].size * _MIN_SHRINK)
    for lines in range(1, max_lines + 1):
        block = _first_fit(text, box, readable, rtl, lines)
        if block is not None:
            return block
    block = _first_fit(text, box, choices[len(readable) :], rtl, max_lines)
    if block is not None:
        return block
    smallest = choices[-1]
    room = max(1, min(max_lines, box[1] // smallest.line_height))
    return Block(_shorten(_wrap(text, box[0], smallest, rtl), room, box[0], smallest, rtl), smallest, rtl)


def _first_fit(text: str, box: tuple[int, int], choices: tuple[Style, ...], rtl: bool, max_lines: int) -> Block | None:
    min_width_per_em = width(text, choices[0], rtl) / choices[0].size / max_lines * _MIN_WIDTH_RATIO if choices else 0.0
    for style in choices:
        room = min(max_lines, box[1] // style.line_height)
        if room < 1 or min_width_per_em * style.size > box[0]:
            continue
        lines = _wrap(text, box[0], style, rtl) if max_lines > 1 else (text.rstrip(),)
        if len(lines) <= room and all(width(line, style, rtl) <= box[0] for line in lines):
            return Block(lines, style, rtl)
    return None


def _wrap(text: str, limit: int, style: Style, rtl: bool) -> tuple[str, ...]:
    lines = [""]
    for word in _BREAKABLE.findall(text):
        if lines[-1] and width(lines[-1] + word, style, rtl) > limit:
            lines.append(word)
        else:
            lines[-1] += word
    return tuple(line.rstrip() for line in lines)


def _shorten(lines: tuple[str, ...], room: int, limit: int, style: Style, rtl: bool) -> tuple[str, ...]:
    shortened = [line if width(line, style, rtl) <= limit else _cut(line, limit, style, rtl) for line in lines[:room]]
    if len(lines) > room and not shortened[-1].rstrip(PDI).endswith(ELLIPSIS):
        shortened[-1] = _cut(shortened[-1] + " " + lines[room], limit, style, rtl)
    return tuple(shortened)


def _cut(line: str, limit: int, style: Style, rtl: bool) -> str:
    """Return the longest beginning of the line that leaves room for an ellipsis, placed within the name it cuts."""
    low, high = 0, len(line)
    while low < high:
        middle = (low + high + 1) // 2
        if width(_beginning(line, middle), style, rtl) <= limit:
            low = middle
        else:
            high = middle - 1
    return _beginning(line, low)


def _beginning(line: str, count: int) -> str:
    prefix = line[:count].rstrip()
    still_open = prefix.count(LRI) + prefix.count(FSI) - prefix.count(PDI)
    return prefix + ELLIPSIS + PDI * still_open


def draw(block: Block, size: tuple[int, int], align: Align) -> Image.Image:
    """Draw a picture (mode "1", 1 = ink) of ``size`` dots with the block centered from top to bottom.

    Nothing can reach outside it: a pile of combining marks is clipped, not printed over the neighbor.
    """
    ink = Image.new("1", size, 0)
    top = max(0, (size[1] - block.height) // 2)
    for line in block.lines:
        spare = size[0] - width(line, block.style, block.rtl)
        left = {Align.LEFT: 0, Align.CENTER: spare // 2, Align.RIGHT: spare}[align]
        _draw_line(ink, (left, top + block.style.baseline), line, block)
        top += block.style.line_height
    return ink


def _draw_line(ink: Image.Image, origin: tuple[int, int], line: str, block: Block) -> None:
    position = float(origin[0])
    for run in _runs(line, block.rtl):
        shape, left, top = _ink(run, block.style)
        ink.paste(1, (round(position) + left, origin[1] + top), shape)
        position += _advance(run, block.style)


def _ink(run: Run, style: Style) -> tuple[Image.Image, int, int]:
    """Return the ink of one run and its corner relative to the pen: dots to the right, dots down.

    Most runs are fixed words and figures that the next paper repeats, and drawing letters takes the time. A huge run (a
    shelf code) differs on every paper and takes a byte a dot: it is not cached.
    """
    return _cached_shape(run, style) if style.size <= _MAX_CACHED_SIZE else _shape(run, style)


@lru_cache(maxsize=128)
def _cached_shape(run: Run, style: Style) -> tuple[Image.Image, int, int]:
    return _shape(run, style)


def _shape(run: Run, style: Style) -> tuple[Image.Image, int, int]:
    """Draw with an em of room around, for marks that reach far out; only the ink is kept."""
    baseline = 2 * style.size
    shape = Image.new("1", (ceil(_advance(run, style)) + 2 * style.size, 3 * style.size), 0)
    parts = _parts(run)
    if len(parts) > 1:
        position = float(style.size)
        for part in parts:
            if part.text != " ":
                ink, left, top = _part(part, style)
                shape.paste(1, (round(position) + left, baseline + top), ink)
            position += _part_advance(part, style)
    else:
        font = fonts.load(run.script, style.bold, style.size)
        direction = "rtl" if run.rtl else "ltr"
        pen = ImageDraw.Draw(shape)
        pen.text((style.size, baseline), run.text, fill=1, font=font, anchor="ls", direction=direction)
    box = shape.getbbox() or (0, 0, 1, 1)
    return shape.crop(box), box[0] - style.size, box[1] - baseline


def _part(part: Run, style: Style) -> tuple[Image.Image, int, int]:
    return _cached_part(part, style) if style.size <= _MAX_CACHED_SIZE else _shape(part, style)


@lru_cache(maxsize=768)
def _cached_part(part: Run, style: Style) -> tuple[Image.Image, int, int]:
    return _shape(part, style)
