"""What is refused at the county and not in the village.

``check_book(rows, register, region=…, today=…)`` gives every fault of the rows, ``check_rows`` those that an import is
refused for; one with ``is_warning`` may be published. A page shows the text ``book_fault_CODE`` filled with ``values``;
``str()`` is the same in English.

A product of an intake that is going on cannot be seen from here: the station refuses a document without it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Final

import msgspec

from kiosk.domain.money import MAX_FEN_PER_KG
from kiosk.messaging.contract.catalog.document import CatalogError
from kiosk.messaging.contract.catalog.file import (
    NameChecks,
    TableLocation,
    read_containers,
    read_members,
    read_products,
    reject_claims,
)
from kiosk.messaging.contract.catalog.name_rules import BadName, person_name
from kiosk.messaging.contract.catalog.tables import (
    MAX_CONTAINERS,
    MAX_MEMBERS,
    MAX_PRICES,
    MAX_PRODUCTS,
    MemberTable,
)
from kiosk.messaging.contract.configuration import MemberRow
from kiosk.messaging.contract.slip import BadSlip, check_host
from kiosk.sorting_center.configuration.rendering import BadRow, CountyRendering, read_content
from kiosk.sorting_center.desk.county_book import COUNTY, KINDS, LIVE_KINDS, BookRow, scopes_of, station_scope
from kiosk.sorting_center.desk.registry import StationRegister
from kiosk.sorting_center.desk.station_people import MIN_CLERKS

MAX_FAULTS: Final = 200
_LIMITS: Final = {
    "product": MAX_PRODUCTS,
    "price": MAX_PRICES,
    "container": MAX_CONTAINERS,
    "member": MAX_MEMBERS,
    "parcel": 5_000,
}
_UNREADABLE: Final = frozenset({"content", "missing", "price"})
_WARNINGS: Final = frozenset({"fonts_unknown", "few_clerks", "no_container"})

MESSAGES: Final[Mapping[str, str]] = tomllib.loads(Path(__file__).with_name("book_faults.toml").read_text("utf-8"))


@dataclass(frozen=True, slots=True)
class BookFault:
    """``column`` is a field of the row such as ``names.ug``, "" for the whole row; ``key`` is "" for a whole kind."""

    kind: str
    scope: str
    key: str
    column: str
    code: str
    values: Mapping[str, str | int] = field(default_factory=dict)

    @property
    def is_warning(self) -> bool:
        """It may be published."""
        return self.code in _WARNINGS

    def __str__(self) -> str:
        place = ", ".join(filter(None, (f"{self.kind} {self.key}".strip(), self.scope, self.column)))
        return f"{place}: {MESSAGES[self.code].format_map(self.values)}"


def _fault(row: BookRow, column: str, code: str, **values: str | int) -> BookFault:
    return BookFault(row.kind, row.scope, row.key, column, code, values)


def check_book(
    rows: Sequence[BookRow], register: StationRegister, *, region: str = "", today: str = ""
) -> list[BookFault]:
    """Return at most ``MAX_FAULTS``. ``region``: "" for one county's list; ``today``: day when goods need a price."""
    return list(islice(_all_faults(rows, rows, _townships(register, region), today), MAX_FAULTS))


def check_rows(rows: Sequence[BookRow], register: StationRegister, *, region: str = "") -> list[BookFault]:
    """Return what an import is refused for; its rows replace all rows of their kinds.

    Goods may come before their prices: the draft is checked when it is published. Rows that hold at once
    (``LIVE_KINDS``) are also checked for each station that gets them.
    """
    live = [row for row in rows if row.kind in LIVE_KINDS]
    return list(islice(_all_faults(rows, live, _townships(register, region), ""), MAX_FAULTS))


def _townships(register: StationRegister, region: str) -> Mapping[str, str]:
    return {station: row.township for (of, station), row in register.stations.items() if region in ("", of)}


def _rows_faults(rows: Sequence[BookRow], townships: Mapping[str, str]) -> Iterator[BookFault]:
    scopes = {COUNTY, *(scope for place in townships.items() for scope in scopes_of(*place))}
    for row in rows:
        yield from _row_faults(row, scopes)
    yield from _font_faults(rows)


