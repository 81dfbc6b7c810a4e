"""The load on a simulated pan and what the indicator's display makes of it; seconds are passed in."""

from __future__ import annotations

import math
import re
from decimal import ROUND_HALF_UP, Decimal
from itertools import cycle

from kiosk.protocols.scales.shared.protocol import DisplayState
from kiosk.simulators.shared.faults import BadFaultWord

GRAMS_PER_UNIT = {
    "kg": Decimal(1000),
    "g": Decimal(1),
    "lb": Decimal("453.59237"),
    "oz": Decimal("28.349523125"),
    "t": Decimal(1_000_000),
}
_FEWER_DECIMALS = {"kg": 0, "g": 3, "lb": 0, "oz": 1, "t": -3}
_MAX_DECIMALS = 4
_MASS = re.compile(r"(-?[0-9]{1,6}(?:\.[0-9]{1,3})?) *(kg|g)")
_SWINGS = (0.0, 1.0, -0.6, 0.4, -1.0, 0.7, -0.3)


def grams(text: str) -> int:
    """Parse "2.480kg" or "640g" in grams; raises BadFaultWord for anything else or for parts of a gram."""
    match = _MASS.fullmatch(text.strip())
    value = Decimal(match[1]) * GRAMS_PER_UNIT[match[2]] if match else None
    if value is None or value != value.to_integral_value():
        raise BadFaultWord(f"{text!r} is not a mass in whole grams like 2.480kg or 640g")
    return int(value)


class SimulatedPan:
    """A load that settles after every change like a real platform: one damped swing, the same every time."""

    def __init__(self, unit: str, decimals: int, step_g: int, settle_s: float) -> None:
        if unit not in GRAMS_PER_UNIT or not 0 <= decimals <= _MAX_DECIMALS or step_g < 1 or settle_s < 0:
            raise ValueError(f"unit {unit!r}, {decimals} decimals, step {step_g} g, settling {settle_s} s: not a scale")
        self.overload = False
        self.unit, self._fewer = unit, 0
        self._decimals = decimals
        self._step_g = step_g
        self._settle_s = settle_s
        self._from_g = self._load_g = self._tare_g = self._jitter_g = self._zero_g = 0
        self._changed_at = -math.inf
        self._swings = cycle(_SWINGS)

    def put(self, load_g: int, now: float, settle: bool = True) -> None:
        """Put other goods on the pan from now on; ends an overload and a jitter."""
        self._from_g = self._on_pan(now)
        self._load_g = load_g
        self._changed_at = now if settle else -math.inf
        self._jitter_g = 0
        self.overload = False

    def jitter(self, max_g: int) -> None:
        """Swing the load by up to this much until goods are put or taken."""
        self._jitter_g = abs(max_g)

    def tare(self, tare_g: int) -> None:
        """Press the tare key with this much on the pan; 0 goes back to gross."""
        self._tare_g = tare_g

    def zero_now(self, now: float) -> None:
        """Press the zero key: what is on the pan is zero from now on, and the tare is gone."""
        self._zero_g, self._tare_g = self._on_pan(now), 0

    def tare_now(self, now: float) -> None:
        """Press the tare key with what is on the pan."""
        self._tare_g = self._on_pan(now) - self._zero_g

    def switch_unit(self, unit: str, fewer_decimals: int = 0) -> None:
        """Press the unit key; raises BadFaultWord."""
        if unit not in GRAMS_PER_UNIT:
            raise BadFaultWord(f"the indicator has no unit {unit!r}; it has: {', '.join(GRAMS_PER_UNIT)}")
        self.unit, self._fewer = unit, fewer_decimals

    def shown(self, now: float) -> DisplayState:
        swing = round(self._jitter_g * next(self._swings)) if self._jitter_g else 0
        stable = not self._jitter_g and now >= self._changed_at + self._settle_s
        net_g = self._on_pan(now) + swing - self._zero_g - self._tare_g
        tare = self._in_unit(self._tare_g) if self._tare_g else None
        return DisplayState(
            self._in_unit(net_g), self.unit, stable, net=tare is not None, overload=self.overload, tare=tare
        )

    def _on_pan(self, now: float) -> int:
        passed = now - self._changed_at
        if passed >= self._settle_s:
            return self._load_g
        part = passed / self._settle_s
        swing = (1 - part) ** 3 * math.cos(3 * math.pi * part)
        return self._load_g + round((self._from_g - self._load_g) * swing)

    def _in_unit(self, mass_g: int) -> Decimal:
        steps = (Decimal(mass_g) / self._step_g).to_integral_value(ROUND_HALF_UP)
        decimals = min(_MAX_DECIMALS, max(0, self._decimals - _FEWER_DECIMALS[self.unit] - self._fewer))
        return (steps * self._step_g / GRAMS_PER_UNIT[self.unit]).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
