"""What totals are made of: one row per receipt, and the voids. Follows the released events of one stream."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, insert, select

from kiosk.domain.events import IntakeConfirmed, IntakeVoided
from kiosk.messaging.contract.receive import ReceivedEvent
from kiosk.sorting_center.ledger.alarms import raise_alarm
from kiosk.sorting_center.ledger.records import RECEIPT_TWICE
from kiosk.sorting_center.ledger.schema import intake, intake_void

Intake = Mapping[str, Any]
"""A row of ``intake``."""

_IN_CHUNK: Final = 500


def project(connection: Connection, released: Sequence[tuple[ReceivedEvent, int]], received_at: str) -> None:
    """Apply events just released, each with its feedseq."""
    intakes = [(item, feedseq) for item, feedseq in released if item.type == IntakeConfirmed.TYPE]
    if intakes:
        _add_intakes(connection, intakes, received_at)
    for item, _ in released:
        if item.type == IntakeVoided.TYPE:
            _add_void(connection, item)


def _add_intakes(connection: Connection, released: Sequence[tuple[ReceivedEvent, int]], received_at: str) -> None:
    rows = [(item, _intake(item, feedseq, received_at)) for item, feedseq in released]
    known = _known(connection, released[0][0].station, [row["receipt"] for _, row in rows])
    new: list[Intake] = []
    for item, row in rows:
        first = known.setdefault(row["receipt"], row)
        if first is row:
            new.append(row)
        elif not _is_reissue(first, row):
            detail = f"event {item.seq} confirms a receipt that event {first['seq']} of {first['epoch']} has confirmed"
            raise_alarm(connection, RECEIPT_TWICE, item, detail, received_at)
    if new:
        connection.execute(insert(intake), new)


def _known(connection: Connection, station: str, receipts: Sequence[str]) -> dict[str, Intake]:
    found: dict[str, Intake] = {}
    for start in range(0, len(receipts), _IN_CHUNK):
        wanted = intake.c.receipt.in_(receipts[start : start + _IN_CHUNK])
        rows = connection.execute(select(intake).where(intake.c.station == station, wanted)).mappings()
        found |= {row["receipt"]: dict(row) for row in rows}
    return found


def _is_reissue(first: Intake, again: Intake) -> bool:
    """Re-issued events carry the same data into a new epoch and say so; anything else is a second intake."""
    return first["data_sha256"] == again["data_sha256"] and bool(first["reissued"] or again["reissued"])


def _intake(item: ReceivedEvent, feedseq: int, received_at: str) -> Intake:
    data = msgspec.convert(item.data, IntakeConfirmed)
    return {
        "station": item.station,
        "receipt": data.receipt,
        "epoch": item.epoch,
        "seq": item.seq,
        "feedseq": feedseq,
        "data_sha256": hashlib.sha256(json.dumps(item.data, sort_keys=True).encode()).hexdigest(),
        "reissued": json.loads(item.body).get("reissued"),
        "lot": data.lot,
        "product": data.product,
        "mode": data.mode,
        "net_g": data.net_g,
        "amount_fen": data.amount_fen,
        "received_at": received_at,
    }


def _add_void(connection: Connection, item: ReceivedEvent) -> None:
    data = msgspec.convert(item.data, IntakeVoided)
    same = (intake_void.c.station == item.station) & (intake_void.c.receipt == data.receipt)
    if connection.execute(select(intake_void.c.receipt).where(same)).first() is None:
        connection.execute(
            insert(intake_void),
            {
                "station": item.station,
                "receipt": data.receipt,
                "epoch": item.epoch,
                "seq": item.seq,
                "reason": data.reason,
                "replacement": data.replacement,
            },
        )