def _all_faults(
    rows: Sequence[BookRow], given: Sequence[BookRow], townships: Mapping[str, str], today: str
) -> Iterator[BookFault]:
    """Yield every fault. ``given``: the rows that are also checked for each station that gets them."""
    is_readable = True
    for fault in _rows_faults(rows, townships):
        is_readable = is_readable and fault.code not in _UNREADABLE
        yield fault
    if is_readable:  # Else the same faults would come back for each station
        yield from _station_faults(CountyRendering(given), townships, today)


def _row_faults(row: BookRow, scopes: set[str]) -> Iterator[BookFault]:
    if row.kind not in KINDS:
        yield _fault(row, "", "content", problem=f"there is no kind {row.kind[:20]!r}")
        return
    if row.scope not in scopes:
        yield _fault(row, "", "scope", scope=row.scope)
    elif row.kind in ("person", "parcel") and not row.scope.startswith(station_scope("")):
        yield _fault(row, "", "scope_station")
    if not row.content:
        if row.kind == "price" and not row.key.endswith("/"):
            yield _fault(row, "since", "ends")
        return
    try:
        found = read_content(row.kind, row.key, row.content)
    except BadRow as error:
        yield _unreadable(row, str(error.__cause__))
        return
    try:
        _CHECKS.get(row.key if row.kind == "setting" else row.kind, lambda _: None)(found)
    except CatalogError as error:
        column = error.place.partition(".")[2]
        yield _catalog_fault(row, column, error, _text_at(found, column))
    except BadName as error:
        yield _fault(row, "name", error.word, text=found.name)
    except BadSlip:
        yield _fault(row, "value", "slip_host", text=found)


