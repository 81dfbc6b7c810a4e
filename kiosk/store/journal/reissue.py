"""A new epoch in a database that goes on: what the center may not have is told again under new numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

import msgspec
from sqlalchemy import Column, Connection, Table, update

from kiosk.domain.events import DayClosed, EpochStarted, IntakeAbandoned, IntakeConfirmed, IntakeVoided
from kiosk.domain.identifiers import ReceiptNumber
from kiosk.domain.moment import ClockQuality, Moment
from kiosk.messaging.contract.envelope import EVENT_TYPES
from kiosk.store.database.schema import day as day_table
from kiosk.store.database.schema import intake as intake_table
from kiosk.store.database.schema import void as void_table
from kiosk.store.intakes_key import number_of
from kiosk.store.journal import epochs, journal
from kiosk.store.records import Stamp
from kiosk.store.scale import metrology_counters


def start_epoch(
    connection: Connection, epoch: str, series: str, why: str, stamp: Stamp, floor: Mapping[str, int]
) -> None:
    """Begin the epoch and seal every event of the old one that is not done again; the old rows are kept.

    Every epoch but a new station's first raises the event counters above what is here and above ``floor``.
    """
    waiting = _waiting(connection)
    if why != "new":
        metrology_counters.raise_all(connection, floor)
    epochs.begin(connection, epoch, series, why, stamp)
    for row in waiting:
        if row.type != EpochStarted.TYPE:
            _reissue(connection, row)


def _waiting(connection: Connection) -> list[journal.JournalRow]:
    old = epochs.newest(connection)
    if old is None:
        return []
    return list(journal.rows_from(connection, journal.position_of(old.number, old.acked_upto + 1)))


def _reissue(connection: Connection, row: journal.JournalRow) -> None:
    event = json.loads(row.body)
    data = msgspec.convert(event["data"], EVENT_TYPES[row.type])
    first_id = event.get("reissued", event["id"])
    position = journal.append(connection, data, _stamp_of(event), reissued=first_id)
    if isinstance(data, IntakeConfirmed | IntakeAbandoned):
        _point(connection, intake_table, intake_table.c.number, data.receipt, position)
    elif isinstance(data, IntakeVoided):
        _point(connection, void_table, void_table.c.intake, data.receipt, position)
    elif isinstance(data, DayClosed):
        connection.execute(update(day_table).where(day_table.c.position == row.position).values(position=position))


def _point(connection: Connection, table: Table, key: Column[int], receipt: str, position: int) -> None:
    """Let the document name the event that tells it now."""
    mine = key == number_of(ReceiptNumber.parse(receipt))
    connection.execute(update(table).where(mine).values(position=position))


def _stamp_of(event: dict[str, str]) -> Stamp:
    """When it happened, not when it is told again. The zone is not in an event and not needed for one."""
    moment = Moment(
        utc=datetime.fromisoformat(event["time"]),
        zone="UTC",
        offset_minutes=0,
        quality=ClockQuality(event["clock"]),
        boot_id=event["bootid"],
        monotonic_ms=int(event["monotonicms"]),
    )
    return Stamp(moment, event["software"], event.get("metrology", ""))
