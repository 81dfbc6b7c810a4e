"""Which county, township or station a page edits, and what the draft and the release in force hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import groupby
from typing import Any, Final

import msgspec
from flask import current_app, request, url_for
from werkzeug.exceptions import NotFound

from kiosk.base.refused import Refused
from kiosk.messaging.contract.catalog.tables import ProductTable
from kiosk.sorting_center.configuration.checks import BookFault, check_book
from kiosk.sorting_center.configuration.goods_form import FIELDS, form_fields
from kiosk.sorting_center.configuration.price_grid import HoldingPrices, ScopedPrices, percent
from kiosk.sorting_center.configuration.release_changes import RowChange, release_changes
from kiosk.sorting_center.configuration.rendering import BadRow, read_content
from kiosk.sorting_center.desk.county_book import COUNTY, PUBLISHED_KINDS, BookRow, Draft, rows_for, scopes_of
from kiosk.sorting_center.web.shared.access import access_policy, current_principal
from kiosk.sorting_center.web.shared.query_params import parse_whole_number
from kiosk.sorting_center.web.shared.sources import sources

# Of static/goods, which a test compares with the drawings of the stations.
GOODS_DRAWINGS: Final = (
    *("apple", "apricot", "badam", "chili", "fig", "grape", "honey", "jujube", "melon", "mulberry", "peach", "pear"),
    *("pistachio", "pomegranate", "raisin", "walnut", "other"),
)
CONTAINER_DRAWINGS: Final = ("sack", "crate", "bucket", "own-container", "none", "other")
_MAX_STORED: Final = 8  # Counties


class CountyContent:
    """Rows of the draft and of the release in force at one revision, and what follows from them: read once for all
    pages until the next change, because a county with separate prices at each station has ten thousand rows.
    """

    def __init__(self, region: str, revision: int, townships: Mapping[str, str]) -> None:
        self.region, self.revision, self.townships = region, revision, townships
        self._faults: dict[str, Sequence[BookFault]] = {}

    @cached_property
    def rows(self) -> Sequence[BookRow]:
        return sources().desk.book.rows(self.region, PUBLISHED_KINDS)

    @cached_property
    def released(self) -> Sequence[BookRow]:
        return sources().desk.book.released(self.region)

    @cached_property
    def changes(self) -> Sequence[RowChange]:
        return release_changes(self.released, self.rows, self.townships)

    def faults(self) -> Sequence[BookFault]:
        """Return the faults as of today."""
        today = sources().now().date().isoformat()
        if today not in self._faults:
            register = sources().desk.registry.current()
            self._faults = {today: check_book(self.rows, register, region=self.region, today=today)}
        return self._faults[today]

    @cached_property
    def prices(self) -> ScopedPrices:
        return ScopedPrices(self.rows)

    @cached_property
    def released_prices(self) -> ScopedPrices:
        return ScopedPrices(self.released)

    @cached_property
    def names(self) -> Mapping[str, ProductTable]:
        """Goods by code; also of goods that only a release or another scope has."""
        found = {}
        for row in (*self.released, *self.rows):
            if row.kind == "product" and row.content:
                with suppress(BadRow):  # The check before publishing names what cannot be read
                    found[row.key] = read_content(row.kind, row.key, row.content)
        return found


@dataclass(frozen=True)
class CountyDraft:
    """Of the region and scope that the address names; the region is "" where no station is expected anywhere."""

    region: str
    scope: str
    regions: Sequence[str]
    townships: Mapping[str, str]  # By station
    villages: Mapping[str, str]
    # Read before its rows: a change that comes between the two is noticed when this one is saved.
    draft: Draft
    content: CountyContent

    @property
    def last_changer(self) -> str:
        return self.draft.changed_by.rpartition(" ")[2] or "–"

    @property
    def levels(self) -> tuple[str, ...]:
        return self.levels_of(self.scope)

    def levels_of(self, scope: str) -> tuple[str, ...]:
        """Return the scope and the wider ones, the widest first."""
        return scopes_of(*self._place(scope))

    def _place(self, scope: str) -> tuple[str, str]:
        """Return station and township."""
        kind, _, name = scope.partition(":")
        return (name, self.townships.get(name, "")) if kind == "station" else ("", name)

    @property
    def stations(self) -> frozenset[str]:
        """Those of the scope."""
        return frozenset(one for one in self.townships if self.scope in scopes_of(one, self.townships[one]))

    @cached_property
    def holding(self) -> Mapping[str, dict[str, str]]:
        """What holds in this scope by the draft: by kind and key, the content."""
        return rows_for(self.content.rows, *self._place(self.scope))

    @cached_property
    def own(self) -> Mapping[tuple[str, str], str]:
        """The rows of this scope alone: by kind and key, the content."""
        return {(row.kind, row.key): row.content for row in self.content.rows if row.scope == self.scope}

    def drawing(self, name: str) -> str:
        """Return the address of a drawing of goods; for an unknown name the one that a station shows then."""
        known = name if name in (*GOODS_DRAWINGS, *CONTAINER_DRAWINGS) else "other"
        return url_for("static", filename=f"goods/{known}.svg")

    def address(self, endpoint: str, **values: Any) -> str:
        return url_for(endpoint, region=self.region, scope=self.scope or None, **values)

    def save(self, changed: Sequence[BookRow], removed: Sequence[BookRow], *, untouched: bool) -> None:
        """Save by the revision that was seen, or by the present one when others changed nothing that the form shows.

        Raises Refused: changed_meanwhile.
        """
        book, who, now = sources().desk.book, current_principal().person.name, access_policy().now()
        try:
            book.change(self.region, changed, seen_revision(), who, now, removed)
        except Refused as error:
            if error.code != "changed_meanwhile" or not untouched:
                raise
            book.change(self.region, changed, self.draft.revision, who, now, removed)


def county_draft() -> CountyDraft:
    """Load what ``?region=&scope=`` names. Raises NotFound for one that is not in the list of stations."""
    stations = sources().desk.registry.current().stations
    regions = sorted({region for region, _ in stations})
    region = request.args.get("region") or next(iter(regions), "")
    scope = request.args.get("scope", "")
    own = {key[1]: row for key, row in sorted(stations.items()) if key[0] == region}
    townships = {name: row.township for name, row in own.items()}
    known = {COUNTY, *(one for place in townships.items() for one in scopes_of(*place))}
    if (region and region not in regions) or scope not in known:
        raise NotFound("there is no such county, township or station in the list of stations")
    villages = {name: row.village for name, row in own.items()}
    draft = sources().desk.book.draft(region)
    found: dict[str, CountyContent] = current_app.extensions.setdefault("county_content", {})
    stored = found.get(region)
    if stored is None or (stored.revision, stored.townships) != (draft.revision, townships):
        if len(found) >= _MAX_STORED:
            found.clear()
        stored = found[region] = CountyContent(region, draft.revision, townships)
    return CountyDraft(region, scope, regions, townships, villages, draft, stored)


def seen_revision() -> int:
    """Return the revision that the person saw, from the form; -1, which no draft has, for anything else."""
    found = parse_whole_number(request.form.get("revision", "")[:20])
    return -1 if found is None else found


@dataclass(frozen=True, slots=True)
class ShownChange:
    """``cells``: column, text before, text after. ``percent``: of a price, "" otherwise."""

    change: RowChange
    cells: Sequence[tuple[str, str, str]]
    old_fen: int | None = None
    new_fen: int | None = None

    @property
    def percent(self) -> str:
        return percent(self.old_fen, self.new_fen)


def changes_by_kind(
    county: CountyDraft, changes: Iterable[RowChange], old: ScopedPrices, new: ScopedPrices
) -> Mapping[str, Sequence[ShownChange]]:
    """Group the changes by kind; those of prices with what holds in the scope before and after."""

    @cache
    def holding(scope: str) -> tuple[HoldingPrices, HoldingPrices]:
        levels = county.levels_of(scope)
        return HoldingPrices(old, levels), HoldingPrices(new, levels)

    def shown(change: RowChange) -> ShownChange:
        if change.kind != "price":
            return _shown(change)
        was, becomes = holding(change.scope)
        return ShownChange(change, (), was.fen_until(change.key), becomes.fen(change.key))

    by_kind = {kind: list(found) for kind, found in groupby(changes, lambda change: change.kind)}
    return {kind: [shown(one) for one in by_kind[kind]] for kind in PUBLISHED_KINDS if kind in by_kind}


def _shown(change: RowChange) -> ShownChange:
    old, new = (_fields(change.kind, content) for content in (change.old, change.new))
    cells = [(name, old.get(name, ""), new.get(name, "")) for name in dict.fromkeys((*old, *new))]
    return ShownChange(change, [cell for cell in cells if cell[1] != cell[2]])


def _fields(kind: str, content: str | None) -> Mapping[str, str]:
    if not content:
        return {}
    if kind in FIELDS:
        return form_fields(kind, content)
    return {name: str(value) for name, value in msgspec.json.decode(content).items()}
