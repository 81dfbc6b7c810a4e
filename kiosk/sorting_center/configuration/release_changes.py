"""What a draft changes of what is in force, and at which stations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from kiosk.sorting_center.desk.county_book import BookRow, scopes_of

ByScope = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RowChange:
    """``old`` and ``new``: contents of the row, None for no row. ``stations``: those at which it makes something else
    hold, each at the narrowest change."""

    kind: str
    scope: str
    key: str
    old: str | None
    new: str | None
    stations: frozenset[str] = frozenset()


def _by_key(rows: Iterable[BookRow]) -> dict[tuple[str, str], dict[str, str]]:
    found: dict[tuple[str, str], dict[str, str]] = {}
    for row in rows:
        found.setdefault((row.kind, row.key), {})[row.scope] = row.content
    return found


def release_changes(
    before: Iterable[BookRow], after: Iterable[BookRow], townships: Mapping[str, str]
) -> Sequence[RowChange]:
    """In the order of kind, key and scope. ``townships``: of each station of the county, "" for none."""
    old_rows, new_rows = _by_key(before), _by_key(after)
    scopes = {station: scopes_of(station, township)[::-1] for station, township in townships.items()}
    found = []
    for kind, key in sorted(old_rows.keys() | new_rows.keys()):
        old, new = old_rows.get((kind, key), {}), new_rows.get((kind, key), {})
        changed = sorted(scope for scope in old.keys() | new.keys() if old.get(scope) != new.get(scope))
        stations: dict[str, set[str]] = {scope: set() for scope in changed}
        for station, own in scopes.items() if changed else ():
            if _holding(old, own) != _holding(new, own):
                stations[next(scope for scope in own if scope in stations)].add(station)
        found += [
            RowChange(kind, scope, key, old.get(scope), new.get(scope), frozenset(stations[scope])) for scope in changed
        ]
    return found


def _holding(rows: ByScope, scopes: Sequence[str]) -> str:
    """Empty where nothing holds."""
    return next((rows[scope] for scope in scopes if scope in rows), "")
