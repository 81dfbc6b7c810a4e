"""One catalog file, TOML or JSON, to a checked Catalog: all of it or nothing.

The format is described in docs/catalog.md. Every refusal is a CatalogError that names the file, the place (a line, or
a key whose list position counts from 1) and what is allowed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from msgspec import UnsetType

from kiosk.base.files import read_bounded
from kiosk.domain.catalog import Allergen, Catalog, Container, Grade, Member, Names, Origin, Pack, Price, Product, Sale
from kiosk.domain.identifiers import BadIdentifier, parse_internal_code
from kiosk.messaging.contract.catalog.document import MAX_BYTES, CatalogError, load_document, shorten
from kiosk.messaging.contract.catalog.name_rules import (
    BadName,
    chinese_name,
    english_name,
    person_name,
    uyghur_name,
    uyghur_text,
)
from kiosk.messaging.contract.catalog.tables import (
    CatalogTable,
    ContainerTable,
    MemberTable,
    NamesTable,
    PriceTable,
    ProductTable,
    SaleTable,
    read_tables,
)

Check = Callable[[str], str]  # Returns the text as it is kept, or raises BadName


@dataclass(frozen=True, slots=True)
class NameChecks:
    """The rule of a text in each language."""

    ug: Check
    zh: Check
    en: Check


NAMES = NameChecks(uyghur_name, chinese_name, english_name)


@dataclass(frozen=True, slots=True)
class TableLocation:
    """One table in the file: ``products[3]``."""

    file: str
    path: str

    def error(self, key: str, problem: str, word: str = "value") -> CatalogError:
        return CatalogError(self.file, f"{self.path}.{key}", problem, word)

    def child(self, key: str) -> TableLocation:
        return TableLocation(self.file, f"{self.path}.{key}")

    def checked_text(self, key: str, text: str, check: Check, *, private: bool = False) -> str:
        """Return the text as ``check`` cleans it; private text is not repeated in the error."""
        try:
            return check(text)
        except BadName as error:
            raise self.error(key, str(error) if private else f"{shorten(text)} {error}") from error

    def names(self, key: str, names: NamesTable, checks: NameChecks = NAMES) -> Names:
        return Names(
            ug=self.checked_text(f"{key}.ug", names.ug, checks.ug),
            zh=self.checked_text(f"{key}.zh", names.zh, checks.zh),
            en=self.checked_text(f"{key}.en", names.en, checks.en),
        )

    def require_unique(self, seen: set[object], key: object, name: str) -> None:
        if key in seen:
            raise self.error(name, "stands twice: each may be listed once", "twice")
        seen.add(key)


# Advertising Law of the PRC, article 9 (3): "national level", "highest level", "best" and words like them.
_SUPERLATIVES: Final = re.compile(
    "最|第一|唯一|独一无二|国家级|世界级|顶级|顶尖|极品|极致|首选|冠军|绝无仅有|史无前例|无与伦比"
    r"|\b(?:best|finest|greatest|most|number one|no\. ?1|world[- ]class|national[- ]level|unique|unrivalled)\b"
    r"|(?<!\w)(?:ئەڭ|بىرىنچى|دۆلەت دەرىجىلىك|دۇنياۋى دەرىجىلىك)(?!\w)",
    re.IGNORECASE,
)
# Advertising Law, article 17, and Food Safety Law, article 73: food neither prevents nor treats a disease.
_CURES: Final = re.compile(
    r"治疗|疗效|治病|防病|抗癌|防癌|降血|降压|降糖|保健"
    r"|\b(?:cures?|heals?|healing|medicinal|diseases?|anti-?cancer|blood (?:pressure|sugar))\b"
    r"|داۋالا|شىپالىق|كېسەل",
    re.IGNORECASE,
)
# Only goods with a certificate may be called so, and the catalog has no place for one.
_ORGANIC: Final = re.compile(r"有机|绿色食品|\borganic(?:ally)?\b|\bgreen food\b|ئورگانىك", re.IGNORECASE)

_RULES: Final = (
    (_SUPERLATIVES, "which advertising law forbids: say what the goods are, not that they are above others"),
    (_CURES, "but food may not be said to be good for health"),
    (_ORGANIC, "which only certified goods may be called"),
)


def reject_claims(text: str) -> str:
    """Return the text unchanged. Raises BadName, which names the word."""
    for rule, why in _RULES:
        if found := rule.search(text):
            raise BadName(f"says {found[0]!r}, {why}", "claim")
    return text


MAX_TITLE, MAX_STORY, MAX_STORAGE = 60, 500, 120  # Characters: less than the event of an offer takes


def read_sale(table: SaleTable, place: TableLocation) -> Sale:
    """Read the ``sale`` table; ``place`` is its location. Raises CatalogError."""
    return Sale(
        title=place.names("title", table.title, _texts(MAX_TITLE)),
        story=place.names("story", table.story, _texts(MAX_STORY, may_be_empty=True)),
        storage=place.names("storage", table.storage, _texts(MAX_STORAGE)),
        origin=Origin(table.origin.code, place.names("origin.names", table.origin.names)),
        grades=_grades(table, place),
        harvest=table.harvest,
        allergens=_allergens(table, place),
        packs=_packs(table, place),
    )


def _texts(max_length: int, *, may_be_empty: bool = False) -> NameChecks:
    def rule(check: Check) -> Check:
        return lambda text: "" if may_be_empty and not text else reject_claims(check(text))

    uyghur, chinese, english = (
        partial(check, max_length=max_length) for check in (uyghur_text, chinese_name, english_name)
    )
    return NameChecks(rule(uyghur), rule(chinese), rule(english))


def _grades(table: SaleTable, place: TableLocation) -> tuple[Grade, ...]:
    seen: set[object] = set()
    grades = []
    for number, row in enumerate(table.grades, 1):
        inside = place.child(f"grades[{number}]")
        inside.require_unique(seen, row.code, "code")
        grades.append(Grade(row.code, inside.names("names", row.names)))
    return tuple(grades)


def _allergens(table: SaleTable, place: TableLocation) -> tuple[Allergen, ...]:
    seen: set[object] = set()
    for number, allergen in enumerate(table.allergens, 1):
        place.require_unique(seen, allergen, f"allergens[{number}]")
    return table.allergens


def _packs(table: SaleTable, place: TableLocation) -> tuple[Pack, ...]:
    seen: set[object] = set()
    packs = []
    for number, row in enumerate(table.packs, 1):
        place.child(f"packs[{number}]").require_unique(seen, row.net_g, "net_g")
        packs.append(Pack(row.net_g, row.price_fen))
    return tuple(packs)


_MEMBER_NUMBER = re.compile(r"M-[0-9]{5}", re.ASCII)
_MAX_MEMBER_DIGITS = 5


def parse_catalog(data: bytes, file: str) -> Catalog:
    """Read and check a whole file; ``file`` names it in errors, and tells .json from .toml. Raises CatalogError."""
    return build_catalog(read_tables(load_document(data, file), file), file)


def build_catalog(tables: CatalogTable, file: str) -> Catalog:
    """Check what the types cannot say. Raises CatalogError."""
    products = read_products(tables.products, file)
    return Catalog(
        products=products,
        prices=read_prices(tables.prices, {product.code for product in products}, file),
        containers=read_containers(tables.containers, file),
        members=read_members(tables.members, file),
    )


def read_catalog_file(path: Path) -> bytes:
    """Read at most one byte more than a catalog may have. Raises OSError, also for a link, pipe or device."""
    return read_bounded(path, MAX_BYTES)


def read_products(rows: tuple[ProductTable, ...], file: str) -> tuple[Product, ...]:
    """Read the products. Raises CatalogError, as the readers of other tables do."""
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


def read_prices(rows: tuple[PriceTable | Price, ...], products: set[str], file: str) -> tuple[Price, ...]:
    """Read the prices. ``products``: the codes that may be priced."""
    seen: set[object] = set()
    prices = []
    for number, row in enumerate(rows, 1):
        place = TableLocation(file, f"prices[{number}]")
        if row.product not in products:
            raise place.error("product", f"is {shorten(row.product)}: no product of this file has that code")
        place.require_unique(seen, (row.product, row.mode, row.since), "product")
        prices.append(Price(row.product, row.mode, row.fen_per_kg, row.since))
    return tuple(prices)


def read_containers(rows: tuple[ContainerTable, ...], file: str) -> tuple[Container, ...]:
    seen: set[object] = set()
    containers = []
    for number, row in enumerate(rows, 1):
        place = TableLocation(file, f"containers[{number}]")
        place.require_unique(seen, row.code, "code")
        if row.weighed and row.tare_g:
            raise place.error("tare_g", f"is {row.tare_g}: it must be 0 when weighed = true, the pan finds the tare")
        containers.append(Container(row.code, place.names("names", row.names), row.tare_g, row.picture, row.weighed))
    return tuple(containers)


def read_members(rows: tuple[MemberTable, ...], file: str) -> tuple[Member, ...]:
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
