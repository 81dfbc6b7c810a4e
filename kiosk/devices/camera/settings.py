"""What a technician sets for the camera; read by the station and handed to the child process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

FittedKind = Literal["v4l2", "rpicam", "picamera2", "file"]
CameraKind = Literal[FittedKind, "none"]
MIN_SIDE, MAX_SIDE = 160, 8192
# Kinds of the camera connector of the board: libcamera counts its cameras, from 0.
BY_NUMBER: frozenset[CameraKind] = frozenset({"rpicam", "picamera2"})


@dataclass(frozen=True, slots=True)
class CameraSettings:
    """``path`` is a device like /dev/v4l/by-id/... for v4l2, an image file or a directory of images for file, the
    number of the camera for rpicam and picamera2.

    ``width`` and ``height`` in pixels are requested of a camera, which must deliver them; an image file keeps its own
    size. ``mains_hz`` is the frequency that lamps flicker with. ``auto_shutter`` None means: on for a camera, off for a
    file, as no goods are laid in front of one. Raises ValueError with the field and what is allowed.
    """

    kind: CameraKind
    path: str
    width: int = 1920
    height: int = 1080
    mains_hz: int = 50
    auto_shutter: bool | None = None

    def __post_init__(self) -> None:
        if self.kind not in get_args(CameraKind):
            raise ValueError(f"camera kind {self.kind!r} must be one of {', '.join(get_args(CameraKind))}")
        if self.kind in BY_NUMBER and not (len(self.path) == 1 and self.path in "0123456789"):
            raise ValueError(f"camera path {self.path!r} must be the number of the camera: 0 when there is one")
        if self.kind != "none" and (not self.path or "\0" in self.path):
            raise ValueError(f"camera path {self.path!r} must name a device, an image file or a directory")
        for name, side in (("width", self.width), ("height", self.height)):
            if not MIN_SIDE <= side <= MAX_SIDE:
                raise ValueError(f"camera {name} {side} must be {MIN_SIDE} to {MAX_SIDE} pixels")
        if self.mains_hz not in (50, 60):
            raise ValueError(f"camera mains_hz {self.mains_hz} must be 50 or 60")

    @property
    def shoots_by_itself(self) -> bool:
        """Whether a shot of goods is taken without a tap once they lie still."""
        return self.kind not in ("file", "none") if self.auto_shutter is None else self.auto_shutter
