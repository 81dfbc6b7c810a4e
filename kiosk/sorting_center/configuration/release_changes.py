"""What a draft changes of what is in force, and at which stations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from kiosk.sorting_center.desk.county_book import BookRow, scopes_of

ByScope = Mapping[str, str]
ByKey = Mapping[tuple[str, str], ByScope]


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
    """Return changes in the order of kind, key and scope. ``townships``: of each station of the county, "" for none."""
    old_rows, new_rows = _by_key(before), _by_key(after)
    scopes = {station: scopes_of(station, township)[::-1] for station, township in townships.items()}
    found = []
    for kind, key in sorted(old_rows.keys() | new_rows.keys()):
        old, new = old_rows.get((kind, key), {}), new_rows.get((kind, key), {})
        changed = sorted(scope for scope in old.keys() | new.keys() if old.get(scope) != new.get(scope))
        if not changed:
            continue
        stations: dict[str, set[str]] = {scope: set() for scope in changed}
        present, next_ones = (_candidates(rows, kind, key) for rows in (old_rows, new_rows))
        for station, own in scopes.items():
            if _holding(present, own) != _holding(next_ones, own):
                stations[next(scope for scope in own if scope in stations)].add(station)
        found += [
            RowChange(kind, scope, key, old.get(scope), new.get(scope), frozenset(stations[scope])) for scope in changed
        ]
    return found


def _candidates(rows: ByKey, kind: str, key: str) -> list[ByScope]:
    """Return the rows that may hold on the first day of this one. For a price also those of earlier days, the latest
    first: an earlier price of a township hides the county's.
    """
    if kind != "price":
        return [rows.get((kind, key), {})]
    line = key.rpartition("/")[0]
    keys = [other for of, other in rows if of == kind and other.rpartition("/")[0] == line and other <= key]
    return [rows[kind, other] for other in sorted(keys, reverse=True)]


def _holding(candidates: Sequence[ByScope], scopes: Sequence[str]) -> str:
    """Return the content of the narrowest scope; "" when nothing holds."""
    return next((rows[scope] for scope in scopes for rows in candidates if scope in rows), "")
