"""What the GS1 symbol of a bag says, and the bag that such a symbol is on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

from kiosk.protocols.barcodes.gs1.elements import Elements
from kiosk.protocols.barcodes.gs1.keys import VARIABLE_MEASURE, BadKey, CompanyPrefix

_MOST_GRAMS: Final = 999_999
"""Six digits of (3103)."""


@dataclass(frozen=True, slots=True)
class Bag:
    """``lot`` and ``serial`` are the bodies of the codes of lot and bag; ``packed`` is None while no clock is set."""

    net_g: int
    packed: date | None
    lot: str
    serial: str


def bag_elements(company: CompanyPrefix, item: int, bag: Bag) -> Elements:
    """GTIN of variable measure, net weight, packing date, lot and serial, for a symbol or a link. Raises BadKey."""
    if not 0 < bag.net_g <= _MOST_GRAMS:
        raise BadKey(f"{bag.net_g} g is no net weight that (3103) can say")
    packed = (("13", bag.packed.strftime("%y%m%d")),) if bag.packed else ()
    weighed = (("01", company.gtin(item, VARIABLE_MEASURE)), ("3103", f"{bag.net_g:06d}"))
    return (*weighed, *packed, ("10", bag.lot), ("21", bag.serial))


def own_serial(company: CompanyPrefix, elements: Elements) -> str | None:
    """The serial of a bag whose GTIN is this company's; None for all others."""
    said = dict(elements)
    is_own = said.get("01", "")[1:].startswith(company.digits)
    return said.get("21") if is_own else None
