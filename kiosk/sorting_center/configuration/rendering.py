"""From the county's rows to the parts of a station's document.

``render(rows, station, township)`` makes those of one station. For all stations of a county make one
``CountyRendering(rows)`` and call ``parts`` for each: a part is made once for all stations at which the same scopes
have rows of it, so 200 stations that share 20,000 members cost little more than one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property, partial
from typing import Any, Final, TypeVar

import msgspec

from kiosk.base.json_reader import Unreadable, reader
from kiosk.domain.trade import Mode
from kiosk.messaging.contract.catalog.tables import ContainerTable, PriceTable, ProductTable
from kiosk.messaging.contract.configuration import (
    AnyPart,
    ClerkRow,
    ClerksPart,
    ContainersPart,
    CountySettings,
    GoodsPart,
    LayoutsPart,
    MemberRow,
    MembersPart,
    ParcelRow,
    ParcelsPart,
    PricesPart,
    SettingsPart,
    encode_part,
)
from kiosk.sorting_center.desk.county_book import BookRow, rows_for, scopes_of, station_scope

# Made only of a station's own rows: without any, the station's people stay as they are.
_OF_STATIONS: Final = ("person", "parcel")
_MODES: Final = {mode.value: place for place, mode in enumerate(Mode)}  # A station offers the first one
_read_json: Final = reader(msgspec.json.Decoder(dict[str, Any]))

Rows = Mapping[str, str]  # By key, the content
T = TypeVar("T")


class BadRow(ValueError):
    """The content of a row is not what its kind holds."""


def read_content(kind: str, key: str, content: str) -> Any:
    """Parse a row into its table or row of the contract; a layout is its text, a setting its value. Raises BadRow."""
    try:
        return _CONTENTS[kind](key, _read_json(content.encode()))
    except (Unreadable, UnicodeEncodeError, msgspec.ValidationError, ValueError, KeyError, TypeError) as error:
        raise BadRow(f"{kind} {key}: {error}") from error


# Built at import: two threads that are the first to have msgspec inspect a type make it crash (0.22).
_TYPES: Final = (ProductTable, PriceTable, ContainerTable, ClerkRow, ParcelRow, LayoutsPart, CountySettings)
_PREBUILT_DECODERS: Final = [msgspec.json.Decoder(kind) for kind in _TYPES]


def _convert(kind: type[T], fields: dict[str, Any]) -> T:
    return msgspec.convert(fields, kind)


def _coded(kind: type[Any], key: str, fields: dict[str, Any]) -> Any:
    row = _convert(kind, {"code": key} | fields)
    if row.code != key:
        raise ValueError(f"its code is {row.code}")
    return row


def _price(key: str, fields: dict[str, Any]) -> PriceTable:
    if key.count("/") != 2:
        raise ValueError("the key of a price is CODE/mode/since")
    product, mode, since = key.split("/")
    return _convert(PriceTable, {"product": product, "mode": mode, "since": since} | fields)


def _layout(key: str, fields: dict[str, Any]) -> str:
    return _convert(LayoutsPart, {"layouts": {key: fields["text"]}}).layouts[key]


def _setting(key: str, fields: dict[str, Any]) -> str:
    return str(getattr(_convert(CountySettings, {key: fields["value"]}), key))


_CONTENTS: Final[Mapping[str, Callable[[str, dict[str, Any]], Any]]] = {
    "product": partial(_coded, ProductTable),
    "price": _price,
    "container": partial(_coded, ContainerTable),
    "member": lambda key, fields: MemberRow(key, str(fields["short_name"]), str(fields.get("card", ""))),
    "person": lambda key, fields: _convert(ClerkRow, {"number": key} | fields),
    "layout": _layout,
    "setting": _setting,
    "parcel": lambda key, fields: _convert(ParcelRow, {"waybill": key} | fields),
}


def _price_order(row: PriceTable) -> tuple[str, int, str]:
    return row.product, _MODES[row.mode], row.since


# By kind the name of the part, and what makes it of the rows that hold, by key as `read_content` gives them.
_PARTS: Final[Mapping[str, tuple[str, Callable[[dict[str, Any]], AnyPart]]]] = {
    "product": ("goods", lambda found: GoodsPart(tuple(found.values()))),
    "price": ("prices", lambda found: PricesPart(tuple(sorted(found.values(), key=_price_order)))),
    "container": ("containers", lambda found: ContainersPart(tuple(found.values()))),
    "member": ("members", lambda found: MembersPart(tuple(found.values()))),
    "person": ("clerks", lambda found: ClerksPart(tuple(found.values()))),
    "layout": ("layouts", LayoutsPart),
    "setting": ("settings", lambda found: SettingsPart(CountySettings(**found))),
    "parcel": ("parcels", lambda found: ParcelsPart(tuple(found.values()))),
}


class CountyRendering:
    """The parts of every station of one county, of the rows of one moment."""

    def __init__(self, rows: Iterable[BookRow]) -> None:
        self._rows: dict[str, dict[str, list[BookRow]]] = {}  # By kind and scope
        for row in rows:
            self._rows.setdefault(row.kind, {}).setdefault(row.scope, []).append(row)
        self._made: dict[tuple[tuple[str, ...], ...], bytes] = {}

    def parts(self, station: str, township: str) -> Mapping[str, bytes]:
        """Return bytes by name. A kind without rows in the whole county is left out, and stays at the station as it is.

        A price of goods that the station does not have is left out. Raises BadRow.
        """
        found: dict[str, bytes] = {}
        for kind, (name, _) in _PARTS.items():
            used = self.used(kind, station, township)
            if not self.has(kind) or (kind in _OF_STATIONS and station_scope(station) not in used):
                continue
            place = (used, self.used("product", station, township)) if kind == "price" else (used,)
            if place not in self._made:
                self._made[place] = self._make(kind, station, township)
            found[name] = self._made[place]
        return found

    def has(self, kind: str, key: str = "") -> bool:
        """Return whether there is a row, or one with this key that holds anywhere."""
        return key in self._keys.get(kind, ()) if key else kind in self._rows

    def used(self, kind: str, station: str, township: str) -> tuple[str, ...]:
        """Return the kind and its scopes with rows for a station: where they are equal, the same rows hold."""
        return (kind, *(scope for scope in scopes_of(station, township) if scope in self._rows.get(kind, {})))

    def tables(self, kind: str, station: str, township: str) -> Rows:
        """Return what holds of one kind at a station: content by key."""
        scopes = self._rows.get(kind, {})
        return rows_for(
            (row for scope in scopes_of(station, township) for row in scopes.get(scope, ())), station, township
        ).get(kind, {})

    @cached_property
    def _keys(self) -> Mapping[str, set[str]]:
        return {
            kind: {row.key for rows in scopes.values() for row in rows if row.content}
            for kind, scopes in self._rows.items()
        }

    def _make(self, kind: str, station: str, township: str) -> bytes:
        rows = self.tables(kind, station, township)
        if kind == "price" and self.has("product"):
            goods = self.tables("product", station, township)
            rows = {key: content for key, content in rows.items() if key.partition("/")[0] in goods}
        _, make = _PARTS[kind]
        return encode_part(make({key: read_content(kind, key, content) for key, content in rows.items()}))


def render(rows: Sequence[BookRow], station: str, township: str) -> Mapping[str, bytes]:
    """Return the parts of one station's document, by name. Raises BadRow."""
    return CountyRendering(rows).parts(station, township)
