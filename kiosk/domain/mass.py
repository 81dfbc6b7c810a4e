"""Mass: integer grams, made exactly from the characters an indicator sent."""

from __future__ import annotations

from decimal import Decimal

# The only units of an intake. Market units such as the jin are forbidden in trade (SAMR Order 90, 2024-06-01).
GRAMS_PER = {"g": Decimal(1), "kg": Decimal(1000)}

# 200 t: no road weighbridge goes higher, and no village scale gets near; a greater weight of one load is no weight.
MAX_GROSS_G = 200_000_000


class UnitRefused(ValueError):
    """The indicator speaks another unit than kg or g."""

    def __init__(self, unit: str) -> None:
        super().__init__(f"the scale shows {unit}; only kg and g are taken: switch the unit on the scale")
        self.unit = unit


class NotWholeGrams(ValueError):
    """The weight is finer than a gram: the wrong decimals are set, or it is not a trade scale."""


def grams(weight: Decimal, unit: str) -> int:
    """Convert exactly; raises UnitRefused or NotWholeGrams, never rounds."""
    factor = GRAMS_PER.get(unit)
    if factor is None:
        raise UnitRefused(unit)
    value = weight * factor
    if value != value.to_integral_value():
        raise NotWholeGrams(f"{weight} {unit} is not a whole number of grams")
    return int(value)
