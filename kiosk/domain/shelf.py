"""Shelf slots: ``A-3-17`` is shelf A, layer 3, slot 17; on the shelf's label it is an internal code of type H."""

from __future__ import annotations

import re

from kiosk.domain.identifiers import SERIES_LETTERS, BadIdentifier, InternalCode, internal_code

_SLOT = re.compile(rf"([{SERIES_LETTERS}])-([1-9])-([0-9]{{2}})")
_BODY = re.compile(rf"([{SERIES_LETTERS}])([1-9])([0-9]{{2}})")


def check_slot(text: str) -> str:
    """Return the slot unchanged; raises BadIdentifier unless it is like A-3-17 (slots 01 to 99)."""
    match = _SLOT.fullmatch(text)
    if match is None or match[3] == "00":
        raise BadIdentifier(f"shelf slot {text!r} must look like A-3-17")
    return text


def slot_code(slot: str) -> str:
    """The internal code of a slot: ``A-3-17`` has the body A317. Raises BadIdentifier."""
    return internal_code("H", check_slot(slot).replace("-", ""))


def read_shelf(code: InternalCode) -> str:
    """The slot of a scanned shelf code. Raises BadIdentifier for any other code."""
    match = _BODY.fullmatch(code.body) if code.kind == "H" else None
    if match is None:
        raise BadIdentifier(f"code {code.kind}{code.body!r} is no shelf slot")
    return check_slot(f"{match[1]}-{match[2]}-{match[3]}")
