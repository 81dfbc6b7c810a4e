"""One verdict for the status answers of all printer languages."""

from __future__ import annotations

from dataclasses import dataclass

from kiosk.protocols.printers.languages import LANGUAGES

NOT_A_FAULT = frozenset({"paused", "printing"})


@dataclass(frozen=True, slots=True)
class StatusReport:
    """``ready`` = no flag set; ``fault`` = any flag but paused and printing; both None when nothing usable came."""

    ready: bool | None
    fault: bool | None
    flags: tuple[str, ...]


UNKNOWN = StatusReport(ready=None, fault=None, flags=("unknown",))


def parse(language: str, reply: bytes) -> StatusReport:
    """Judge a reply in a language of the table. An empty, broken or strange one is UNKNOWN, never ready."""
    flags = LANGUAGES[language].parse_status(reply)
    if flags is None:
        return UNKNOWN
    return StatusReport(ready=not flags, fault=not NOT_A_FAULT.issuperset(flags), flags=flags)
