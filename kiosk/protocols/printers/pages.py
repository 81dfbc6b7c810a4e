"""One page as the bytes of its printer's language."""

from __future__ import annotations

from kiosk.protocols.printers.languages import LANGUAGES
from kiosk.protocols.printers.page_setup import PageSetup
from kiosk.protocols.printers.ports import Bitmap


class PageTooWide(ValueError):
    """The text names the dots of the page and of the head: what lies beyond the head would be missing on the paper."""


def encode(bitmap: Bitmap, setup: PageSetup) -> bytes:
    """Return the bytes of one page. Raises PageTooWide."""
    needed = bitmap.width_dots + setup.offset_dots[0]
    if needed > setup.head.width_dots:
        raise PageTooWide(f"the page needs {needed} dots across, the print head has {setup.head.width_dots}")
    return LANGUAGES[setup.language].page(bitmap, setup)
