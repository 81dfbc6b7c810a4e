"""What must and what must not stand beside an application identifier (General Specifications 4.13).

What must is asked of all that is marked on one physical item, which may be more than one symbol: a scanner's single
reading is not judged by it. What must not is wrong in one symbol already.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kiosk.protocols.barcodes.gs1.elements import BadElementString, Elements
from kiosk.protocols.barcodes.gs1.table import TABLE, matches

SIGNATURE = "8030"
# A digital signature is for one item: these keys stand for a class of items when they have no more than this.
LENGTH_WITHOUT_SERIAL: Mapping[str, int] = {"253": 13, "255": 13, "8003": 14}


def check_pairs(elements: Elements) -> None:
    """Invalid pairs: raises BadElementString ``forbidden_ai`` for the first identifier that one is beside."""
    present = {identifier for identifier, _ in elements}
    for identifier, _ in elements:
        _check_forbidden(identifier, present)


def check_associations(elements: Elements) -> None:
    """Mandatory associations: raises BadElementString ``missing_ai`` for the first identifier that lacks one."""
    present = {identifier for identifier, _ in elements}
    for identifier, _ in elements:
        _check_missing(identifier, present)
    if SIGNATURE in present:
        _check_serial(elements)


def _check_forbidden(identifier: str, present: Iterable[str]) -> None:
    others = sorted(set(present) - {identifier})
    for pattern in TABLE[identifier].not_with:
        met = next((other for other in others if matches(pattern, other)), None)
        if met is not None:
            raise BadElementString("forbidden_ai", f"({identifier}) must not stand with ({met})", identifier)


def _check_missing(identifier: str, present: Iterable[str]) -> None:
    needs = TABLE[identifier].needs
    if not needs or any(all(_is_met(pattern, present) for pattern in alternative) for alternative in needs):
        return
    needed = " or ".join("+".join(alternative) for alternative in needs)
    raise BadElementString("missing_ai", f"({identifier}) needs {needed} beside it", identifier)


def _is_met(pattern: str, present: Iterable[str]) -> bool:
    return any(matches(pattern, other) for other in present)


def _check_serial(elements: Elements) -> None:
    for identifier, value in elements:
        if len(value) <= LENGTH_WITHOUT_SERIAL.get(identifier, 0):
            message = f"({SIGNATURE}) signs one item: ({identifier}) needs its serial part"
            raise BadElementString("missing_ai", message, identifier)
