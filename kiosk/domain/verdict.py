"""What a check of a shot says: accepted or to be taken again, with every reason at once."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Reason(StrEnum):
    """Why a shot is to be taken again; in brackets the unit of its value and limit.

    The value may lie above its limit or below it, as the word says.
    """

    UNREADABLE = "unreadable"  # The file is no picture that may be decoded (no value)
    FROZEN = "frozen"  # The camera repeats an old picture (no value)
    FACE = "face"  # A person is in the frame (faces)
    MAT = "mat"  # Too little of the mat is seen (corner markers)
    TILT = "tilt"  # The camera sees the mat at an angle (degrees)
    BLUR = "blur"  # The edges of the markers are soft (pixels from 10 to 90 % of the rise)
    MOTION = "motion"  # Something moved between two frames (grey levels)
    BANDING = "banding"  # The lamp flickers in stripes (percent of the brightness)
    DARK = "dark"  # Too little light (grey level of the darker-grey patch, or percent of the goods without detail)
    BRIGHT = "bright"  # Too much light (grey level of the lighter-grey patch, or percent of the goods without detail)
    GLARE = "glare"  # A lamp is mirrored in the goods (percent of the goods)
    CAST = "cast"  # The colors cannot be set right from the patches (CIE 1976 color difference)
    HAND = "hand"  # Something reaches in from the edge of the mat (percent of the interior)
    FRAMING = "framing"  # The goods lie too near to the edge (millimetres), or cover too much (percent of the interior)
    EMPTY = "empty"  # Nothing is on the mat (percent of the interior)
    SMALL = "small"  # Too little is on the mat (percent of the interior)


# No clerk decides against these: a person may be seen, or there is no picture that could be kept.
NEVER_OVERRULED: Final = frozenset(
    {Reason.UNREADABLE, Reason.FROZEN, Reason.FACE, Reason.MAT, Reason.EMPTY, Reason.HAND}
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One reason with what was measured and its limit, both in thousandths of the reason's unit."""

    reason: Reason
    value: int
    limit: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """Accepted when there is nothing to say against the shot."""

    findings: tuple[Finding, ...] = ()  # What a person must do first comes first

    @property
    def accepted(self) -> bool:
        return not self.findings

    @property
    def may_be_overruled(self) -> bool:
        """Whether a clerk may keep the shot against its reasons."""
        return bool(self.findings) and not any(finding.reason in NEVER_OVERRULED for finding in self.findings)


@dataclass(frozen=True, slots=True)
class Measures:
    """What the mat measured of an accepted shot.

    The lengths are of the smallest rectangle around the goods, on the plane of the mat: high goods appear larger.
    """

    coverage_bp: int  # Of the interior of the mat that the goods cover
    length_mm: int
    width_mm: int
    pieces: int  # Separate areas, not fruits: a heap is one
    edge_rise_millipx: int
    tilt_millideg: int
    px_per_m: int  # Of the camera's own picture at the mat
