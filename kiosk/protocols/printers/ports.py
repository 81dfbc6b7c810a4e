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
