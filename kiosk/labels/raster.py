"""One page as the dots a print head burns."""

from __future__ import annotations

from dataclasses import dataclass, field

from PIL import Image


@dataclass(frozen=True, slots=True)
class Raster:
    """A one-bit picture: 1 = black, most significant bit leftmost, every row padded with 0 to whole bytes.

    ``warnings`` say what a reader will miss on the paper. Raises ValueError when ``rows`` has not exactly the bytes of
    the size.
    """

    width_dots: int
    height_dots: int
    rows: bytes = field(repr=False)
    warnings: tuple[str, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        if min(self.width_dots, self.height_dots) < 1:
            raise ValueError(f"a page needs at least one dot, not {self.width_dots} x {self.height_dots}")
        due = (self.width_dots + 7) // 8 * self.height_dots
        if len(self.rows) != due:
            raise ValueError(f"{self.width_dots} x {self.height_dots} dots need {due} bytes, not {len(self.rows)}")

    @classmethod
    def from_ink(cls, ink: Image.Image, warnings: tuple[str, ...] = ()) -> Raster:
        """Take a mode "1" picture in which 1 (white to Pillow) means ink: pages are drawn that way."""
        return cls(*ink.size, ink.tobytes(), warnings)

    def to_image(self) -> Image.Image:
        return Image.frombytes("1", (self.width_dots, self.height_dots), self.rows, "raw", "1;I")
