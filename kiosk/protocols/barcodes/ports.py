"""What a reader of symbols needs of a picture."""

from __future__ import annotations

from typing import Protocol


class GrayPicture(Protocol):
    """The little of ``PIL.Image.Image`` that reading needs; Pillow itself stays out of this room."""

    @property
    def size(self) -> tuple[int, int]: ...

    def convert(self, mode: str, /) -> GrayPicture: ...

    def tobytes(self) -> bytes: ...
