"""What is published in one language, as the tab-delimited product data that Google Merchant Center reads.

Fields: support.google.com/merchants/answer/7052112; the file: answer/160588, quotes: answer/14998273.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from kiosk.domain.events.photo import WordsData
from kiosk.sorting_center.export.spreadsheet import Words
from kiosk.sorting_center.listings.addresses import PublicAddresses
from kiosk.sorting_center.listings.exports.table import item_id, shortened, without_formula
from kiosk.sorting_center.listings.records import ListingKey, Published

MAX_TITLE: Final = 150
MAX_DESCRIPTION: Final = 5_000
MAX_FURTHER_PICTURES: Final = 10
MAX_SHIPPING_G: Final = 1_000_000  # A heavier pack has no weight for shipping: the field takes no more
_MAX_STORAGE: Final = 1_000

# `docs/listings.md` describes the content of each.
FIELDS: Final = (
    *("id", "title", "description", "link", "image_link", "additional_image_link"),
    *("availability", "price", "condition", "brand", "identifier_exists"),
    *("unit_pricing_measure", "unit_pricing_base_measure", "shipping_weight"),
    *("custom_label_0", "custom_label_1"),
)


@dataclass(frozen=True, slots=True)
class ProductData:
    """In which language, where its links lead. ``words`` of that language know ``warning_tree_nuts`` and the like."""

    language: str
    addresses: PublicAddresses
    words: Words


def tsv_of(published: Iterable[tuple[ListingKey, Published]], data: ProductData) -> Iterator[bytes]:
    """Yield a header and a line for each listing with a title in that language, in UTF-8 without a byte order mark."""
    line = io.StringIO()
    writer = csv.DictWriter(line, FIELDS, dialect="excel-tab", lineterminator="\n")
    writer.writeheader()
    yield line.getvalue().encode()
    for key, one in published:
        if has_title(one, data.language):
            line.seek(0)
            line.truncate()
            writer.writerow(_row(key, one, data))
            yield line.getvalue().encode()


def has_title(one: Published, language: str) -> bool:
    """Return whether it has a photo and a title in that language: the file has no other language in it."""
    return bool(one.photos and _text(one.texts.title, language))


def _row(key: ListingKey, one: Published, data: ProductData) -> Mapping[str, str]:
    pictures = [data.addresses.picture(sha256) for sha256 in one.photos]
    # Story, storage and warnings; when it is too long, the story loses its end and never a warning.
    storage = shortened(_text(one.storage, data.language), _MAX_STORAGE)
    after = " ".join(filter(None, (storage, *(_warning(word, data.words) for word in one.allergens))))
    story = _text(one.texts.story, data.language) or _text(one.texts.title, data.language)
    return {
        "id": item_id(key),
        "title": shortened(_text(one.texts.title, data.language), MAX_TITLE),
        "description": f"{shortened(story, MAX_DESCRIPTION - 1 - len(after))} {after}".rstrip(),
        "link": data.addresses.page(key, data.language),
        "image_link": pictures[0],
        "additional_image_link": ",".join(pictures[1 : 1 + MAX_FURTHER_PICTURES]),
        "availability": "in_stock",
        "price": f"{one.price_fen // 100}.{one.price_fen % 100:02d} CNY",
        "condition": "new",
        "brand": "",
        "identifier_exists": "no",
        "unit_pricing_measure": f"{one.pack_g}g",
        "unit_pricing_base_measure": "1kg",
        "shipping_weight": f"{one.pack_g} g" if one.pack_g <= MAX_SHIPPING_G else "",
        "custom_label_0": key.region,
        "custom_label_1": key.station,
    }


def _warning(word: str, words: Words) -> str:
    """Translate the warning; one that only a newer station knows appears as its code word."""
    text = words(f"warning_{word}")
    return text if text != f"warning_{word}" else word.replace("_", " ")


def _text(words: WordsData, language: str) -> str:
    return without_formula({"ug": words.ug, "zh": words.zh, "en": words.en}[language])
