"""What every page of a printer has in common: its language, its head, and how its paper runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kiosk.protocols.printers.ports import Bitmap


def row_bytes(bitmap: Bitmap) -> int:
    return (bitmap.width_dots + 7) // 8


# Translation table for languages in which 0 is black; the padding becomes white by it.
INVERT = bytes(255 - value for value in range(256))


# Languages of printers that take bytes and answer in bytes, on any wire.
StreamLanguage = Literal["tspl", "zpl", "escpos", "cpcl"]
# `ipp` is spoken to a queue or an office printer: a page is a PWG raster, an answer an IPP message.
Language = Literal["tspl", "zpl", "escpos", "cpcl", "ipp"]
# Print heads come in these two pitches; the dpi figure is the trade's rounding of 203.2 and 304.8.
DOTS_PER_MM = {203: 8, 300: 12}
# Of 0 to 15. Darker blurs bars, lighter loses them; 8 is the middle of TSPL and leaves any other printer as it is.
USUAL_DENSITY, MAX_DENSITY = 8, 15
# Rows of an ESC/POS picture in one piece. Printers with a small buffer lose the end of higher ones.
BAND_ROWS, MAX_BAND_ROWS = 250, 255
_MM_PER_INCH = 25.4


@dataclass(frozen=True, slots=True)
class PrintHead:
    """The row of dots a page is drawn for. Raises ValueError for a pitch no page is drawn for, or a head of no dots."""

    dpi: int
    width_dots: int

    def __post_init__(self) -> None:
        if self.dpi not in DOTS_PER_MM:
            raise ValueError(f"nothing is drawn for {self.dpi} dpi: use {' or '.join(map(str, DOTS_PER_MM))}")
        if self.width_dots < 8:
            raise ValueError(f"a print head has 8 dots or more, not {self.width_dots}")

    @property
    def per_mm(self) -> int:
        """Dots in a millimeter, across and along the paper."""
        return DOTS_PER_MM[self.dpi]


@dataclass(frozen=True, slots=True)
class Wire:
    """What a printer takes on its wire, beyond its language.

    ``band_rows``: most rows of one ESC/POS picture. ``plain``: pictures as hex digits (CPCL) or run lengths (ZPL), for
    a printer that knows no deflated picture or a line that does not pass every byte.
    """

    band_rows: int = BAND_ROWS
    plain: bool = False


@dataclass(frozen=True, slots=True)
class PageSetup:
    """``gap_mm`` is between two labels, 0 on paper that has none; ``offset_mm`` shifts the page right and down.

    ``mark``: the labels are separated by black marks, ``gap_mm`` high, not by gaps. ``density`` is 0 to 15.
    """

    language: Language
    head: PrintHead
    speed_mm_s: int
    gap_mm: float
    offset_mm: tuple[float, float]
    mark: bool = False
    density: int = USUAL_DENSITY
    cutter: bool = False
    wire: Wire = Wire()

    @property
    def speed_ips(self) -> int:
        """Inches per second, the unit of the label languages."""
        return max(1, round(self.speed_mm_s / _MM_PER_INCH))

    @property
    def offset_dots(self) -> tuple[int, int]:
        right, down = self.offset_mm
        return round(right * self.head.per_mm), round(down * self.head.per_mm)
