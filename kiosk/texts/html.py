"""Numbers and codes for HTML, each inside its own left-to-right isolate, and messages filled with escaped values.

Without the isolate a right-to-left line shows ``-3.5`` as ``3.5-`` and swaps a weight with its unit.
"""

from __future__ import annotations

from markupsafe import Markup, escape

from kiosk.texts import formats
from kiosk.texts.catalog import PLACEHOLDER, Texts
from kiosk.texts.plain import plain

_CODE_LIMIT = 120


def bdi(text: str) -> Markup:
    """Escape and wrap ``text`` as a left-to-right isolate."""
    return Markup('<bdi dir="ltr">{}</bdi>').format(text)


def bdi_number(value: int) -> Markup:
    return bdi(formats.number(value))


def bdi_kg(grams: int, decimals: int = 3) -> Markup:
    return bdi(formats.kg_text(grams, decimals))


def bdi_pack_weight(grams: int) -> Markup:
    return bdi(formats.pack_weight(grams))


def bdi_tonnes(grams: int) -> Markup:
    """Format as tonnes, with the exact weight as the title."""
    return Markup('<bdi dir="ltr" title="{}">{}</bdi>').format(formats.kg_text(grams), formats.tonnes(grams))


def bdi_estimate(fen: int) -> Markup:
    """Format an amount that is not owed yet."""
    return bdi(f"≈{formats.NO_BREAK_SPACE}{formats.money(fen)}")


def bdi_money(fen: int) -> Markup:
    return bdi(formats.money(fen))


def bdi_price(fen: int) -> Markup:
    return bdi(formats.price_per_kg(fen))


def bdi_code(code: str) -> Markup:
    """Isolate a receipt number, lot, waybill or member number, also one from outside."""
    return bdi(plain(code, _CODE_LIMIT))


def bdi_name(name: str, limit: int = 60) -> Markup:
    """Isolate a name in any script, with the direction of its own first letter."""
    return Markup("<bdi>{}</bdi>").format(plain(name, limit))


def fill(texts: Texts, text_id: str, **values: object) -> Markup:
    """Fill the message as HTML: isolate whole numbers, keep Markup (``bdi_kg``), escape everything else.

    For an attribute such as ``aria-label`` use ``Texts.text``: an isolate is markup, which attributes cannot hold.
    """
    parts = PLACEHOLDER.split(texts.template(text_id, values))
    # split() alternates: words, the name of a value, words, ...
    pieces = (_value(texts.value(text_id, part, values)) if i % 2 else escape(part) for i, part in enumerate(parts))
    return Markup("").join(pieces)


def _value(value: object) -> Markup:
    return bdi_number(value) if isinstance(value, int) else escape(value)
