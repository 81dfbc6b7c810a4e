"""Bars and squares in whole dots; nothing is scaled or smoothed afterwards."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from kiosk.protocols.barcodes import linear, matrix


class SymbolTooWide(ValueError):
    """The text names the code, the dots it needs and the dots there are."""


def code128(text: str, size: tuple[int, int], module_dots: int) -> Image.Image:
    """Draw a picture (1 = ink) of ``size`` dots with the bars centered and full height.

    Raises SymbolTooWide when the bars with ten modules of quiet zone on both sides do not fit, and NotEncodable.
    """
    modules = linear.code128_modules(text)
    needed = (len(modules) + 2 * linear.QUIET_ZONE_MODULES) * module_dots
    if needed > size[0]:
        raise SymbolTooWide(f"the code {text!r} needs {needed} dots across, the label has {size[0]}")
    return _bars(modules, size, module_dots)


def gs1_bars(kind: str, text: str, size: tuple[int, int], module_dots: tuple[int, int]) -> Image.Image:
    """Draw a GS1-128 of an SSCC (``kind`` "sscc", 18 digits) or an EAN-13 (thirteen digits), its modules as large as
    fit within the two of ``module_dots``. Raises as ``code128``, and BadElementString.
    """
    if kind == "sscc":
        modules, quiet = linear.gs1_128_modules(f"(00){text}"), 2 * linear.QUIET_ZONE_MODULES
    else:
        modules, quiet = linear.ean13_modules(text), 2 * max(linear.EAN13_QUIET_ZONE_MODULES)
    min_dots, max_dots = module_dots
    dots = min(max_dots, size[0] // (len(modules) + quiet))
    if dots < min_dots:
        raise SymbolTooWide(
            f"the code {text!r} needs {(len(modules) + quiet) * min_dots} dots across, the label has {size[0]}"
        )
    return _bars(modules, size, dots)


def _bars(modules: str, size: tuple[int, int], module_dots: int) -> Image.Image:
    bars = Image.new("1", (len(modules), 1), 0)
    bars.putdata([module == "1" for module in modules])
    drawn = bars.resize((len(modules) * module_dots, size[1]), Image.Resampling.NEAREST)
    ink = Image.new("1", size, 0)
    ink.paste(drawn, ((size[0] - drawn.width) // 2, 0))
    return ink


def qr(text: str, module_dots: int, level: str = "") -> Image.Image:
    """Draw the QR code (1 = ink) with its quiet zone of four modules on every side."""
    return _scaled(_framed(matrix.qr_modules(text, level), matrix.QUIET_ZONE_MODULES), module_dots)


def square(kind: str, text: str, side: int, min_dots: int, max_dots: int = 99) -> Image.Image:
    """Draw a picture (1 = ink) of ``side`` dots with a 2D symbol in its middle, its modules as large as fit.

    ``kind`` "gs1" is a GS1 DataMatrix of a bracketed element string, anything else a QR code. Raises SymbolTooWide when
    a module would have fewer than ``min_dots``, ValueError for a text the symbology cannot carry.
    """
    if kind == "gs1":
        symbol = _framed(matrix.gs1_datamatrix_modules(text), matrix.DATAMATRIX_QUIET_ZONE_MODULES)
    else:
        symbol = _framed(matrix.qr_modules(text), matrix.QUIET_ZONE_MODULES)
    module_dots = min(max_dots, side // max(symbol.size))
    if module_dots < min_dots:
        needed = max(symbol.size) * min_dots
        raise SymbolTooWide(f"the symbol of {len(text)} characters needs {needed} dots across, its place has {side}")
    drawn = _scaled(symbol, module_dots)
    ink = Image.new("1", (side, side), 0)
    ink.paste(drawn, ((side - drawn.width) // 2, (side - drawn.height) // 2))
    return ink


def _framed(rows: Sequence[Sequence[bool]], quiet: int) -> Image.Image:
    symbol = Image.new("1", (len(rows[0]), len(rows)), 0)
    symbol.putdata([dark for row in rows for dark in row])
    ink = Image.new("1", (symbol.width + 2 * quiet, symbol.height + 2 * quiet), 0)
    ink.paste(symbol, (quiet, quiet))
    return ink


def _scaled(symbol: Image.Image, module_dots: int) -> Image.Image:
    return symbol.resize((symbol.width * module_dots, symbol.height * module_dots), Image.Resampling.NEAREST)
