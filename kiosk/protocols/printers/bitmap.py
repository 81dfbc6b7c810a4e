"""Rows of a picture as bytes, the same in every language."""

from __future__ import annotations

from kiosk.protocols.printers.ports import Bitmap


def row_bytes(bitmap: Bitmap) -> int:
    """Bytes in one row."""
    return (bitmap.width_dots + 7) // 8


# Translation table for languages in which 0 is black; the padding becomes white by it.
INVERT = bytes(255 - value for value in range(256))
