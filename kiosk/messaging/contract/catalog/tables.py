"""The tables of a catalog file as msgspec types, and a sentence for each way in which a file does not fit them.

A type says in its ``description`` what is allowed there, in the words of the error; types without one have those of
``_allowed_text``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec import inspect as types

from kiosk.domain.catalog import Allergen
from kiosk.domain.money import MAX_FEN_PER_KG
from kiosk.domain.trade import Mode
from kiosk.messaging.contract.catalog.document import CatalogError, shorten

MAX_TARE_G: Final = 20_000  # The heaviest container a clerk lifts onto a pan; more is a typing mistake
MAX_PRODUCTS, MAX_CONTAINERS, MAX_MEMBERS = 500, 100, 20_000
MAX_PRICES: Final = 5_000
MAX_PACKS, MAX_GRADES = 8, 6  # As many as a clerk sees at a glance
MAX_PACK_G: Final = 50_000  # Couriers take no heavier parcel
MAX_PACK_FEN: Final = 10_000_000  # CNY 100,000: more is a typing mistake

Code = Annotated[str, Meta(pattern=r"\A[A-Z0-9-]{1,16}\Z", description="1 to 16 of A-Z, 0-9 and -")]
Picture = Annotated[str, Meta(pattern=r"\A[a-z0-9-]{1,24}\Z", description="1 to 24 of a-z, 0-9 and -")]
FenPerKg = Annotated[
    int,
    Meta(
        ge=1,
        le=MAX_FEN_PER_KG,
        description=f"a whole number of fen per kilogram from 1 to {MAX_FEN_PER_KG}",
    ),
]
TareG = Annotated[int, Meta(ge=0, le=MAX_TARE_G, description=f"a whole number of grams from 0 to {MAX_TARE_G}")]
PackG = Annotated[int, Meta(ge=1, le=MAX_PACK_G, description=f"a whole number of grams from 1 to {MAX_PACK_G}")]
PackFen = Annotated[int, Meta(ge=1, le=MAX_PACK_FEN, description=f"a whole number of fen from 1 to {MAX_PACK_FEN}")]
Harvest = Annotated[
    str,
    Meta(
        pattern=r"\A((19|20)[0-9]{2}-(0[1-9]|1[0-2]))?\Z",
        description="a year and a month like 2026-09, or empty",
    ),
]
Day = Annotated[
    str,
    Meta(pattern=r"\A(20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01]))?\Z", description="a day like 2026-12-01"),
]


class NamesTable(Struct, frozen=True, forbid_unknown_fields=True):
    ug: str
    zh: str
    en: str


class CodeTable(Struct, frozen=True, forbid_unknown_fields=True):
    code: Code
    names: NamesTable


class PackTable(Struct, frozen=True, forbid_unknown_fields=True):
    net_g: PackG
    price_fen: PackFen


class SaleTable(Struct, frozen=True, forbid_unknown_fields=True):
    title: NamesTable
    story: NamesTable
    storage: NamesTable
    origin: CodeTable
    packs: Annotated[tuple[PackTable, ...], Meta(min_length=1, max_length=MAX_PACKS)]
    grades: Annotated[tuple[CodeTable, ...], Meta(max_length=MAX_GRADES)] = ()
    harvest: Harvest = ""
    allergens: Annotated[tuple[Allergen, ...], Meta(max_length=len(Allergen))] = ()


class ProductTable(Struct, frozen=True, forbid_unknown_fields=True):
    code: Code
    names: NamesTable
    picture: Picture
    sale: SaleTable | UnsetType = UNSET


class PriceTable(Struct, frozen=True, forbid_unknown_fields=True):
    """One of ``prices``; ``product`` is the code of a product of the same file."""

    product: str
    mode: Mode
    fen_per_kg: FenPerKg
    since: Day = ""


class ContainerTable(Struct, frozen=True, forbid_unknown_fields=True):
    """One of ``containers``; the pan finds the tare of one that is ``weighed``."""

    code: Code
    names: NamesTable
    tare_g: TareG
    picture: Picture
    weighed: bool = False


class MemberTable(Struct, frozen=True, forbid_unknown_fields=True):
    number: str
    short_name: str
    card: str | UnsetType = UNSET


class CatalogTable(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file. Every list must be there, if only empty: a forgotten one is not meant."""

    products: Annotated[tuple[ProductTable, ...], Meta(max_length=MAX_PRODUCTS)]
    prices: Annotated[tuple[PriceTable, ...], Meta(max_length=MAX_PRICES)]
    containers: Annotated[tuple[ContainerTable, ...], Meta(max_length=MAX_CONTAINERS)]
    members: Annotated[tuple[MemberTable, ...], Meta(max_length=MAX_MEMBERS)]


