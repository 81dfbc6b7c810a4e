"""Who finds faces in a frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from kiosk.photo.arrays import BgrImage


@dataclass(frozen=True, slots=True)
class DetectedFace:
    """An upright square in pixels of the frame."""

    left: float
    top: float
    side: float
    profile: bool  # Turned to one side: less certain


class FaceDetector(Protocol):
    """Finds the faces of a frame of any size."""

    def find(self, frame: BgrImage) -> Sequence[DetectedFace]: ...
