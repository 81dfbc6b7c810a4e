"""The county's prices as a table to edit, of one scope: a row for goods in one mode, a column for each first day.

The text of a cell is yuan per kilogram: "24.00"; "-" where the goods are not bought in this scope; "" where the price
of a wider scope holds.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import msgspec

from kiosk.base.json_reader import Unreadable, reader
from kiosk.base.refused import Refused
from kiosk.domain.money import MAX_FEN_PER_KG
from kiosk.domain.trade import Mode
from kiosk.sorting_center.desk.county_book import BookRow, prices_of

NOT_BOUGHT: Final = "-"
_DASHES: Final = frozenset("-–—−")
_YUAN: Final = re.compile(r"[¥￥]?\s*([0-9]{1,7})(?:\.([0-9]{1,2}))?")
_MODES: Final = {mode.value: place for place, mode in enumerate(Mode)}


class PriceContent(msgspec.Struct, frozen=True):
    fen_per_kg: int


_read_price: Final = reader(msgspec.json.Decoder(PriceContent))


def parse_cell(text: str) -> str | None:
    """Return the row content for what was typed; None for no row, "" for not bought. Raises Refused: format, range."""
    cleaned = unicodedata.normalize("NFKC", text).strip()
    if not cleaned:
        return None
    if cleaned in _DASHES:
        return ""
    match = _YUAN.fullmatch(cleaned)
    if match is None:
        raise Refused("format")
    fen = int(match[1]) * 100 + int((match[2] or "").ljust(2, "0"))
    if not 1 <= fen <= MAX_FEN_PER_KG:
        raise Refused("range")
    return f'{{"fen_per_kg":{fen}}}'


def cell_text(content: str | None) -> str:
    if content is None:
        return ""
    fen = fen_of(content)
    return NOT_BOUGHT if fen is None else f"{fen // 100}.{fen % 100:02d}"


def fen_of(content: str | None) -> int | None:
    """Return fen per kg; None also for a content that is no price, which the check before publishing reports."""
    with suppress(Unreadable):
        return _read_price(content.encode()).fen_per_kg if content else None
    return None


def percent(old: int | None, new: int | None) -> str:
    """Return the change, such as ``+8.3%``; "" when one of them is missing."""
    if not old or new is None:
        return ""
    tenths = (abs(new - old) * 2000 + old) // (2 * old)
    return f"{'+' if new >= old else '-'}{tenths // 10}.{tenths % 10}%"


@dataclass(frozen=True, slots=True)
class PriceCell:
    """``own``: the text of this scope's draft, ``inherited`` what holds without it. ``old``: fen per kilogram by what
    is in force, until that day where no price begins on it (``begins``); ``new``: by the draft.
    """

    key: str
    own: str
    inherited: str
    old: int | None
    new: int | None
    begins: bool

    @property
    def differs(self) -> bool:
        return self.old != self.new and (self.begins or self.new is not None)

    @property
    def percent(self) -> str:
        return percent(self.old, self.new)


@dataclass(frozen=True, slots=True)
class PriceLine:
    """``townships`` and ``stations``: how many narrower scopes have a price of their own."""

    product: str
    mode: str
    cells: tuple[PriceCell, ...]
    townships: int
    stations: int


@dataclass(frozen=True, slots=True)
class PriceGrid:
    """``older``: how many days are not shown because newer prices hold instead."""

    days: tuple[str, ...]
    lines: tuple[PriceLine, ...]
    older: int


class ScopedPrices:
    """Price rows by scope and key."""

    def __init__(self, rows: Iterable[BookRow]) -> None:
        self.by_scope: dict[str, dict[str, str]] = {}
        for row in rows:
            if row.kind == "price":
                self.by_scope.setdefault(row.scope, {})[row.key] = row.content

    @cached_property
    def pairs(self) -> Mapping[str, frozenset[tuple[str, str]]]:
        """Product and mode of every row, by scope."""
        split = {scope: (key.split("/") for key in rows) for scope, rows in self.by_scope.items()}
        return {scope: frozenset((key[0], key[1]) for key in keys) for scope, keys in split.items()}

    def own(self, scope: str, key: str) -> str | None:
        return self.by_scope.get(scope, {}).get(key)


class HoldingPrices:
    """What holds in the narrowest of ``levels``, which go from wide to narrow."""

    def __init__(self, prices: ScopedPrices, levels: Iterable[str]) -> None:
        self.contents = prices_of([prices.by_scope.get(scope, {}) for scope in levels])
        self._days: dict[str, list[str]] = {}
        for key in sorted(self.contents):
            line, _, since = key.rpartition("/")
            self._days.setdefault(line, []).append(since)

    def fen(self, key: str) -> int | None:
        return fen_of(self.contents.get(key))

    def fen_until(self, key: str) -> int | None:
        """Return the price of the row; without one that of the day before, which a new price replaces."""
        if key in self.contents:
            return self.fen(key)
        line, _, since = key.rpartition("/")
        earlier = [day for day in self._days.get(line, ()) if day < since]
        return self.fen(f"{line}/{earlier[-1]}") if earlier else None


@dataclass(frozen=True, slots=True)
class GridView:
    """What of the table is shown. ``levels``: the scope and the wider ones, widest first; ``stations``: those of a
    township, None for the whole county; ``keys``: cells to show in any case.
    """

    levels: Sequence[str]
    stations: frozenset[str] | None
    today: str
    keys: frozenset[str] = frozenset()
    all_days: bool = False


def price_grid(draft: ScopedPrices, released: ScopedPrices, view: GridView) -> PriceGrid:
    scope, old, new = view.levels[-1], HoldingPrices(released, view.levels), HoldingPrices(draft, view.levels)
    wider = HoldingPrices(draft, view.levels[:-1])
    days_of: dict[tuple[str, str], set[str]] = {}
    for key in old.contents.keys() | new.contents.keys() | view.keys:
        product, mode, since = key.split("/")
        days_of.setdefault((product, mode), set()).add(since)
    days = {day for days in days_of.values() for day in days}
    shown = days if view.all_days else {day for days in days_of.values() for day in _current(days, view.today)}
    shown |= {key.rpartition("/")[2] for key in view.keys}
    counts = _narrower(draft, view)

    def cell(key: str) -> PriceCell:
        row = draft.own(scope, key)
        own, inherited = cell_text(row), cell_text((new if row is None else wider).contents.get(key))
        return PriceCell(key, own, inherited, old.fen_until(key), new.fen(key), key in old.contents)

    ordered = tuple(sorted(shown or {""}))
    lines = [
        PriceLine(*pair, tuple(cell("/".join((*pair, day))) for day in ordered), *counts.get(pair, (0, 0)))
        for pair in sorted(days_of, key=lambda pair: (pair[0], _MODES.get(pair[1], 9)))
    ]
    return PriceGrid(ordered, tuple(lines), len(days - shown))


def _current(days: set[str], today: str) -> Iterable[str]:
    """Yield the newest day that has begun, and those to come."""
    yield from (day for day in days if day > today)
    yield max((day for day in days if day <= today), default="")


def _narrower(draft: ScopedPrices, view: GridView) -> Mapping[tuple[str, str], tuple[int, int]]:
    """Count, by product and mode, the townships and stations within the scope that have their own prices."""
    found: dict[tuple[str, str], tuple[int, int]] = {}
    for scope, pairs in draft.pairs.items():
        kind, _, name = scope.partition(":")
        inside = view.stations is None or (kind == "station" and name in view.stations)
        for pair in pairs if inside and scope not in view.levels else ():
            townships, stations = found.get(pair, (0, 0))
            found[pair] = (townships + (kind == "township"), stations + (kind == "station"))
    return found