# Made at import: two threads that make msgspec inspect a type for the first time make it crash (0.22).
_WARMED_UP_DECODER: Final = msgspec.json.Decoder(CatalogTable)


def read_tables(document: Mapping[str, Any], file: str) -> CatalogTable:
    """Convert the document to its types. Raises CatalogError for the first thing that does not fit."""
    try:
        return msgspec.convert(document, CatalogTable, strict=True)
    except msgspec.ValidationError as error:
        raise _explain(str(error), document, file) from error
    except UnicodeEncodeError as error:
        # Only JSON can express it ("\ud800"); msgspec does not report where.
        raise CatalogError(file, "", f"has half a character in {shorten(error.object)}: remove it", "text") from error


# The problem, and the path to it from the top (`.prices[0].mode`); the top itself has no path.
_MESSAGE: Final = re.compile(r"(.*?)(?: - at `\$(.*)`)?", re.DOTALL)
_MISSING: Final = re.compile(r"Object missing required field `(.*)`", re.DOTALL)
_UNKNOWN: Final = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)


def _explain(message: str, document: Mapping[str, Any], file: str) -> CatalogError:
    found = _MESSAGE.fullmatch(message)
    problem, way = (found[1], found[2] or "") if found else (message, "")
    value: Any = document
    kind: types.Type = types.type_info(CatalogTable)
    place, in_list = "", False
    for key, number in re.findall(r"\.(\w+)|\[(\d+)\]", way):
        in_list = bool(number)
        value = value[int(number)] if in_list else value[key]
        kind = _inside(kind, key)
        place += f"[{int(number) + 1}]" if in_list else f".{key}"
    place = place.removeprefix(".")
    if missing := _MISSING.fullmatch(problem):
        return CatalogError(file, _below(place, missing[1]), "is missing", "missing")
    if unknown := _UNKNOWN.fullmatch(problem):
        problem = f"is not a known key; {_hint(unknown[1], kind)}"
        return CatalogError(file, _below(place, shorten(unknown[1])), problem, "unknown")
    if in_list or isinstance(_plain(kind), types.VarTupleType):
        return CatalogError(file, place, f"must be {_allowed_text(kind)}")
    expected = "text in quotation marks" if problem.startswith("Expected `str`, got") else _allowed_text(kind)
    return CatalogError(file, place, f"is {shorten(value)}: it must be {expected}")


def _hint(key: str, kind: types.Type) -> str:
    return "only kilograms are used" if "jin" in key.lower() else f"allowed here: {', '.join(_fields(kind))}"


def _below(place: str, key: str) -> str:
    return f"{place}.{key}" if place else key


def _plain(kind: types.Type) -> types.Type:
    return kind.type if isinstance(kind, types.Metadata) else kind


def _fields(kind: types.Type) -> Iterable[str]:
    plain = _plain(kind)
    return [row.name for row in plain.fields] if isinstance(plain, types.StructType) else []


def _inside(kind: types.Type, key: str) -> types.Type:
    """Return the type of a field, or of the items of a list."""
    plain = _plain(kind)
    if isinstance(plain, types.StructType):
        return next(row.type for row in plain.fields if row.name == key)
    assert isinstance(plain, types.VarTupleType)
    return plain.item_type


def _allowed_text(kind: types.Type) -> str:
    if isinstance(kind, types.Metadata):
        return str((kind.extra_json_schema or {})["description"])
    if isinstance(kind, types.StructType):
        return f"a table with {', '.join(_fields(kind))}"
    if isinstance(kind, types.VarTupleType):
        count = f"{kind.min_length} to" if kind.min_length else "at most"
        rows = "words" if isinstance(kind.item_type, types.EnumType) else "tables"
        return f"a list of {count} {kind.max_length} {rows}"
    if isinstance(kind, types.EnumType):
        return " or ".join(row.value for row in kind.cls)
    assert isinstance(kind, types.BoolType)
    return "true or false"
