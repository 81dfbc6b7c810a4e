"""What totals are made of: one row per receipt, and the voids. Follows the released events in the order of the feed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

import msgspec
from msgspec.structs import astuple
from sqlalchemy import Connection, Row, Select, and_, select

from kiosk.domain.events import IntakeConfirmed, IntakeVoided
from kiosk.messaging.contract.receive import ReceivedEvent
from kiosk.sorting_center.ledger.alarms import Attention
from kiosk.sorting_center.ledger.database.keys import Keys, as_parameter
from kiosk.sorting_center.ledger.database.rows import insert_missing, insert_rows
from kiosk.sorting_center.ledger.records import RECEIPT_TWICE
from kiosk.sorting_center.ledger.schema import intake, intake_void

TYPES: Final = frozenset({IntakeConfirmed.TYPE, IntakeVoided.TYPE})
"""Only these change anything here."""

_json: Final = msgspec.json.Encoder(order="sorted").encode


class _Intake(msgspec.Struct, frozen=True):
    """A row of ``intake``, in the order of its columns."""

    station: str
    receipt: str
    region: str
    epoch: str
    seq: int
    feedseq: int
    data_sha256: str
    reissued: str | None
    lot: str
    product: str
    mode: str
    net_g: int
    amount_fen: int
    received_at: str


class _Figures(msgspec.Struct):
    """Of a confirmed intake what is counted and looked up; the event as a whole was judged when it came."""

    receipt: str
    lot: str
    product: str
    mode: str
    net_g: int
    amount_fen: int


class _VoidedReceipt(msgspec.Struct):
    receipt: str
    reason: str
    replacement: str | None


class _Told(msgspec.Struct):
    data: dict[str, Any]
    reissued: str | None = None


class ReleasedEvent(msgspec.Struct, frozen=True):
    """An event with its place in the feed. ``reissued`` is the ``{epoch}-{seq}`` under which it was told first."""

    region: str
    station: str
    epoch: str
    seq: int
    type: str
    data: Mapping[str, Any]
    reissued: str | None
    feedseq: int
    received_at: str

    @classmethod
    def of(cls, item: ReceivedEvent, region: str, feedseq: int, received_at: str) -> ReleasedEvent:
        """From an event that has just been read."""
        reissued = _told(item.body).reissued if b'"reissued"' in item.body else None
        return cls(region, item.station, item.epoch, item.seq, item.type, item.data, reissued, feedseq, received_at)

    @classmethod
    def stored(cls, row: Row[Any], feedseq: int) -> ReleasedEvent:
        """From a row of ``event`` that was believed when it came."""
        told = _told(bytes(row.body))
        key = (row.region, row.station, row.epoch, row.seq)
        return cls(*key, row.type, told.data, told.reissued, feedseq, row.received_at)


def _told(body: bytes) -> _Told:
    return msgspec.json.decode(body, type=_Told)


def project(connection: Connection, released: Sequence[ReleasedEvent]) -> None:
    """Apply events just released, in the order of the feed."""
    _add_intakes(connection, [item for item in released if item.type == IntakeConfirmed.TYPE])
    voids = [_void(item) for item in released if item.type == IntakeVoided.TYPE]
    insert_missing(connection, intake_void, voids)


def _add_intakes(connection: Connection, released: Sequence[ReleasedEvent]) -> None:
    if not released:
        return
    rows = [_intake(item) for item in released]
    known = _known(connection, rows)
    new: list[_Intake] = []
    for item, row in zip(released, rows, strict=True):
        same_receipt = known.setdefault((row.station, row.receipt), [])
        if same_receipt and not _is_new(connection, item, row, same_receipt):
            continue
        same_receipt.append(row)
        new.append(row)
    insert_rows(connection, intake, [astuple(row) for row in new])


def _is_new(connection: Connection, item: ReleasedEvent, row: _Intake, same_receipt: Sequence[_Intake]) -> bool:
    """An event heard before, in this region or in another, is not; one that contradicts the first is an alarm."""
    if any(one.region != row.region and _is_same_event(one, item, row) for one in same_receipt):
        return False  # the same database heard in two regions: a fact is counted once, where it was heard first
    first = next((one for one in same_receipt if one.region == row.region), None)
    if first is not None and not (_has_same_data(first, item, row) and (first.reissued or row.reissued)):
        # Re-issued events carry the same data into a new epoch and say so; anything else is a second intake.
        detail = f"event {item.seq} confirms a receipt that event {first.seq} of {first.epoch} has confirmed"
        attention = Attention(connection, item.region, item.received_at)
        attention.raise_alarm(RECEIPT_TWICE, (item.station, item.epoch, item.seq), detail)
    return first is None


def _known(connection: Connection, rows: Sequence[_Intake]) -> dict[tuple[str, str], list[_Intake]]:
    """Rows with these receipts, of every region that has a station of this number."""
    wanted = as_parameter({(row.station, row.receipt): None for row in rows})
    known: dict[tuple[str, str], list[_Intake]] = {}
    for row in connection.execute(_same_receipts(connection.dialect.name), wanted):
        known.setdefault((row.station, row.receipt), []).append(_Intake(*row))
    return known


@cache
def _same_receipts(dialect: str) -> Select[Any]:
    keys = Keys(dialect)
    same = and_(intake.c.station == keys.text(0), intake.c.receipt == keys.text(1))
    return select(intake).select_from(keys.table).join(intake, same)


def _is_same_event(stored: _Intake, item: ReleasedEvent, row: _Intake) -> bool:
    """An epoch is random: the same event in two regions is one that was heard twice."""
    return (stored.epoch, stored.seq) == (row.epoch, row.seq) and _has_same_data(stored, item, row)


def _has_same_data(stored: _Intake, item: ReleasedEvent, row: _Intake) -> bool:
    if stored.data_sha256 == row.data_sha256:
        return True
    # As versions before this one have made the hash that is stored.
    return stored.data_sha256 == hashlib.sha256(json.dumps(item.data, sort_keys=True).encode()).hexdigest()


def _intake(item: ReleasedEvent) -> _Intake:
    data = msgspec.convert(item.data, _Figures)
    return _Intake(
        item.station,
        data.receipt,
        item.region,
        item.epoch,
        item.seq,
        item.feedseq,
        hashlib.sha256(_json(item.data)).hexdigest(),
        item.reissued,
        data.lot,
        data.product,
        data.mode,
        data.net_g,
        data.amount_fen,
        item.received_at,
    )


def _void(item: ReleasedEvent) -> tuple[Any, ...]:
    """In the order of the table's columns."""
    void = msgspec.convert(item.data, _VoidedReceipt)
    return (item.station, void.receipt, item.region, item.epoch, item.seq, void.reason, void.replacement)
