"""Bars and squares in whole dots; nothing is scaled or smoothed afterwards."""

from __future__ import annotations

from PIL import Image

from kiosk.protocols.barcodes import linear, matrix


class SymbolTooWide(ValueError):
    """The text names the code, the dots it needs and the dots there are."""


def code128(text: str, size: tuple[int, int], module_dots: int) -> Image.Image:
    """Return an ink picture (1 = ink) of ``size`` dots with the bars centered and full height.

    Raises SymbolTooWide when the bars with ten modules of quiet zone on both sides do not fit, and NotEncodable.
    """
    modules = linear.code128_modules(text)
    needed = (len(modules) + 2 * linear.QUIET_ZONE_MODULES) * module_dots
    if needed > size[0]:
        raise SymbolTooWide(f"the code {text!r} needs {needed} dots across, the label has {size[0]}")
    start = (size[0] - len(modules) * module_dots) // 2
    ink = Image.new("1", size, 0)
    for index, module in enumerate(modules):
        if module == "1":
            left = start + index * module_dots
            ink.paste(1, (left, 0, left + module_dots, size[1]))
    return ink


def qr(text: str, module_dots: int) -> Image.Image:
    """Return an ink picture of the QR code with its quiet zone of four modules on every side."""
    rows = matrix.qr_modules(text)
    side = len(rows) + 2 * matrix.QUIET_ZONE_MODULES
    ink = Image.new("1", (side, side), 0)
    for y, row in enumerate(rows, matrix.QUIET_ZONE_MODULES):
        for x, dark in enumerate(row, matrix.QUIET_ZONE_MODULES):
            ink.putpixel((x, y), int(dark))
    return ink.resize((side * module_dots, side * module_dots), Image.Resampling.NEAREST)
