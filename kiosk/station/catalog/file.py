"""One catalog file, TOML or JSON, to a checked Catalog: all of it or nothing.

The format is described in docs/catalog.md. Every refusal is a CatalogError that names the file, the place (a line, or
a key whose list position counts from 1) and what is allowed.
"""

from __future__ import annotations

import re

from kiosk.domain.catalog import Catalog, Container, Member, Names, Price, Product
from kiosk.domain.identifiers import BadIdentifier, parse_internal_code
from kiosk.domain.money import MAX_FEN_PER_KG
from kiosk.domain.trade import Mode
from kiosk.station.catalog.document import CatalogError, load_document
from kiosk.station.catalog.row import Row, shown
from kiosk.station.catalog.words import chinese_name, english_name, person_name, uyghur_name

MAX_TARE_G = 20_000
"""The heaviest container a clerk lifts onto a pan; more is a typing mistake."""
MAX_PRODUCTS, MAX_CONTAINERS, MAX_MEMBERS = 500, 100, 20_000

_CODE, _CODE_WORDS = r"[A-Z0-9-]{1,16}", "1 to 16 of A-Z, 0-9 and -"
_PICTURE, _PICTURE_WORDS = r"[a-z0-9-]{1,24}", "1 to 24 of a-z, 0-9 and -"
_LANGUAGES = ("ug", "zh", "en")
_MEMBER_NUMBER = re.compile(r"M-[0-9]{5}", re.ASCII)
_LONGEST_MEMBER_DIGITS = 5


def parse_catalog(data: bytes, file: str) -> Catalog:
    """Read and check a whole file; ``file`` is its name, for errors and to tell .json from .toml.

    Rows keep the file's order, names are in Unicode NFC. Raises CatalogError.
    """
    top = Row(file, "", load_document(data, file), ("products", "prices", "containers", "members"))
    products = _products(top)
    return Catalog(
        products=products,
        prices=_prices(top, {product.code for product in products}),
        containers=_containers(top),
        members=_members(top),
    )


def _products(top: Row) -> tuple[Product, ...]:
    seen: set[object] = set()
    products = []
    for row in top.rows("products", ("code", "names", "picture"), MAX_PRODUCTS):
        code = row.code("code", _CODE, _CODE_WORDS)
        _refuse_second(seen, code, row, "code")
        products.append(Product(code, _names(row), row.code("picture", _PICTURE, _PICTURE_WORDS)))
    if not products:
        raise top.error("products", "is empty: at least one product is needed")
    return tuple(products)


def _prices(top: Row, products: set[str]) -> tuple[Price, ...]:
    seen: set[object] = set()
    prices = []
    for row in top.rows("prices", ("product", "mode", "fen_per_kg"), MAX_PRODUCTS * len(Mode)):
        product = row.text("product")
        if product not in products:
            raise row.error("product", f"is {shown(product)}: no product of this file has that code")
        mode = Mode(row.code("mode", "|".join(Mode), " or ".join(Mode)))
        _refuse_second(seen, (product, mode), row, "product")
        prices.append(Price(product, mode, row.whole("fen_per_kg", 1, MAX_FEN_PER_KG, "fen per kilogram")))
    return tuple(prices)


def _containers(top: Row) -> tuple[Container, ...]:
    seen: set[object] = set()
    containers = []
    for row in top.rows("containers", ("code", "names", "tare_g", "picture", "weighed"), MAX_CONTAINERS):
        code = row.code("code", _CODE, _CODE_WORDS)
        _refuse_second(seen, code, row, "code")
        names, picture, weighed = _names(row), row.code("picture", _PICTURE, _PICTURE_WORDS), row.flag("weighed")
        tare_g = row.whole("tare_g", 0, MAX_TARE_G, "grams")
        if weighed and tare_g:
            raise row.error("tare_g", f"is {tare_g}: it must be 0 when weighed = true, the pan finds the tare")
        containers.append(Container(code, names, tare_g, picture, weighed))
    return tuple(containers)


def _members(top: Row) -> tuple[Member, ...]:
    numbers: set[object] = set()
    cards: set[object] = set()
    members = []
    for row in top.rows("members", ("number", "short_name", "card"), MAX_MEMBERS):
        number = _member_number(row)
        _refuse_second(numbers, number, row, "number")
        card = _card(row) if row.has("card") else None
        if card is not None:
            _refuse_second(cards, card, row, "card")
        members.append(Member(number, row.word("short_name", person_name, private=True), card))
    return tuple(members)


def _member_number(row: Row) -> str:
    number = row.text("number")
    if _MEMBER_NUMBER.fullmatch(number):
        return number
    if sum(character.isdecimal() for character in number) > _LONGEST_MEMBER_DIGITS:
        # The number itself is not repeated: errors are logged and photographed.
        raise row.error("number", "looks like a phone or ID number, never stored here: use M- and five digits")
    raise row.error("number", f"is {shown(number)}: it must be M- and five digits, like M-04412")


def _card(row: Row) -> str:
    card = row.text("card")
    try:
        code = parse_internal_code(card)
    except BadIdentifier as error:
        raise row.error("card", f"is {shown(card)}: it must be Y1P, five digits and the check character") from error
    if code.kind != "P" or not re.fullmatch(r"[0-9]{5}", code.body, re.ASCII):
        raise row.error("card", f"is {shown(card)}: it must be Y1P, five digits and the check character")
    return card


def _names(row: Row) -> Names:
    names = row.table("names", _LANGUAGES)
    return Names(ug=names.word("ug", uyghur_name), zh=names.word("zh", chinese_name), en=names.word("en", english_name))


def _refuse_second(seen: set[object], key: object, row: Row, name: str) -> None:
    if key in seen:
        raise row.error(name, "stands twice: each may be listed once")
    seen.add(key)


__all__ = ["CatalogError", "parse_catalog"]