def _unreadable(row: BookRow, problem: str) -> BookFault:
    message, _, column = problem.partition(" - at `$.")
    column = column.rstrip("`").removeprefix("settings.").removeprefix("layouts.")
    if missing := re.search(r"missing required field `(.*?)`", message):
        return _fault(row, ".".join(filter(None, (column, missing[1]))), "missing")
    if column == "fen_per_kg":
        return _fault(row, column, "price", most=MAX_FEN_PER_KG // 100)
    return _fault(row, column, "content", problem=message[:200])


def _catalog_fault(row: BookRow, column: str, error: CatalogError, text: str) -> BookFault:
    cause = error.__cause__
    if isinstance(cause, BadName):
        return _fault(row, column, cause.word, text=text)
    code = {"number": "member_number", "card": "card"}.get(column) if row.kind == "member" else None
    return _fault(row, column, code) if code else _fault(row, column, "content", problem=error.problem)


def _text_at(found: object, column: str) -> str:
    """Return the text that a fault repeats; "" when it is not a text."""
    for name in column.split("."):
        found = getattr(found, name, "")
    return found if isinstance(found, str) else ""


def _check_product(row: Any) -> None:
    """Check also that its names make no claims: buyers read them too."""
    read_products((row,), "")
    TableLocation("", "0").names("names", row.names, NameChecks(reject_claims, reject_claims, reject_claims))


def _check_member(row: MemberRow) -> None:
    card = row.card or msgspec.UNSET
    read_members((MemberTable(row.number, row.short_name, card),), "")


_CHECKS: Final[Mapping[str, Callable[[Any], object]]] = {
    "product": _check_product,
    "container": lambda row: read_containers((row,), ""),
    "member": _check_member,
    "person": lambda row: person_name(row.name),
    "slip_host": check_host,
}


def _font_faults(rows: Sequence[BookRow]) -> Iterator[BookFault]:
    """Check glyphs and layouts. The drawing libraries are loaded here, only for publishing: the worker needs none."""
    from kiosk.labels.layout import LABELS
    from kiosk.labels.layout_check import check
    from kiosk.labels.papers.samples import SAMPLES
    from kiosk.labels.typesetting.fonts import FontProblem, require_all
    from kiosk.labels.typesetting.glyphs import has_glyph

    try:
        require_all()
    except FontProblem as error:
        yield BookFault("", "", "", "", "fonts_unknown", {"problem": str(error)})
        return
    for row in rows:
        if row.kind != "layout":
            signs = [sign for sign in dict.fromkeys(_printed(row)) if not has_glyph(sign)]
            if signs:
                listed = ", ".join(f"{sign} U+{ord(sign):04X}" for sign in signs[:8])
                yield _fault(row, "", "glyph", signs=listed)
        elif row.content:
            try:
                if row.key not in LABELS or row.key not in SAMPLES:
                    raise ValueError(f"there is no label {row.key!r} with a layout of one's own")
                check(row.key, read_content(row.kind, row.key, row.content), SAMPLES[row.key])
            except BadRow:
                continue  # Named before
            except ValueError as error:
                yield _fault(row, "text", "layout", problem=str(error)[:200])


def _printed(row: BookRow) -> str:
    """Return what a row prints, mixed with ASCII that every font has; "" when all is ASCII or nothing can be read."""
    if row.content.isascii() and "\\u" not in row.content:
        return ""
    try:
        return repr(read_content(row.kind, row.key, row.content))
    except BadRow:
        return ""


def _station_faults(rendering: CountyRendering, townships: Mapping[str, str], today: str) -> Iterator[BookFault]:
    """Yield faults once for stations at which the same rows hold, naming the first of them."""
    checked: set[object] = set()
    for station, township in sorted(townships.items()) or [("", "")]:
        for kinds, check in _OF_STATIONS:
            used = tuple(rendering.used(kind, station, township) for kind in kinds)
            if used in checked:
                continue
            checked.add(used)
            tables = {kind: rendering.tables(kind, station, township) for kind in kinds}
            for kind, (limit, count) in {kind: (_LIMITS.get(kind), len(rows)) for kind, rows in tables.items()}.items():
                if limit is not None and count > limit:
                    yield BookFault(kind, "", "", "", "too_many", {"station": station, "most": limit})
            for fault in check(rendering, station, tables, today):
                same = (fault.kind, fault.scope, fault.key, fault.code, fault.values.get("day"))
                if same not in checked:
                    checked.add(same)
                    yield fault


Tables = Mapping[str, Mapping[str, str]]


def _goods_faults(rendering: CountyRendering, station: str, tables: Tables, today: str) -> Iterator[BookFault]:
    goods, prices = tables["product"], tables["price"]
    if not rendering.has("product"):
        return
    if not goods:
        yield BookFault("product", "", "", "", "no_goods", {"station": station})
    began: dict[str, str] = {}
    for key in prices:
        product, _, since = key.split("/")
        began[product] = min(since, began.get(product, since))
        if not rendering.has("product", product):
            yield BookFault("price", "", key, "product", "no_product", {"product": product})
    for product in goods if rendering.has("price") else ():
        if product not in began:
            yield BookFault("product", "", product, "", "no_price", {"station": station})
        elif began[product] > today:
            values = {"station": station, "day": began[product]}
            yield BookFault("product", "", product, "", "no_price_until", values)


def _container_faults(rendering: CountyRendering, station: str, tables: Tables, today: str) -> Iterator[BookFault]:
    """Yield a warning for goods without containers: a station that has none of its own weighs without one."""
    if tables["product"] and not tables["container"]:
        yield BookFault("container", "", "", "", "no_container", {"station": station})


def _card_faults(rendering: CountyRendering, station: str, tables: Tables, today: str) -> Iterator[BookFault]:
    cards: dict[str, str] = {}
    for number, content in tables["member"].items():
        card = read_content("member", number, content).card
        if card and (other := cards.setdefault(card, number)) != number:
            yield BookFault("member", "", number, "card", "card_twice", {"other": other})


def _people_faults(rendering: CountyRendering, station: str, tables: Tables, today: str) -> Iterator[BookFault]:
    if station_scope(station) not in rendering.used("person", station, ""):
        return
    roles = [read_content("person", number, content).role for number, content in tables["person"].items()]
    if "technician" not in roles:
        yield BookFault("person", station_scope(station), "", "", "no_technician", {"station": station})
    if roles.count("clerk") < MIN_CLERKS:
        yield BookFault("person", station_scope(station), "", "", "few_clerks", {"station": station})


_Check = Callable[[CountyRendering, str, Tables, str], Iterator[BookFault]]
_OF_STATIONS: Final[tuple[tuple[tuple[str, ...], _Check], ...]] = (
    (("product", "price"), _goods_faults),
    (("member",), _card_faults),
    (("person",), _people_faults),
    (("product", "container"), _container_faults),
    (("parcel",), lambda *_: iter(())),
)
