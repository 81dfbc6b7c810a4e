"""What a county gives its stations: rows at three levels, changed as a draft and published, or holding at once.

A row of a narrower scope holds instead of that of a wider one: station before township before county. A price holds
from its day on, whatever a wider scope says for a later day.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, delete, insert, select, update

from kiosk.base.refused import Refused
from kiosk.sorting_center.desk.shared.database import DeskDatabase
from kiosk.sorting_center.desk.shared.schema import county_draft, county_release, county_row
from kiosk.sorting_center.ledger.database.times import to_rfc3339

# Drafted, and published by a second person.
PUBLISHED_KINDS: Final = ("product", "price", "container", "layout", "setting")
# In force at once: a departure must not wait for a second person.
LIVE_KINDS: Final = ("member", "person", "parcel")
KINDS: Final = (*PUBLISHED_KINDS, *LIVE_KINDS)

COUNTY: Final = ""
_TOWNSHIP, _STATION = "township:", "station:"


def township_scope(name: str) -> str:
    return _TOWNSHIP + name


def station_scope(station: str) -> str:
    return _STATION + station


def scopes_of(station: str, township: str) -> tuple[str, ...]:
    """Return the scopes whose rows hold there, the widest first; either argument may be ""."""
    narrower = (township and township_scope(township), station and station_scope(station))
    return (COUNTY, *filter(None, narrower))


class BookRow(msgspec.Struct, frozen=True):
    """``content``: JSON of what the row holds, "" where the row of a wider scope does not hold."""

    kind: str
    scope: str
    key: str
    content: str


_ROWS: Final = msgspec.json.Decoder(tuple[BookRow, ...])


@dataclass(frozen=True, slots=True)
class Draft:
    """``revision`` counts every change; ``number`` those that stations get. ``changed_by``: all who have changed the
    draft since the last release, the latest last, separated by spaces; changes of LIVE_KINDS do not count here.
    """

    revision: int = 0
    number: int = 0
    changed_by: str = ""
    changed_at: str = "1970-01-01T00:00:00.000Z"


@dataclass(frozen=True, slots=True)
class Release:
    number: int
    changed_by: str
    published_by: str
    note: str
    alone: bool
    published_at: str


class CountyBook:
    def __init__(self, database: DeskDatabase) -> None:
        self._database = database

    def draft(self, region: str) -> Draft:
        with self._database.reading() as connection:
            return _draft(connection, region)

    def rows(self, region: str, kinds: Iterable[str] = KINDS) -> list[BookRow]:
        """Return rows of the draft and those that hold at once, in the order of their keys."""
        with self._database.reading() as connection:
            return _rows(connection, region, kinds)

    def change(
        self,
        region: str,
        rows: Sequence[BookRow],
        seen: int,
        who: str,
        now: datetime,
        removed: Sequence[BookRow] = (),
    ) -> Draft:
        """Replace the rows of the same kind, scope and key by these, and remove others, all or none.

        Where a row is removed, that of a wider scope holds again. ``seen``: the revision that the person saw. Raises
        Refused: changed_meanwhile.
        """
        c, kinds = county_row.c, {row.kind for row in (*rows, *removed)}
        with self._database.writing() as connection:
            before = _lock(connection, region)
            if before.revision != seen:
                raise Refused("changed_meanwhile", f"{_last(before)} has changed it meanwhile: look at it again")
            for row in (*rows, *removed):
                connection.execute(
                    delete(county_row).where(
                        c.region == region, c.kind == row.kind, c.scope == row.scope, c.key == row.key
                    )
                )
            if rows:
                connection.execute(
                    insert(county_row), [{"region": region} | msgspec.structs.asdict(row) for row in rows]
                )
            number = before.number + (not kinds.isdisjoint(LIVE_KINDS))
            after = replace(before, revision=before.revision + 1, number=number)
            if not kinds.isdisjoint(PUBLISHED_KINDS):
                others = [name for name in before.changed_by.split() if name != who]
                after = replace(after, changed_by=" ".join([*others, who]), changed_at=to_rfc3339(now))
            _store(connection, region, after)
        return after

    def replace(
        self, region: str, kinds: Sequence[str], rows: Sequence[BookRow], seen: int, who: str, now: datetime
    ) -> Draft:
        """Replace all rows of these kinds, as an import does. Raises Refused: changed_meanwhile."""
        listed = {(row.kind, row.scope, row.key) for row in rows}
        removed = [row for row in self.rows(region, kinds) if (row.kind, row.scope, row.key) not in listed]
        return self.change(region, rows, seen, who, now, removed)

    def publish(self, region: str, seen: int, who: str, note: str, now: datetime, *, alone_allowed: bool) -> Release:
        """Publish the draft for the stations. Raises Refused: changed_meanwhile, same_person, nothing_new."""
        with self._database.writing() as connection:
            draft = _lock(connection, region)
            if draft.revision != seen:
                raise Refused("changed_meanwhile", f"{_last(draft)} has changed it meanwhile: look at it again")
            content = _ROWS_ENCODER.encode(_rows(connection, region, PUBLISHED_KINDS))
            last = _last_release(connection, region)
            if last is not None and zlib.decompress(last.content) == content:
                raise Refused("nothing_new", "the draft is what was published last")
            is_own = who in draft.changed_by.split()
            if is_own and not alone_allowed:
                raise Refused("same_person", "somebody else has to publish what you have changed")
            number = draft.number + 1
            made = Release(number, draft.changed_by, who, note, is_own, to_rfc3339(now))
            values = {name: getattr(made, name) for name in Release.__dataclass_fields__}
            connection.execute(
                insert(county_release).values(region=region, content=zlib.compress(content, 9), **values)
            )
            _store(connection, region, Draft(draft.revision + 1, number, "", draft.changed_at))
        return made

    def releases(self, region: str, limit: int = 100) -> list[Release]:
        """Return the newest first."""
        c = county_release.c
        columns = [c[name] for name in Release.__dataclass_fields__]
        query = select(*columns).where(c.region == region).order_by(c.number.desc()).limit(limit)
        with self._database.reading() as connection:
            return [Release(*row) for row in connection.execute(query)]

    def released(self, region: str, number: int | None = None) -> tuple[BookRow, ...]:
        """Return the rows of a release, None for the newest; empty without one."""
        c = county_release.c
        query = select(c.content).where(c.region == region).order_by(c.number.desc()).limit(1)
        if number is not None:
            query = query.where(c.number == number)
        with self._database.reading() as connection:
            content = connection.execute(query).scalar_one_or_none()
        return _ROWS.decode(zlib.decompress(content)) if content is not None else ()

    def in_force(self, region: str) -> tuple[int, tuple[BookRow, ...]]:
        """Return the number and rows that stations are to have: the newest release and what holds at once."""
        with self._database.reading() as connection:
            number = _draft(connection, region).number
            last = _last_release(connection, region)
            live = _rows(connection, region, LIVE_KINDS)
        released = _ROWS.decode(zlib.decompress(last.content)) if last is not None else ()
        return number, (*released, *live)


def rows_for(rows: Iterable[BookRow], station: str, township: str) -> Mapping[str, dict[str, str]]:
    """Return what holds at one station: content by kind and key."""
    ranks = {scope: rank for rank, scope in enumerate(scopes_of(station, township))}
    levels: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        rank = ranks.get(row.scope)
        if rank is not None:
            levels.setdefault(row.kind, [{} for _ in ranks])[rank][row.key] = row.content
    result: dict[str, dict[str, str]] = {}
    for kind in sorted(levels):
        merged = prices_of(levels[kind]) if kind == "price" else {k: v for own in levels[kind] for k, v in own.items()}
        found = {key: merged[key] for key in sorted(merged) if merged[key]}
        if found:
            result[kind] = found
    return result


def prices_of(levels: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return what holds from a day on, by ``CODE/mode/since``; "" where goods are not bought. ``levels``: widest first.

    On each day the narrowest level with a price by then holds: a later price of the county does not undo a township's.
    """
    lines: dict[str, list[dict[str, str]]] = {}
    for number, level in enumerate(levels):
        for key, content in level.items():
            line, _, since = key.rpartition("/")
            lines.setdefault(line, [{} for _ in levels])[number][since] = content
    return {
        f"{line}/{day}": next(own[max(days)] for own in reversed(dated) if (days := [at for at in own if at <= day]))
        for line, dated in lines.items()
        for day in {day for own in dated for day in own}
    }


