"""What the lens of one camera does to straight lines, how well that was measured, and why it cannot be."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

STRONGEST: Final = 1.0
"""Of k1 and k2: a lens beyond that sees round corners, and the fit is wrong."""
FOCAL_RANGE: Final = (0.3, 5.0)
"""Shares of the longer side: from 118 degrees across to a telescope."""


class LensRefusal(StrEnum):
    """Why a shot does not count, or why a lens is not calibrated."""

    MAT = "mat"
    """Fewer than three markers are seen."""
    MOVING = "moving"
    """The mat or the camera moved during the burst."""
    ALIKE = "alike"
    """The mat lies as in a shot before; or all shots together leave the focal length open."""
    SIZE = "size"
    """The frames are not of one size."""
    FEW = "few"
    """Too few shots for a fit."""
    COVERAGE = "coverage"
    """The corners of all shots leave too much of the frame untold."""
    BENT = "bent"
    """The corners do not fit together: the sheet was not flat."""
    STRAIGHT = "straight"
    """With the fit, shots come out no better than without: there is nothing to take out."""


class LensRefused(Exception):
    """No shot, or no fit."""

    def __init__(self, refusal: LensRefusal) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class LensFit:
    """Radial distortion as OpenCV has it, of frames of ``width`` x ``height`` pixels; raises ValueError.

    ``focal`` is a share of the longer side. ``error_px`` says how far corners of the mat lie from where a flat sheet
    has them (root mean square), each in a shot that the fit was made without; ``plain_error_px`` the same with no
    lens taken out. ``coverage`` is the share of the frame that lies between the corners of all shots.
    """

    k1: float
    k2: float
    focal: float
    width: int
    height: int
    error_px: float
    plain_error_px: float
    coverage: float

    def __post_init__(self) -> None:
        numbers = (self.k1, self.k2, self.focal, self.error_px, self.plain_error_px, self.coverage)
        if not all(math.isfinite(number) for number in numbers):
            raise ValueError("a lens with a number that is none")
        if max(abs(self.k1), abs(self.k2)) > STRONGEST or not FOCAL_RANGE[0] <= self.focal <= FOCAL_RANGE[1]:
            raise ValueError(f"no lens has k1 {self.k1:g}, k2 {self.k2:g} and focal length {self.focal:g}")
        if min(self.width, self.height) < 1 or not 0 <= self.coverage <= 1:
            raise ValueError(f"no lens was measured in {self.width} x {self.height} pixels, {self.coverage:g} of them")
        if not 0 <= self.error_px < self.plain_error_px:
            raise ValueError(f"a lens that leaves {self.error_px:g} pixels of {self.plain_error_px:g} is no gain")
