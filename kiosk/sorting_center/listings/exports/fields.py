"""What all files of listings have in common: their ids, and texts that cannot act on who reads them."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import Final

from kiosk.sorting_center.listings.listings import one_line
from kiosk.sorting_center.listings.records import ListingKey

MAX_ID: Final = 50  # Of an id in Google's product data
_PLAIN: Final = re.compile(r"[a-z0-9-]{1,16}-S[0-9]{4}-[0-9A-Z]{1,27}")
_FORMULA_STARTS: Final = "=+-@\uff1d\uff0b\uff0d\uff20 "


def item_id(key: ListingKey) -> str:
    """The same for ever, and of no other listing of any region: ``{region}-{station}-{lot}``.

    Regions have no capital letter and lots no dash, so that two keys never come to one text. A key that no station of
    ours makes has a hash for it.
    """
    plain = f"{key.region}-{key.station}-{key.lot}"
    if _PLAIN.fullmatch(plain) is not None:
        return plain
    return f"x-{hashlib.sha256(repr((key.region, key.station, key.lot)).encode()).hexdigest()[:40]}"


def without_formula(text: str) -> str:
    """One line that no spreadsheet takes for a formula, for files where an apostrophe before it would be shown."""
    return one_line(text).lstrip(_FORMULA_STARTS).rstrip()


def shortened(text: str, max_length: int) -> str:
    """At most so many characters; no letter loses its marks."""
    end = max_length
    while 0 < end < len(text) and unicodedata.category(text[end])[0] == "M":
        end -= 1
    return text[: end or max_length].rstrip()