_ROWS_ENCODER: Final = msgspec.json.Encoder()


def _rows(connection: Connection, region: str, kinds: Iterable[str]) -> list[BookRow]:
    c = county_row.c
    query = select(c.kind, c.scope, c.key, c.content).where(c.region == region, c.kind.in_(list(kinds)))
    return [BookRow(*row) for row in connection.execute(query.order_by(c.kind, c.scope, c.key))]


def _draft(connection: Connection, region: str) -> Draft:
    c = county_draft.c
    row = connection.execute(
        select(c.revision, c.number, c.changed_by, c.changed_at).where(c.region == region)
    ).one_or_none()
    return Draft(*row) if row is not None else Draft()


def _last(draft: Draft) -> str:
    return draft.changed_by.rpartition(" ")[2] or "somebody"


def _lock(connection: Connection, region: str) -> Draft:
    """Return the draft, locked against other changes until this transaction ends."""
    c = county_draft.c
    query = select(c.revision, c.number, c.changed_by, c.changed_at).where(c.region == region).with_for_update()
    row = connection.execute(query).one_or_none()
    if row is not None:
        return Draft(*row)
    draft = Draft()
    values = {name: getattr(draft, name) for name in Draft.__dataclass_fields__}
    connection.execute(insert(county_draft).values(region=region, **values))
    return draft


def _store(connection: Connection, region: str, draft: Draft) -> None:
    values = {name: getattr(draft, name) for name in Draft.__dataclass_fields__}
    connection.execute(update(county_draft).where(county_draft.c.region == region).values(**values))


def _last_release(connection: Connection, region: str) -> Any:
    c = county_release.c
    query = select(c.number, c.content).where(c.region == region).order_by(c.number.desc()).limit(1)
    return connection.execute(query).one_or_none()
