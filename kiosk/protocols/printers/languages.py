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
