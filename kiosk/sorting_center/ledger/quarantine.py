"""Events set apart: listed, shown beside the events around their place, and accepted by an operator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, Table, delete, select, update

from kiosk.domain.events.rules import event_fault
from kiosk.messaging.contract.envelope import EVENT_TYPES, MAX_EVENT_BYTES, data_as, detail_fault, usable_text
from kiosk.messaging.contract.receive import BadEvent, parse_event
from kiosk.messaging.contract.received_event import ReceivedEvent
from kiosk.messaging.contract.seal import ZERO_HASH
from kiosk.messaging.contract.strict_json import StrictJsonError, read
from kiosk.sorting_center.ledger.acceptance import streams
from kiosk.sorting_center.ledger.acceptance.accept import replace_nul
from kiosk.sorting_center.ledger.acceptance.signatures import BadSignatures, ChecksAhead, Signatures
from kiosk.sorting_center.ledger.acceptance.streams import Chain
from kiosk.sorting_center.ledger.database import places, projection
from kiosk.sorting_center.ledger.database.rows import insert_autonumbered
from kiosk.sorting_center.ledger.database.schema import (
    archived,
    event,
    event_by_month,
    quarantine,
    same_stream,
    stream,
    unnumbered,
)
from kiosk.sorting_center.ledger.shared.records import BAD_SIGNATURE, EventKey

MAX_PAGE: Final = 100
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
    """The events around a number: the one stored there, those before and after it, and others set apart for the number.

    ``instead``: the body of another event stored there. ``upto``: the number up to which nothing of this epoch is
    missing.
    """

    before: Neighbour | None
    here: Neighbour | None
    after: Neighbour | None
    before_link: NeighbourLink
    after_link: NeighbourLink
    is_the_same: bool  # The event itself is stored at its place
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
    """Load events with an ``id`` below ``before``, the newest first."""
    query = (
        select(*_LIST_COLUMNS).where(*criteria.condition).order_by(quarantine.c.id.desc()).limit(min(limit, MAX_PAGE))
    )
    if before is not None:
        query = query.where(quarantine.c.id < before)
    return [_quarantined_event(row) for row in connection.execute(query)]


def load_details(connection: Connection, number: int) -> QuarantineDetails | None:
    """Load a quarantined event and its place in the chain; None when none has this number."""
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
    """Parse the body; None when it is not stored, or when no current reader accepts it."""
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
    fields = found.get("data")
    values = fields.values() if isinstance(fields, dict) else ()
    if any(isinstance(value, str) and "\0" in value for value in values):
        return "a text has the character U+0000"
    return event_fault(data, station) or ""


def _neighbourhood(connection: Connection, quarantined_event: QuarantinedEvent, prevhash: str) -> ChainNeighbourhood:
    key = quarantined_event.key
    around = {one.seq: one for table in (archived, event) for one in _neighbours(connection, table, key)}
    before, here, after = (around.get(key.seq + step) for step in (-1, 0, 1))
    others = (
        select(*_LIST_COLUMNS)
        .where(_at_key(quarantine, key), quarantine.c.id != quarantined_event.id)
        .order_by(quarantine.c.id)
        .limit(MAX_SAME_NUMBER)
    )
    upto = connection.execute(select(stream.c.upto).where(same_stream(stream, key))).scalar()
    is_the_same = here is not None and here.sha256 == key.sha256
    body = connection.execute(select(event.c.body).where(_at_key(event, key))).scalar()
    return ChainNeighbourhood(
        before,
        here,
        after,
        _before_link(key, prevhash, before),
        _after_link(key, after),
        is_the_same,
        b"" if is_the_same else bytes(body or b""),
        [_quarantined_event(row) for row in connection.execute(others)],
        upto or 0,
    )


def _at_key(table: Table, key: EventKey) -> ColumnElement[bool]:
    return same_stream(table, key) & (table.c.seq == key.seq)


def _neighbours(connection: Connection, table: Table, key: EventKey) -> list[Neighbour]:
    near = same_stream(table, key) & table.c.seq.between(key.seq - 1, key.seq + 1)
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


# Reasons that a newer reader may judge differently, or one that knows another key by now. The chain gives all others.
READMITTABLE_REASONS: Final = frozenset({"unknown_type", "bad_data", BAD_SIGNATURE})


class ReadmitResult(StrEnum):
    ACCEPTED = "taken"  # Now, or before
    UNKNOWN_TYPE = "still_unknown_type"
    BAD_DATA = "still_bad_data"
    BAD_SIGNATURE = "still_bad_signature"  # And set apart for that from now on
    CHAIN = "only_the_chain"  # Its neighbours in the chain decide whether it is accepted, not an operator
    ARCHIVED = "archived"  # Its body is in an archive
    NOT_HERE = "not_here"  # No such event is set apart


_STILL_INVALID: Final = {"unknown_type": ReadmitResult.UNKNOWN_TYPE, "bad_data": ReadmitResult.BAD_DATA}


def readmit(connection: Connection, key: EventKey) -> ReadmitResult:
    """Accept a quarantined event with software that understands what it did not understand before.

    Call it in a transaction; a repeated call changes nothing. Bytes, hash and place in the chain stay as they are, and
    it gets the next place of the feed, which takes nothing back.
    """
    # No other process works on the stream until the transaction ends.
    stream_row = connection.execute(select(stream).where(same_stream(stream, key)).with_for_update()).one_or_none()
    row = connection.execute(select(event).where(_at_key(event, key), event.c.sha256 == key.sha256)).one_or_none()
    if row is not None and row.problem is None:
        return ReadmitResult.ACCEPTED
    is_quarantined = _at_key(quarantine, key) & (quarantine.c.sha256 == key.sha256)
    reason = connection.execute(select(quarantine.c.reason).where(is_quarantined)).scalar()
    if reason is None:
        return ReadmitResult.NOT_HERE
    if reason not in READMITTABLE_REASONS:
        return ReadmitResult.CHAIN
    if row is None or stream_row is None:
        is_archived = connection.execute(select(archived.c.sha256).where(_at_key(archived, key))).scalar() == key.sha256
        return ReadmitResult.ARCHIVED if is_archived else ReadmitResult.NOT_HERE
    try:
        item = replace_nul(parse_event(bytes(row.body)))
    except BadEvent:
        return ReadmitResult.BAD_DATA
    if item.problem is not None:
        return _STILL_INVALID[item.problem]
    is_released = key.seq <= stream_row.upto  # Above it both are looked at when the gap below is filled
    # An event whose envelope was unreadable was linked by its successor alone: now it names its predecessor.
    before = ZERO_HASH if item.seq == 1 else streams.hash_at(connection, stream_row, item.seq - 1)
    if is_released and item.prevhash != before:
        return ReadmitResult.CHAIN
    if is_released and not _is_signed(connection, stream_row, row, item):
        connection.execute(update(quarantine).where(is_quarantined).values(reason=BAD_SIGNATURE))
        return ReadmitResult.BAD_SIGNATURE
    if not _accept(connection, key, row, item, is_released=is_released):
        return ReadmitResult.ARCHIVED
    connection.execute(delete(quarantine).where(is_quarantined))
    return ReadmitResult.ACCEPTED


def _is_signed(connection: Connection, stream_row: Row[Any], row: Row[Any], item: ReceivedEvent) -> bool:
    chain = Chain(
        item.station, item.epoch, stream_row.region, stream_row.upto, stream_row.head, stream_row.max_seen, None, ()
    )
    try:
        signatures = Signatures(connection, row.received_at, ChecksAhead())
        signatures.load_keys([item.station])
        if signatures.problem_of(chain, item) is not None:
            return False
        signatures.require_good()
    except BadSignatures:
        return False
    signatures.write()
    return True


def _accept(connection: Connection, key: EventKey, row: Row[Any], item: ReceivedEvent, *, is_released: bool) -> bool:
    """Accept the event; return False, with nothing changed, when it was moved to an archive at this very moment."""
    many_writers = connection.dialect.name == "postgresql"
    table = event_by_month if many_writers else event
    # The time gives its partition.
    here = _at_key(table, key) & (table.c.received_at == row.received_at)
    accepted_values = {"problem": None, "type": item.type, "prevhash": item.prevhash}
    changed = update(table).where(here).values(accepted_values).execution_options(preserve_rowcount=True)
    if connection.execute(changed).rowcount != 1:
        return False
    if not is_released:
        return True  # its place comes when the gap below it is filled
    if many_writers:
        insert_autonumbered(
            connection, unnumbered, [(key.station, key.epoch, key.region, key.seq, key.seq, row.received_at)]
        )
        return True
    place = places.last_feedseq(connection) + 1
    connection.execute(update(event).where(here).values(feedseq=place))
    if item.type in projection.TYPES:
        released = (key.station, key.epoch, key.region, key.seq, item.type, row.received_at, item.body)
        projection.project(connection, [projection.ReleasedEvent(place, *released)])
    return True
