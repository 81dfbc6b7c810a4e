"""What a page encoder needs of a picture."""

from __future__ import annotations

from typing import Protocol


class Bitmap(Protocol):
    """A one-bit picture: 1 = black, most significant bit leftmost, every row padded with 0 to whole bytes."""

    @property
    def width_dots(self) -> int: ...

    @property
    def height_dots(self) -> int: ...

    @property
    def rows(self) -> bytes: ...


def row_bytes(bitmap: Bitmap) -> int:
    """Bytes in one row."""
    return (bitmap.width_dots + 7) // 8


INVERT = bytes(255 - value for value in range(256))
"""Translation table for languages in which 0 is black; the padding becomes white by it."""
