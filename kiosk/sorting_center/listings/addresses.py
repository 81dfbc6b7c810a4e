"""Where buyers find the storefront, and what is in it."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote, urlsplit

from kiosk.sorting_center.listings.records import ListingKey

MAX_BASE: Final = 200
_HOST: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|[0-9a-fA-F:.]{2,45}")
_PATH: Final = re.compile(r"(/[A-Za-z0-9._~-]+)*")


class BadPublicAddress(ValueError):
    """The text names what was given and what would be right."""


class PublicAddresses:
    """Those of the storefront at ``base``: ``https://goods.example.org``, or a folder of such a host."""

    def __init__(self, base: str) -> None:
        cleaned = base.strip().rstrip("/")
        if not _is_base(cleaned):
            raise BadPublicAddress(
                f"the public address {base!r} of the storefront must look like https://goods.example.org: "
                "no user, no question mark, and a path of plain letters at most"
            )
        self.base: Final = cleaned  # Without a slash at its end

    def page(self, key: ListingKey, language: str) -> str:
        """Return the address of a published listing's page, in ``ug``, ``zh`` or ``en``."""
        return f"{self.base}/{'/'.join(quote(part, safe='') for part in (language, key.region, key.station, key.lot))}"

    def picture(self, sha256: str) -> str:
        return f"{self.base}/pictures/{quote(sha256, safe='')}.jpg"


def _is_base(text: str) -> bool:
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    return (
        len(text) <= MAX_BASE
        and parts.scheme in ("https", "http")
        and port != 0
        and "@" not in text
        and not any(sign in text for sign in "?#")
        and _HOST.fullmatch(host) is not None
        and _PATH.fullmatch(parts.path) is not None
        and all("!" <= sign <= "~" for sign in text)
    )
