"""One verdict for the status answers of all printer languages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kiosk.protocols.printers import escpos, tspl, zpl

NOT_A_FAULT = frozenset({"paused", "printing"})

PARSERS: dict[str, Callable[[bytes], tuple[str, ...] | None]] = {
    "tspl": tspl.parse_status,
    "zpl": zpl.parse_status,
    "escpos": escpos.parse_status,
}


@dataclass(frozen=True, slots=True)
class StatusReport:
    """``ready`` = no flag set; ``fault`` = any flag but paused and printing; both None when nothing usable came."""

    ready: bool | None
    fault: bool | None
    flags: tuple[str, ...]


UNKNOWN = StatusReport(ready=None, fault=None, flags=("unknown",))


def parse(language: str, reply: bytes) -> StatusReport:
    """Judge a reply in ``language``. An empty, broken or strange reply is UNKNOWN, never ready.

    Raises KeyError for a language that has no parser.
    """
    flags = PARSERS[language](reply)
    if flags is None:
        return UNKNOWN
    return StatusReport(ready=not flags, fault=not NOT_A_FAULT.issuperset(flags), flags=flags)
