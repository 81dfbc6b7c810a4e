"""What totals are made of: one row per receipt, and the voids. Follows the released events of one stream."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, insert, select

from kiosk.domain.events import IntakeConfirmed, IntakeVoided
from kiosk.messaging.contract.receive import ReceivedEvent
from kiosk.sorting_center.ledger.alarms import Attention
from kiosk.sorting_center.ledger.records import RECEIPT_TWICE
from kiosk.sorting_center.ledger.schema import intake, intake_void

Intake = Mapping[str, Any]
"""A row of ``intake``."""

_IN_CHUNK: Final = 500


@dataclass(frozen=True, slots=True)
class ReleasedEvent:
    """An event just released, with its place in the feed."""

    event: ReceivedEvent
    feedseq: int
    region: str
    received_at: str


def project(connection: Connection, attention: Attention, released: Sequence[ReleasedEvent]) -> None:
    """Apply events just released, of one stream."""
    intakes = [item for item in released if item.event.type == IntakeConfirmed.TYPE]
    if intakes:
        _add_intakes(connection, attention, intakes)
    for item in released:
        if item.event.type == IntakeVoided.TYPE:
            _add_void(connection, item)


def _add_intakes(connection: Connection, attention: Attention, released: Sequence[ReleasedEvent]) -> None:
    rows = [(item.event, _intake(item)) for item in released]
    region = released[0].region
    found = _found(connection, released[0].event.station, [row["receipt"] for _, row in rows])
    known = {row["receipt"]: row for row in found if row["region"] == region}
    elsewhere = {_fact(row) for row in found if row["region"] != region}
    new: list[Intake] = []
    for item, row in rows:
        if _fact(row) in elsewhere:
            continue  # the same database heard in two regions: a fact is counted once, where it was heard first
        first = known.setdefault(row["receipt"], row)
        if first is row:
            new.append(row)
        elif not _is_reissue(first, row):
            detail = f"event {item.seq} confirms a receipt that event {first['seq']} of {first['epoch']} has confirmed"
            attention.alarm(RECEIPT_TWICE, item, detail)
    if new:
        connection.execute(insert(intake), new)


def _found(connection: Connection, station: str, receipts: Sequence[str]) -> list[Intake]:
    """Rows with these receipts, of every region that has a station of this number."""
    found: list[Intake] = []
    for start in range(0, len(receipts), _IN_CHUNK):
        wanted = intake.c.receipt.in_(receipts[start : start + _IN_CHUNK])
        rows = connection.execute(select(intake).where(intake.c.station == station, wanted)).mappings()
        found += [dict(row) for row in rows]
    return found


def _fact(row: Intake) -> tuple[str, str, int, str]:
    """An epoch is random: the same event in two regions is one that was heard twice."""
    return (row["receipt"], row["epoch"], row["seq"], row["data_sha256"])


def _is_reissue(first: Intake, again: Intake) -> bool:
    """Re-issued events carry the same data into a new epoch and say so; anything else is a second intake."""
    return first["data_sha256"] == again["data_sha256"] and bool(first["reissued"] or again["reissued"])


def _intake(released: ReleasedEvent) -> Intake:
    item = released.event
    data = msgspec.convert(item.data, IntakeConfirmed)
    return {
        "station": item.station,
        "receipt": data.receipt,
        "region": released.region,
        "epoch": item.epoch,
        "seq": item.seq,
        "feedseq": released.feedseq,
        "data_sha256": hashlib.sha256(json.dumps(item.data, sort_keys=True).encode()).hexdigest(),
        "reissued": json.loads(item.body).get("reissued"),
        "lot": data.lot,
        "product": data.product,
        "mode": data.mode,
        "net_g": data.net_g,
        "amount_fen": data.amount_fen,
        "received_at": released.received_at,
    }


def _add_void(connection: Connection, released: ReleasedEvent) -> None:
    item = released.event
    data = msgspec.convert(item.data, IntakeVoided)
    same = (
        (intake_void.c.station == item.station)
        & (intake_void.c.receipt == data.receipt)
        & (intake_void.c.region == released.region)
    )
    if connection.execute(select(intake_void.c.receipt).where(same)).first() is None:
        connection.execute(
            insert(intake_void),
            {
                "station": item.station,
                "receipt": data.receipt,
                "region": released.region,
                "epoch": item.epoch,
                "seq": item.seq,
                "reason": data.reason,
                "replacement": data.replacement,
            },
        )
