"""The languages of printers: one row each, how a page is written in it and how an answer about the state is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from kiosk.protocols.printers import cpcl, escpos, ipp, pwg, tspl, zpl
from kiosk.protocols.printers.page_setup import PageSetup
from kiosk.protocols.printers.ports import Bitmap


@dataclass(frozen=True, slots=True)
class PrinterLanguage:
    """``parse_status`` returns the flags of a reply, None for what is no whole reply."""

    page: Callable[[Bitmap, PageSetup], bytes]
    parse_status: Callable[[bytes], tuple[str, ...] | None]


LANGUAGES: Final[Mapping[str, PrinterLanguage]] = {
    "tspl": PrinterLanguage(tspl.page, tspl.parse_status),
    "zpl": PrinterLanguage(zpl.page, zpl.parse_status),
    "escpos": PrinterLanguage(escpos.page, escpos.parse_status),
    "cpcl": PrinterLanguage(cpcl.page, cpcl.parse_status),
    "ipp": PrinterLanguage(pwg.page, ipp.parse_status),
}


def encode(bitmap: Bitmap, setup: PageSetup) -> bytes:
    """Return the bytes of one page. Raises ValueError."""
    needed = bitmap.width_dots + setup.offset_dots[0]
    if needed > setup.head.width_dots:
        raise ValueError(f"the page needs {needed} dots across, the print head has {setup.head.width_dots}")
    return LANGUAGES[setup.language].page(bitmap, setup)


NOT_A_FAULT = frozenset({"paused", "printing"})


@dataclass(frozen=True, slots=True)
class StatusReport:
    """``ready`` = no flag set; ``fault`` = any flag but paused and printing; both None when nothing usable came."""

    ready: bool | None
    fault: bool | None
    flags: tuple[str, ...]


UNKNOWN = StatusReport(ready=None, fault=None, flags=("unknown",))


def parse_status(language: str, reply: bytes) -> StatusReport:
    """Judge a reply in a language of the table. An empty, broken or unknown one is UNKNOWN, never ready."""
    flags = LANGUAGES[language].parse_status(reply)
    if flags is None:
        return UNKNOWN
    return StatusReport(ready=not flags, fault=not NOT_A_FAULT.issuperset(flags), flags=flags)
