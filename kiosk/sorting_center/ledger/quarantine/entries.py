"""What is set apart, read for a person: lists, and one event beside what stands around its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, Table, func, select

from kiosk.domain.events.rules import event_fault
from kiosk.messaging.contract.envelope import EVENT_TYPES, MAX_EVENT_BYTES, data_as, detail_fault, usable_text
from kiosk.messaging.contract.receive import BadEvent, parse_event
from kiosk.messaging.contract.seal import ZERO_HASH
from kiosk.messaging.contract.strict_json import StrictJsonError, read
from kiosk.sorting_center.ledger.acceptance.accept import replace_nul
from kiosk.sorting_center.ledger.database.schema import archived, event, quarantine, stream
from kiosk.sorting_center.ledger.shared.records import EventKey

MAX_PAGE: Final = 100
MAX_GROUPS: Final = 200
MAX_SAME_NUMBER: Final = 20  # Other contents of one number: a copied disk makes one, a stranger any number


@dataclass(frozen=True, slots=True)
class QuarantinedEvent:
    """An event that is set apart. ``size_bytes`` is that of its body, which is empty when it is not kept any more."""

    id: int
    key: EventKey
    reason: str
    type: str
    size_bytes: int
    received_at: str


@dataclass(frozen=True, slots=True)
class QuarantineGroup:
    """How many events of a station are set apart for a reason."""

    region: str
    station: str
    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class QuarantineFilter:
    """Which of them; "" for all."""

    reason: str = ""
    station: str = ""
    region: str = ""

    @property
    def condition(self) -> Sequence[ColumnElement[bool]]:
        pairs = ((quarantine.c.reason, self.reason), (quarantine.c.station, self.station))
        return [column == value for column, value in (*pairs, (quarantine.c.region, self.region)) if value]


class NeighbourLink(StrEnum):
    """Whether the hashes of two neighbours fit."""

    LINKED = "linked"
    BROKEN = "broken"
    BEGINNING = "beginning"  # The first event of an epoch names no other
    NOT_HERE = "not_here"
    UNKNOWN = "unknown"  # One of the two is not kept, or does not name the other


@dataclass(frozen=True, slots=True)
class Neighbour:
    """What the ledger has at a number. ``prevhash`` is "" of an event in an archive."""

    seq: int
    sha256: str
    prevhash: str
    type: str
    received_at: str
    is_archived: bool


@dataclass(frozen=True, slots=True)
class ChainNeighbourhood:
    """Around the event's number: what stands there, before and after it, and what else was set apart for the number.

    ``instead``: the body of another event that stands there. ``upto``: to there nothing of this epoch is missing.
    """

    before: Neighbour | None
    here: Neighbour | None
    after: Neighbour | None
    before_link: NeighbourLink
    after_link: NeighbourLink
    is_the_same: bool  # It stands there itself
    instead: bytes = field(repr=False)
    beside: Sequence[QuarantinedEvent]
    upto: int


@dataclass(frozen=True, slots=True)
class QuarantineDetails:
    """``fault``: which rule it breaks, in English; "" when none is found, as in one of an unknown type.

    ``is_believed``: the software of today would take it in.
    """

    apart: QuarantinedEvent
    body: bytes = field(repr=False)
    prevhash: str
    fault: str
    is_believed: bool
    place: ChainNeighbourhood


def load_page(
    connection: Connection, criteria: QuarantineFilter, before: int | None, limit: int
) -> Sequence[QuarantinedEvent]:
    """The newest first, with an ``id`` below ``before``."""
    query = (
        select(*_LIST_COLUMNS).where(*criteria.condition).order_by(quarantine.c.id.desc()).limit(min(limit, MAX_PAGE))
    )
    if before is not None:
        query = query.where(quarantine.c.id < before)
    return [_quarantined_event(row) for row in connection.execute(query)]


def load_groups(connection: Connection) -> Sequence[QuarantineGroup]:
    """The most first."""
    by = (quarantine.c.region, quarantine.c.station, quarantine.c.reason)
    count = func.count().label("number")
    rows = connection.execute(select(*by, count).group_by(*by).order_by(count.desc(), *by).limit(MAX_GROUPS))
    return [QuarantineGroup(*row) for row in rows]


def load_details(connection: Connection, number: int) -> QuarantineDetails | None:
    """One of them and its place; None when none of this number is set apart."""
    row = connection.execute(select(quarantine).where(quarantine.c.id == number)).one_or_none()
    if row is None:
        return None
    event_row, body = _quarantined_event(row), bytes(row.body)
    read_event = _parse_body(body)
    prevhash = usable_text(read_event, "prevhash") if read_event is not None else ""
    fault = _find_fault(read_event, event_row.key.station)
    return QuarantineDetails(
        event_row, body, prevhash, fault, _is_valid(body), _neighbourhood(connection, event_row, prevhash)
    )


_LIST_COLUMNS: Final = tuple(column for column in quarantine.columns if column is not quarantine.c.body)


def _quarantined_event(row: Row[Any]) -> QuarantinedEvent:
    key = EventKey(row.region, row.station, row.epoch, row.seq, row.sha256)
    return QuarantinedEvent(row.id, key, row.reason, row.type, row.size_bytes, row.received_at)


def _parse_body(body: bytes) -> dict[str, Any] | None:
    """None of a body that is not kept, or that no reader of today takes."""
    try:
        found = read(body, max_bytes=MAX_EVENT_BYTES) if body else None
    except StrictJsonError:
        return None
    return found if isinstance(found, dict) else None


def _is_valid(body: bytes) -> bool:
    try:
        return replace_nul(parse_event(body)).problem is None
    except BadEvent:
        return False


def _find_fault(found: dict[str, Any] | None, station: str) -> str:
    if found is None:
        return ""
    known = EVENT_TYPES.get(str(found.get("type")))
    if (of_envelope := detail_fault(found)) is not None:
        return of_envelope
    if known is None:
        return ""
    try:
        data = data_as(known, found.get("data"))
    except msgspec.ValidationError as error:
        return str(error)
    if _has_nul(found):
        return "a text has the character U+0000"
    return event_fault(data, station) or ""


def _has_nul(found: dict[str, Any]) -> bool:
    data = found.get("data")
    values = data.values() if isinstance(data, dict) else ()
    return any(isinstance(value, str) and "\0" in value for value in values)


def _neighbourhood(connection: Connection, quarantined_event: QuarantinedEvent, prevhash: str) -> ChainNeighbourhood:
    key = quarantined_event.key
    around = {one.seq: one for table in (archived, event) for one in _neighbours(connection, table, key)}
    before, here, after = (around.get(key.seq + step) for step in (-1, 0, 1))
    at = _of_stream(quarantine, key) & (quarantine.c.seq == key.seq)
    others = (
        select(*_LIST_COLUMNS)
        .where(at, quarantine.c.id != quarantined_event.id)
        .order_by(quarantine.c.id)
        .limit(MAX_SAME_NUMBER)
    )
    upto = connection.execute(select(stream.c.upto).where(_of_stream(stream, key))).scalar()
    is_the_same = here is not None and here.sha256 == key.sha256
    return ChainNeighbourhood(
        before,
        here,
        after,
        _before_link(key, prevhash, before),
        _after_link(key, after),
        is_the_same,
        b"" if is_the_same else _body_at(connection, key),
        [_quarantined_event(row) for row in connection.execute(others)],
        upto or 0,
    )


def _body_at(connection: Connection, key: EventKey) -> bytes:
    query = select(event.c.body).where(_of_stream(event, key), event.c.seq == key.seq)
    return bytes(connection.execute(query).scalar() or b"")


def _of_stream(table: Table, key: EventKey) -> ColumnElement[bool]:
    c = table.c
    found: ColumnElement[bool] = (c.station == key.station) & (c.epoch == key.epoch) & (c.region == key.region)
    return found


def _neighbours(connection: Connection, table: Table, key: EventKey) -> list[Neighbour]:
    near = _of_stream(table, key) & table.c.seq.between(key.seq - 1, key.seq + 1)
    if table is archived:
        rows = connection.execute(select(archived.c.seq, archived.c.sha256).where(near))
        return [Neighbour(row.seq, row.sha256, "", "", "", is_archived=True) for row in rows]
    columns = (event.c.seq, event.c.sha256, event.c.prevhash, event.c.type, event.c.received_at)
    return [Neighbour(*row, is_archived=False) for row in connection.execute(select(*columns).where(near))]


def _before_link(key: EventKey, prevhash: str, before: Neighbour | None) -> NeighbourLink:
    if not prevhash:
        return NeighbourLink.UNKNOWN
    if key.seq == 1:
        return NeighbourLink.BEGINNING if prevhash == ZERO_HASH else NeighbourLink.BROKEN
    if before is None:
        return NeighbourLink.NOT_HERE
    return NeighbourLink.LINKED if before.sha256 == prevhash else NeighbourLink.BROKEN


def _after_link(key: EventKey, after: Neighbour | None) -> NeighbourLink:
    if after is None:
        return NeighbourLink.NOT_HERE
    if not after.prevhash:
        return NeighbourLink.UNKNOWN
    return NeighbourLink.LINKED if after.prevhash == key.sha256 else NeighbourLink.BROKEN
