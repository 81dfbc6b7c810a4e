"""What must and what must not stand beside an application identifier (General Specifications 4.13).

What must is asked of all that is marked on one physical item, which may be more than one symbol: a scanner's single
reading is not judged by it. What must not is wrong in one symbol already.
"""

from __future__ import annotations

from collections.abc import Mapping

from kiosk.protocols.barcodes.gs1.elements import BadElementString, Elements
from kiosk.protocols.barcodes.gs1.table import TABLE, matches

SIGNATURE = "8030"
# A digital signature is for one item: these keys stand for a class of items when they have no more than this.
LENGTH_WITHOUT_SERIAL: Mapping[str, int] = {"253": 13, "255": 13, "8003": 14}


def check_pairs(elements: Elements) -> None:
    """Invalid pairs: raises BadElementString ``forbidden_ai`` for the first identifier that one is beside."""
    present = sorted({identifier for identifier, _ in elements})
    for identifier, _ in elements:
        for pattern in TABLE[identifier].not_with:
            met = next((other for other in present if other != identifier and matches(pattern, other)), None)
            if met is not None:
                raise BadElementString("forbidden_ai", f"({identifier}) must not stand with ({met})", identifier)


def check_associations(elements: Elements) -> None:
    """Mandatory associations: raises BadElementString ``missing_ai`` for the first identifier that lacks one."""
    present = {identifier for identifier, _ in elements}

    def is_met(pattern: str) -> bool:
        return any(matches(pattern, other) for other in present)

    for identifier, _ in elements:
        needs = TABLE[identifier].needs
        if needs and not any(all(map(is_met, alternative)) for alternative in needs):
            needed = " or ".join("+".join(alternative) for alternative in needs)
            raise BadElementString("missing_ai", f"({identifier}) needs {needed} beside it", identifier)
    for identifier, value in elements if SIGNATURE in present else ():
        if len(value) <= LENGTH_WITHOUT_SERIAL.get(identifier, 0):
            message = f"({SIGNATURE}) signs one item: ({identifier}) needs its serial part"
            raise BadElementString("missing_ai", message, identifier)
