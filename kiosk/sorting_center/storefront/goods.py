"""A published lot as pages and programs are told of it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import msgspec
from markupsafe import Markup

from kiosk.domain.events.photo import WordsData
from kiosk.sorting_center.listings.addresses import PublicAddresses
from kiosk.sorting_center.listings.exports.table import item_id
from kiosk.sorting_center.storefront.published import PublishedLot
from kiosk.texts.languages import LANGUAGES, Language

_FALLBACK_LANGUAGES: Final = ("zh", "en", "ug")  # Of a text that is not written in the language that was asked for
_COUNTRY: Final = "CN"  # ISO 3166-1: all stations are there
_KILOGRAM: Final = "KGM"  # UN/ECE Recommendation 20
_encode: Final = msgspec.json.Encoder(decimal_format="number").encode
# Nothing in a text ends the element it stands in, or begins another one.
_SCRIPT_ESCAPES: Final = str.maketrans(
    {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
)


@dataclass(frozen=True, slots=True)
class LocalizedText:
    text: str
    language: Language


def localized(words: WordsData, language: str) -> LocalizedText | None:
    """In this language, else in another one; None when it is written in none."""
    texts = {"ug": words.ug, "zh": words.zh, "en": words.en}
    for code in (language, *_FALLBACK_LANGUAGES):
        if texts[code].strip():
            return LocalizedText(texts[code], LANGUAGES[code])
    return None


def json_ld(goods: PublishedLot, addresses: PublicAddresses, language: str) -> Markup:
    """A Product with its Offer (schema.org), ready to stand in a script element."""
    lot, here = goods.published, addresses.page(goods.key, language)
    title, story = localized(lot.texts.title, language), localized(lot.texts.story, language)
    origin, grade = localized(lot.origin_words, language), localized(lot.grade_words, language)
    facts = {
        "grade": grade.text if grade is not None else lot.grade,
        "lot": goods.key.lot,
        "harvest": lot.harvest,
        "origin": origin.text if origin is not None else lot.origin,
    }
    document = {
        "@context": "https://schema.org",
        "@type": "Product",
        "@id": here,
        "name": title.text if title is not None else lot.product,
        **({"description": story.text} if story is not None else {}),
        "url": here,
        "sku": item_id(goods.key),
        "image": [addresses.picture(sha256) for sha256 in lot.photos],
        "countryOfOrigin": {"@type": "Country", "name": _COUNTRY},
        "weight": {"@type": "QuantitativeValue", "value": _kilograms(lot.pack_g), "unitCode": _KILOGRAM},
        "additionalProperty": [
            {"@type": "PropertyValue", "name": name, "value": value} for name, value in facts.items() if value
        ],
        "offers": {
            "@type": "Offer",
            "url": here,
            "price": f"{lot.price_fen // 100}.{lot.price_fen % 100:02d}",
            "priceCurrency": "CNY",
            "availability": "https://schema.org/InStock",
            "itemCondition": "https://schema.org/NewCondition",
        },
    }
    return Markup(_encode(document).decode().translate(_SCRIPT_ESCAPES))  # noqa: S704 - no sign of markup is left in it


def _kilograms(grams: int) -> Decimal:
    """No zeros behind the last digit, no exponent."""
    return Decimal(f"{grams // 1000}.{grams % 1000:03d}".rstrip("0").rstrip("."))
