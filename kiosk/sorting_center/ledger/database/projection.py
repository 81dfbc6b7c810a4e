"""What totals are made of: one row per receipt, and the voids. Follows the released events in the order of the feed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import cache
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, Select, and_, select

from kiosk.domain.events import IntakeConfirmed, IntakeVoided
from kiosk.messaging.contract.received_event import ReceivedEvent
from kiosk.sorting_center.ledger.database.alarms import IncidentRecorder
from kiosk.sorting_center.ledger.database.keys import Keys, as_parameter
from kiosk.sorting_center.ledger.database.rows import insert_missing, insert_rows
from kiosk.sorting_center.ledger.database.schema import bag, intake, intake_void
from kiosk.sorting_center.ledger.shared.records import RECEIPT_TWICE
from kiosk.sorting_center.shared.alarm_texts import format_detail

TYPES: Final = frozenset({IntakeConfirmed.TYPE, IntakeVoided.TYPE})  # Only these change anything here

_encode_sorted: Final = msgspec.json.Encoder(order="sorted").encode


_Row = tuple[Any, ...]  # The fields of `_Intake`


class _IntakeRecord(msgspec.Struct, frozen=True, gc=False):
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


class _ConfirmedBag(msgspec.Struct, gc=False):
    bag: int
    net_g: int
    code: str | None = None


class _ConfirmedIntakeData(msgspec.Struct, gc=False):
    """Of a confirmed intake what is counted and looked up; the event as a whole was judged when it came."""

    receipt: str
    lot: str
    product: str
    mode: str
    net_g: int
    amount_fen: int
    bags: list[_ConfirmedBag]


class _VoidedReceipt(msgspec.Struct, gc=False):
    receipt: str
    reason: str
    replacement: str | None


class _StoredEnvelope(msgspec.Struct, gc=False):
    data: msgspec.Raw
    reissued: str | None = None


_decode_envelope: Final = msgspec.json.Decoder(_StoredEnvelope).decode
_decode_intake: Final = msgspec.json.Decoder(_ConfirmedIntakeData).decode
_decode_void: Final = msgspec.json.Decoder(_VoidedReceipt).decode


class ReleasedEvent(msgspec.Struct, frozen=True, gc=False):
    """An event with its place in the feed. ``data`` are its canonical JSON. ``reissued`` is the ``{epoch}-{seq}`` under
    which it was told first.
    """

    region: str
    station: str
    epoch: str
    seq: int
    type: str
    data: bytes
    reissued: str | None
    feedseq: int
    received_at: str

    @classmethod
    def of(cls, item: ReceivedEvent, region: str, feedseq: int, received_at: str) -> ReleasedEvent:
        """From an event that has just been read."""
        key = (region, item.station, item.epoch, item.seq)
        return cls(*key, item.type, item.data, item.reissued, feedseq, received_at)

    @classmethod
    def of_row(cls, row: Row[Any], feedseq: int) -> ReleasedEvent:
        """From a row of ``event`` that was believed when it came."""
        envelope = _decode_envelope(bytes(row.body))
        key = (row.region, row.station, row.epoch, row.seq)
        return cls(*key, row.type, bytes(envelope.data), envelope.reissued, feedseq, row.received_at)


def project(connection: Connection, released: Sequence[ReleasedEvent]) -> None:
    """Apply events just released, in the order of the feed."""
    _add_intakes(connection, [item for item in released if item.type == IntakeConfirmed.TYPE])
    voids = [_void_row(item) for item in released if item.type == IntakeVoided.TYPE]
    insert_missing(connection, intake_void, voids)


def _add_intakes(connection: Connection, released: Sequence[ReleasedEvent]) -> None:
    if not released:
        return
    decoded = [_decode_intake(item.data) for item in released]
    rows = [_intake_row(item, figures) for item, figures in zip(released, decoded, strict=True)]
    known = _load_same_receipts(connection, rows)
    new: list[_Row] = []
    bags: list[tuple[Any, ...]] = []
    for item, figures, row in zip(released, decoded, rows, strict=True):
        receipt = row[:2]
        same_receipt = known.get(receipt)
        if same_receipt is None:
            known[receipt] = [row]
        elif _is_new(connection, item, _IntakeRecord(*row), [_IntakeRecord(*one) for one in same_receipt]):
            same_receipt.append(row)
        else:
            continue
        new.append(row)
        bags += bag_rows(item, figures)
    insert_rows(connection, intake, new)
    insert_rows(connection, bag, bags)


def _is_new(
    connection: Connection, item: ReleasedEvent, row: _IntakeRecord, same_receipt: Sequence[_IntakeRecord]
) -> bool:
    """An event heard before, in this region or in another, is not; one that contradicts the first is an alarm."""
    if any(one.region != row.region and _is_same_event(one, item, row) for one in same_receipt):
        return False  # the same database heard in two regions: a fact is counted once, where it was heard first
    first = next((one for one in same_receipt if one.region == row.region), None)
    if first is not None and not (_has_same_data(first, item, row) and (first.reissued or row.reissued)):
        # Re-issued events carry the same data into a new epoch and say so; anything else is a second intake.
        detail = format_detail("confirmed_again", seq=item.seq, first=first.seq, epoch=first.epoch)
        attention = IncidentRecorder(connection, item.region, item.received_at)
        attention.raise_alarm(RECEIPT_TWICE, (item.station, item.epoch, item.seq), detail)
    return first is None


def _load_same_receipts(connection: Connection, rows: Sequence[_Row]) -> dict[tuple[Any, ...], list[_Row]]:
    """Rows with these receipts, by station and receipt, of every region that has a station of this number."""
    known: dict[tuple[Any, ...], list[_Row]] = {}
    for row in connection.execute(
        _same_receipts_query(connection.dialect.name), as_parameter({row[:2]: None for row in rows})
    ):
        known.setdefault((row.station, row.receipt), []).append(tuple(row))
    return known


@cache
def _same_receipts_query(dialect: str) -> Select[Any]:
    keys = Keys(dialect)
    same = and_(intake.c.station == keys.text(0), intake.c.receipt == keys.text(1))
    return select(intake).select_from(keys.table).join(intake, same)


def _is_same_event(stored: _IntakeRecord, item: ReleasedEvent, row: _IntakeRecord) -> bool:
    """An epoch is random: the same event in two regions is one that was heard twice."""
    return (stored.epoch, stored.seq) == (row.epoch, row.seq) and _has_same_data(stored, item, row)


def _has_same_data(stored: _IntakeRecord, item: ReleasedEvent, row: _IntakeRecord) -> bool:
    if stored.data_sha256 == row.data_sha256:
        return True
    # As versions before this one have made the hash that is stored.
    as_before = json.dumps(msgspec.json.decode(item.data), sort_keys=True)
    return stored.data_sha256 == hashlib.sha256(as_before.encode()).hexdigest()


def _intake_row(item: ReleasedEvent, data: _ConfirmedIntakeData) -> _Row:
    return (
        item.station,
        data.receipt,
        item.region,
        item.epoch,
        item.seq,
        item.feedseq,
        hashlib.sha256(_canonical_utf8(item.data)).hexdigest(),
        item.reissued,
        data.lot,
        data.product,
        data.mode,
        data.net_g,
        data.amount_fen,
        item.received_at,
    )


def bag_rows(item: ReleasedEvent, data: _ConfirmedIntakeData) -> list[tuple[Any, ...]]:
    """In the order of the table's columns."""
    return [(item.station, data.receipt, one.bag, item.region, one.code, one.net_g) for one in data.bags]


def _canonical_utf8(data: bytes) -> bytes:
    """Keys in the order of their UTF-8; in canonical JSON it is that of UTF-16, which differs beyond ASCII."""
    return data if data.isascii() else _encode_sorted(msgspec.json.decode(data))


def _void_row(item: ReleasedEvent) -> tuple[Any, ...]:
    """In the order of the table's columns."""
    void = _decode_void(item.data)
    return (item.station, void.receipt, item.region, item.epoch, item.seq, void.reason, void.replacement)
