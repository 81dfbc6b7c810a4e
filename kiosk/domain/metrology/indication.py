"""One reading as the rules see it: grams or a reason, and what the indicator itself said."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from kiosk.domain.mass import GRAMS_PER, NotWholeGrams, grams


class UnusableReason(StrEnum):
    """Why a frame gives no weight that may be shown or booked."""

    OVERLOAD = "overload"
    UNDERLOAD = "underload"
    UNIT = "unit"
    NET_ON_SCALE = "net_on_scale"  # The indicator's tare key is in use: its net would be tared a second time
    # Not a multiple of d: wrong decimals, another scale, or a damaged frame that passed its check.
    OFF_STEP = "off_step"
    NO_WEIGHT = "no_weight"


@dataclass(frozen=True, slots=True)
class ScaleProfile:
    """A scale as verified (OIML R 76-1:2006, 3.2 and 3.3; class III): e = d in grams, Max in grams, Min = 20 e.

    ``unit`` is the unit the indicator is set to, kg or g; a frame that names another is refused. Nothing is booked
    below Min (3.9, T.3.1), and nothing is shown above Max + 9 e.
    """

    e_g: int
    max_g: int
    unit: str = "kg"
    min_readings: int = 4
    min_span_s: float = 0.5

    def __post_init__(self) -> None:
        if str(self.e_g).rstrip("0") not in ("1", "2", "5") or self.max_g < 100 * self.e_g:
            # OIML R 76-1:2006, 4.2.2.1: 1, 2 or 5 times a power of ten; Table 3: at least 100 e in class III.
            raise ValueError("e_g must be 1, 2 or 5 times a power of ten, and max_g at least 100 times as much")
        if self.unit not in GRAMS_PER:
            raise ValueError(f"the unit must be one of {', '.join(GRAMS_PER)}")

    @property
    def is_class_iii(self) -> bool:
        """Whether Max/e is within Table 3 of class III: 100 (e up to 2 g) or 500 (e from 5 g) to 10,000 intervals."""
        return (100 if self.e_g < 5 else 500) * self.e_g <= self.max_g <= 10_000 * self.e_g

    @property
    def min_g(self) -> int:
        """Min in grams: 20 e for class III (OIML R 76-1:2006, Table 3)."""
        return 20 * self.e_g

    @property
    def limit_g(self) -> int:
        """Above Max + 9 e nothing is indicated (OIML R 76-1:2006, 4.2.3)."""
        return self.max_g + 9 * self.e_g


@dataclass(frozen=True, slots=True)
class Indication:
    """Exactly one of ``grams`` and ``unusable`` is None. ``stable`` is the indicator's own word, None if unsaid."""

    grams: int | None
    unusable: UnusableReason | None
    stable: bool | None


def indicate(
    profile: ScaleProfile,
    *,
    weight: Decimal | None,
    unit: str | None,
    stable: bool | None,
    net: bool | None,
    overload: bool | None,
    underload: bool | None,
    suspect: bool | None = None,
) -> Indication:
    """Apply the rules that need one frame alone. Nothing is rounded or guessed.

    ``suspect``: a converter reports this value when its reading is faulty.
    """
    if overload:
        return Indication(None, UnusableReason.OVERLOAD, stable)
    if underload:
        return Indication(None, UnusableReason.UNDERLOAD, stable)
    if weight is None or suspect:
        return Indication(None, UnusableReason.NO_WEIGHT, stable)
    if net:
        return Indication(None, UnusableReason.NET_ON_SCALE, stable)
    if unit is not None and unit != profile.unit:
        # Also grams where kilograms are set: a lost "k" on the line would make 12 kg of 12 g.
        return Indication(None, UnusableReason.UNIT, stable)
    try:
        value = grams(weight, profile.unit)
    except NotWholeGrams:
        return Indication(None, UnusableReason.OFF_STEP, stable)
    if value % profile.e_g:
        return Indication(None, UnusableReason.OFF_STEP, stable)
    if value > profile.limit_g:
        return Indication(None, UnusableReason.OVERLOAD, stable)
    return Indication(value, None, stable)
