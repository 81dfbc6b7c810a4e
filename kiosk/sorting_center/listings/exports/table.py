"""Every field of what is published, as CSV that calculates nothing."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Final

from kiosk.domain.events.photo import WordsData
from kiosk.domain.money import unit_price_fen
from kiosk.sorting_center.export.spreadsheet import Cell, csv_lines, yuan
from kiosk.sorting_center.listings.addresses import PublicAddresses
from kiosk.sorting_center.listings.listings import one_line
from kiosk.sorting_center.listings.records import ListingKey, Published

LANGUAGES: Final = ("ug", "zh", "en")
# `docs/listings.md` describes the content of each. They are the same in every language: programs read them.
COLUMNS: Final = (
    *("id", "region", "station", "lot", "product"),
    *(f"{text}_{language}" for text in ("title", "story", "storage") for language in LANGUAGES),
    *("pack_g", "price_yuan", "price_yuan_per_kg", "origin", "grade", "harvest", "allergens", "published_at"),
    *(f"page_{language}" for language in LANGUAGES),
    *("photos", "pictures"),
    *(f"{text}_{language}" for text in ("origin", "grade") for language in LANGUAGES),
)


def csv_of(published: Iterable[tuple[ListingKey, Published]], addresses: PublicAddresses | None) -> Iterator[bytes]:
    """Yield a header and a line for each; without ``addresses`` those of pages and pictures are empty."""
    return csv_lines(COLUMNS, (_cells(key, one, addresses) for key, one in published), str)


def _cells(key: ListingKey, one: Published, addresses: PublicAddresses | None) -> list[Cell]:
    pages = [addresses.page(key, language) if addresses is not None else "" for language in LANGUAGES]
    pictures = [addresses.picture(sha256) for sha256 in one.photos] if addresses is not None else []
    return [
        *(item_id(key), key.region, key.station, key.lot, one.product),
        *_texts(one.texts.title),
        *_texts(one.texts.story),
        *_texts(one.storage),
        *(one.pack_g, yuan(one.price_fen), yuan(unit_price_fen(one.price_fen, one.pack_g))),
        *(one.origin, one.grade, one.harvest, " ".join(one.allergens), one.at),
        *pages,
        *(" ".join(one.photos), " ".join(pictures)),
        *_texts(one.origin_words),
        *_texts(one.grade_words),
    ]


def _texts(words: WordsData) -> list[str]:
    return [one_line(text) for text in (words.ug, words.zh, words.en)]


MAX_ID: Final = 50  # Of an id in Google's product data
_PLAIN: Final = re.compile(r"[a-z0-9-]{1,16}-S[0-9]{4}-[0-9A-Z]{1,27}")
_FORMULA_STARTS: Final = "=+-@\uff1d\uff0b\uff0d\uff20 "


def item_id(key: ListingKey) -> str:
    """Return a permanent id, unique across regions: ``{region}-{station}-{lot}``.

    Regions have no capital letter and lots no dash, so no two keys give the same text. A key that no station of ours
    makes is hashed.
    """
    plain = f"{key.region}-{key.station}-{key.lot}"
    if _PLAIN.fullmatch(plain) is not None:
        return plain
    return f"x-{hashlib.sha256(repr((key.region, key.station, key.lot)).encode()).hexdigest()[:40]}"


def without_formula(text: str) -> str:
    """Return one line that no spreadsheet reads as a formula, for files where an apostrophe before it would show."""
    return one_line(text).lstrip(_FORMULA_STARTS).rstrip()


def shortened(text: str, max_length: int) -> str:
    """Cut to at most ``max_length`` characters; no letter loses its combining marks."""
    end = max_length
    while 0 < end < len(text) and unicodedata.category(text[end])[0] == "M":
        end -= 1
    return text[: end or max_length].rstrip()
