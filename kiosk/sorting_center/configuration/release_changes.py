"""What a draft changes of what is in force, and at which stations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from kiosk.sorting_center.desk.county_book import COUNTY, BookRow, station_scope, township_scope

ByScope = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RowChange:
    """``old`` and ``new``: contents of the row, None for no row. ``stations``: those at which something else holds."""

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
    scopes = {station: _scopes(station, township) for station, township in townships.items()}
    inside: dict[str, set[str]] = {}
    for station, own in scopes.items():
        for scope in own:
            inside.setdefault(scope, set()).add(station)
    found = []
    for kind, key in sorted(old_rows.keys() | new_rows.keys()):
        old, new = old_rows.get((kind, key), {}), new_rows.get((kind, key), {})
        if old == new:
            continue
        affected = frozenset(one for one, own in scopes.items() if _holding(old, own) != _holding(new, own))
        for scope in sorted(scope for scope in old.keys() | new.keys() if old.get(scope) != new.get(scope)):
            stations = affected & inside.get(scope, set())
            found.append(RowChange(kind, scope, key, old.get(scope), new.get(scope), stations))
    return found


def _scopes(station: str, township: str) -> tuple[str, ...]:
    return (station_scope(station), *((township_scope(township),) if township else ()), COUNTY)


def _holding(rows: ByScope, scopes: Sequence[str]) -> str:
    """Empty where nothing holds."""
    return next((rows[scope] for scope in scopes if scope in rows), "")
