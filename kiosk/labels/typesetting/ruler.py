"""A drawing by which eyes judge a print head: does every dot burn, and is a millimeter a millimeter?"""

from __future__ import annotations

from PIL import Image

from kiosk.labels.typesetting import typeset
from kiosk.labels.typesetting.typeset import Align, Style

HEIGHT_MM = 9
_NUMBERS_MM, _FOOT_MM = 3, 6
_TICKS_MM = {10: 3.0, 5: 2.25, 1: 1.25}  # Height of the tick at every so many mm; the first that divides counts

_STEPS = 8


def ruler(width: int, per_mm: int) -> Image.Image:
    """Return ink (1 = ink), ``width`` dots by 9 mm: numbers, ticks one dot wide at each mm, and a staircase.

    In the staircase each dot of the head burns in one of eight steps, alone among white neighbors: a dead dot is a gap
    in it, a weak one a pale mark.
    """
    ink = Image.new("1", (width, HEIGHT_MM * per_mm), 0)
    for millimeter in range(width // per_mm):
        _tick(ink, millimeter, per_mm)
        if millimeter and millimeter % 10 == 0:
            _number(ink, millimeter, per_mm)
    _staircase(ink, (_FOOT_MM + 1) * per_mm, per_mm // 4)
    return ink


def _tick(ink: Image.Image, millimeter: int, per_mm: int) -> None:
    height = next(tick for step, tick in _TICKS_MM.items() if millimeter % step == 0)
    left, foot = millimeter * per_mm, _FOOT_MM * per_mm
    ink.paste(1, (left, foot - round(height * per_mm), left + 1, foot))


def _number(ink: Image.Image, millimeter: int, per_mm: int) -> None:
    room = (6 * per_mm, _NUMBERS_MM * per_mm)
    style = Style(round(2.4 * per_mm), bold=True, tight=True)
    block = typeset.fit(str(millimeter), room, (style,), rtl=False)
    ink.paste(1, ((millimeter - 3) * per_mm, 0), typeset.draw(block, room, Align.CENTER))


def _staircase(ink: Image.Image, top: int, step: int) -> None:
    for left in range(ink.width):
        start = top + left % _STEPS * step
        ink.paste(1, (left, start, left + 1, start + step))
