"""What a technician sets for parcels: the shelves, the days, the consent that arrivals rest on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from kiosk.domain.parcel import Consent

_LAYER = re.compile(r"([A-HJ-NP-TV-Z])-([1-9]):([1-9][0-9]?)")


@dataclass(frozen=True, slots=True)
class ParcelSettings:
    """``shelves`` lists layers as ``A-3:20``: shelf A, layer 3, slots 1 to 20.

    ``consent`` is the basis an arrival rests on when the clerk chooses no other. ``key_file`` holds the key of the
    pickup codes; left out, it is the credential ``pickup-key`` of the service, else ``pickup-key`` in the data folder.
    Raises ValueError with the field and what is allowed.
    """

    shelves: tuple[str, ...] = ("A-1:20", "A-2:20", "A-3:20", "B-1:20", "B-2:20")
    overdue_days: int = 3
    return_days: int = 7
    consent: Consent = Consent.CARRIER_ORDER_FLAG
    key_file: Path | None = None

    def __post_init__(self) -> None:
        if not self.shelves or len(self.slots) != len(set(self.slots)):
            raise ValueError("shelves must list each layer once, like A-3:20")
        if not 1 <= self.overdue_days < self.return_days <= 60:
            raise ValueError("overdue_days and return_days must be 1 to 60 and the second the larger")

    @property
    def slots(self) -> tuple[str, ...]:
        """Every slot in the order it is filled: ``A-1-01``, ``A-1-02`` and so on."""
        found: list[str] = []
        for text in self.shelves:
            layer = _LAYER.fullmatch(text)
            if layer is None:
                raise ValueError(f"shelves has {text!r}; a layer looks like A-3:20 (no I, O or U, up to 99 slots)")
            found += [f"{layer[1]}-{layer[2]}-{slot:02d}" for slot in range(1, int(layer[3]) + 1)]
        return tuple(found)
