"""What totals are made of: one row per receipt, and the voids. Follows the released events in the order of the feed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Select, and_, select

from kiosk.domain.events import IntakeConfirmed, IntakeVoided
from kiosk.sorting_center.ledger.database.alarms import IncidentRecorder
from kiosk.sorting_center.ledger.database.rows import Keys, as_parameter, insert_missing, insert_rows
from kiosk.sorting_center.ledger.database.schema import bag, intake, intake_void
from kiosk.sorting_center.ledger.shared.records import RECEIPT_TWICE
from kiosk.sorting_center.shared.alarm_texts import format_detail
from kiosk.sorting_center.shared.stored_events import decode_data, decode_envelope, decode_event

TYPES: Final = frozenset({IntakeConfirmed.TYPE, IntakeVoided.TYPE})  # Only these change anything here
EVENT_COLUMNS: Final = ("station", "epoch", "region", "seq", "type", "received_at", "body")


class ReleasedEvent(NamedTuple):
    """An event with its place in the feed: made of one just received, or a row with ``EVENT_COLUMNS``."""

    feedseq: int
    station: str
    epoch: str
    region: str
    seq: int
    type: str
    received_at: str
    body: bytes


class _IntakeRow(NamedTuple):
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


def project(connection: Connection, released: Sequence[ReleasedEvent]) -> None:
    """Apply events just released, in the order of the feed."""
    _add_intakes(connection, [item for item in released if item.type == IntakeConfirmed.TYPE])
    voids = []
    for item in released:
        if item.type == IntakeVoided.TYPE:
            void = decode_event(IntakeVoided, bytes(item.body))
            key = (item.station, void.receipt, item.region)
            voids.append((*key, item.epoch, item.seq, void.reason, void.replacement))
    insert_missing(connection, intake_void, voids)


def _add_intakes(connection: Connection, released: Sequence[ReleasedEvent]) -> None:
    if not released:
        return
    decoded = [_decode(item) for item in released]
    known = _load_same_receipts(connection, [row for row, _ in decoded])
    new: list[_IntakeRow] = []
    bags: list[tuple[Any, ...]] = []
    for row, data in decoded:
        same_receipt = known.setdefault((row.station, row.receipt), [])
        if same_receipt and not _is_new(connection, row, same_receipt):
            continue
        same_receipt.append(row)
        new.append(row)
        bags += [(row.station, row.receipt, one.bag, row.region, one.code, one.net_g) for one in data.bags]
    insert_rows(connection, intake, new)
    insert_rows(connection, bag, bags)


def _decode(item: ReleasedEvent) -> tuple[_IntakeRow, IntakeConfirmed]:
    envelope = decode_envelope(bytes(item.body))
    data = decode_data(IntakeConfirmed, envelope.data)
    row = _IntakeRow(
        item.station,
        data.receipt,
        item.region,
        item.epoch,
        item.seq,
        item.feedseq,
        hashlib.sha256(envelope.data).hexdigest(),
        envelope.reissued,
        data.lot,
        data.product,
        data.mode,
        data.net_g,
        data.amount_fen,
        item.received_at,
    )
    return row, data


def _is_new(connection: Connection, row: _IntakeRow, same_receipt: Sequence[_IntakeRow]) -> bool:
    """Return False for an event received before, in any region; raise an alarm if it contradicts the first."""
    for one in same_receipt:
        # An epoch is random: the same event in two regions was received twice, and counts where it was received first.
        is_same_event = (one.epoch, one.seq, one.data_sha256) == (row.epoch, row.seq, row.data_sha256)
        if one.region != row.region and is_same_event:
            return False
    first = next((one for one in same_receipt if one.region == row.region), None)
    if first is None:
        return True
    if first.data_sha256 != row.data_sha256 or not (first.reissued or row.reissued):
        # Re-issued events carry the same data into a new epoch and say so; anything else is a second intake.
        detail = format_detail("confirmed_again", seq=row.seq, first=first.seq, epoch=first.epoch)
        attention = IncidentRecorder(connection, row.region, row.received_at)
        attention.raise_alarm(RECEIPT_TWICE, (row.station, row.epoch, row.seq), detail)
    return False


def _load_same_receipts(connection: Connection, rows: Sequence[_IntakeRow]) -> dict[tuple[str, str], list[_IntakeRow]]:
    """Load rows with these receipts, by station and receipt, of every region with a station of this number."""
    known: dict[tuple[str, str], list[_IntakeRow]] = {}
    keys = as_parameter(dict.fromkeys((row.station, row.receipt) for row in rows))
    for row in connection.execute(_same_receipts_query(connection.dialect.name), keys):
        known.setdefault((row.station, row.receipt), []).append(_IntakeRow(*row))
    return known


@cache
def _same_receipts_query(dialect: str) -> Select[Any]:
    keys = Keys(dialect)
    same = and_(intake.c.station == keys.text(0), intake.c.receipt == keys.text(1))
    return select(intake).select_from(keys.table).join(intake, same)
