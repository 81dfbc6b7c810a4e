"""QR codes and Data Matrix symbols as rows of modules."""

from __future__ import annotations

from math import isqrt

QUIET_ZONE_MODULES = 4
"""Light modules on every side (ISO/IEC 18004, clause 9.1)."""


def qr_modules(text: str) -> tuple[tuple[bool, ...], ...]:
    """Return the QR code of ``text``, row by row, True for dark, without quiet zone, at the library's own level.

    Raises ValueError for an empty text or one too long for any QR code.
    """
    if not text:
        raise ValueError("a QR code needs at least one character")
    import zxingcpp  # 3 MB of native code: loaded when the first symbol is drawn

    symbol = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode)
    gray = memoryview(symbol.to_image(scale=1, add_quiet_zones=False)).tobytes()
    side = isqrt(len(gray))
    return tuple(tuple(dot == 0 for dot in gray[start : start + side]) for start in range(0, side * side, side))


def gs1_datamatrix_modules(bracketed: str) -> tuple[tuple[bool, ...], ...]:
    """Return the GS1 DataMatrix of ``(01)...(10)...``, row by row, True for dark, without its quiet zone of one module.

    Raises ValueError for what is no element string.
    """
    import zxingcpp

    symbol = zxingcpp.create_barcode(bracketed, zxingcpp.BarcodeFormat.DataMatrix, gs1=True)
    picture = memoryview(symbol.to_image(scale=1, add_quiet_zones=False))
    _, width = picture.shape or (0, 1)
    gray = picture.tobytes()
    return tuple(tuple(dot == 0 for dot in gray[start : start + width]) for start in range(0, len(gray), width))
