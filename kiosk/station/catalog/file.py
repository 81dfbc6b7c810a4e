"""One catalog file, TOML or JSON, to a checked Catalog: all of it or nothing.

The format is described in docs/catalog.md. Every refusal is a CatalogError that names the file, the place (a line, or
a key whose list position counts from 1) and what is allowed.
"""

from __future__ import annotations

import re
from pathlib import Path

from msgspec import UnsetType

from kiosk.base.files import open_regular
from kiosk.domain.catalog import Catalog, Container, Member, Price, Product
from kiosk.domain.identifiers import BadIdentifier, parse_internal_code
from kiosk.station.catalog.document import MAX_BYTES, CatalogError, load_document, shorten
from kiosk.station.catalog.name_rules import person_name
from kiosk.station.catalog.sale import read_sale
from kiosk.station.catalog.table_location import TableLocation
from kiosk.station.catalog.tables import ContainerTable, MemberTable, PriceTable, ProductTable, read_tables

_MEMBER_NUMBER = re.compile(r"M-[0-9]{5}", re.ASCII)
_MAX_MEMBER_DIGITS = 5


def parse_catalog(data: bytes, file: str) -> Catalog:
    """Read and check a whole file; ``file`` is its name, for errors and to tell .json from .toml.

    Rows keep the file's order, names are in Unicode NFC. Raises CatalogError.
    """
    tables = read_tables(load_document(data, file), file)
    products = _products(tables.products, file)
    return Catalog(
        products=products,
        prices=_prices(tables.prices, {product.code for product in products}, file),
        containers=_containers(tables.containers, file),
        members=_members(tables.members, file),
    )


def read_catalog_file(path: Path) -> bytes:
    """At most one byte more than a catalog may have. A link, a pipe or a device is no file: raises OSError."""
    with open_regular(path) as file:
        return file.read(MAX_BYTES + 1)


def _products(rows: tuple[ProductTable, ...], file: str) -> tuple[Product, ...]:
    seen: set[object] = set()
    products = []
    for number, row in enumerate(rows, 1):
        place = TableLocation(file, f"products[{number}]")
        place.require_unique(seen, row.code, "code")
        sale = None if isinstance(row.sale, UnsetType) else read_sale(row.sale, place.child("sale"))
        products.append(Product(row.code, place.names("names", row.names), row.picture, sale))
    if not products:
        raise CatalogError(file, "products", "is empty: at least one product is needed")
    return tuple(products)


def _prices(rows: tuple[PriceTable, ...], products: set[str], file: str) -> tuple[Price, ...]:
    seen: set[object] = set()
    prices = []
    for number, row in enumerate(rows, 1):
        place = TableLocation(file, f"prices[{number}]")
        if row.product not in products:
            raise place.error("product", f"is {shorten(row.product)}: no product of this file has that code")
        place.require_unique(seen, (row.product, row.mode), "product")
        prices.append(Price(row.product, row.mode, row.fen_per_kg))
    return tuple(prices)


def _containers(rows: tuple[ContainerTable, ...], file: str) -> tuple[Container, ...]:
    seen: set[object] = set()
    containers = []
    for number, row in enumerate(rows, 1):
        place = TableLocation(file, f"containers[{number}]")
        place.require_unique(seen, row.code, "code")
        if row.weighed and row.tare_g:
            raise place.error("tare_g", f"is {row.tare_g}: it must be 0 when weighed = true, the pan finds the tare")
        containers.append(Container(row.code, place.names("names", row.names), row.tare_g, row.picture, row.weighed))
    return tuple(containers)


def _members(rows: tuple[MemberTable, ...], file: str) -> tuple[Member, ...]:
    numbers: set[object] = set()
    cards: set[object] = set()
    members = []
    for number, row in enumerate(rows, 1):
        place = TableLocation(file, f"members[{number}]")
        _check_number(row.number, place)
        place.require_unique(numbers, row.number, "number")
        card = None if isinstance(row.card, UnsetType) else row.card
        if card is not None:
            _check_card(card, place)
            place.require_unique(cards, card, "card")
        members.append(
            Member(row.number, place.checked_text("short_name", row.short_name, person_name, private=True), card)
        )
    return tuple(members)


def _check_number(number: str, place: TableLocation) -> None:
    if _MEMBER_NUMBER.fullmatch(number):
        return
    if sum(character.isdecimal() for character in number) > _MAX_MEMBER_DIGITS:
        # The number itself is not repeated: errors are logged and photographed.
        raise place.error("number", "looks like a phone or ID number, never stored here: use M- and five digits")
    raise place.error("number", f"is {shorten(number)}: it must be M- and five digits, like M-04412")


def _check_card(card: str, place: TableLocation) -> None:
    refused = place.error("card", f"is {shorten(card)}: it must be Y1P, five digits and the check character")
    try:
        code = parse_internal_code(card)
    except BadIdentifier as error:
        raise refused from error
    if code.kind != "P" or not re.fullmatch(r"[0-9]{5}", code.body, re.ASCII):
        raise refused


__all__ = ["CatalogError", "parse_catalog", "read_catalog_file"]
