"""Where the child's pictures come from, and what it needs of OpenCV."""

from __future__ import annotations

from typing import Any, Protocol

from kiosk.photo.arrays import BgrImage


class PictureSource(Protocol):
    """A way to get one picture; ``shoot`` raises CameraFault."""

    def shoot(self) -> BgrImage: ...

    def close(self) -> None: ...


class Capture(Protocol):
    """The part of ``cv2.VideoCapture`` that is used, under its own names."""

    def isOpened(self) -> bool: ...

    def set(self, prop: int, value: float, /) -> bool: ...

    def get(self, prop: int, /) -> float: ...

    def read(self) -> tuple[bool, Any]: ...

    def release(self) -> None: ...
