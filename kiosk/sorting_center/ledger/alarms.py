"""Quarantine and alarms: each thing once, however often it comes again."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select, update

from kiosk.messaging.contract.receive import ReceivedEvent
from kiosk.sorting_center.ledger.schema import alarm, quarantine


def quarantine_event(connection: Connection, item: ReceivedEvent, reason: str, received_at: str) -> None:
    """Keep the event apart for a person; a graver reason replaces an earlier one."""
    same = (
        (quarantine.c.station == item.station)
        & (quarantine.c.epoch == item.epoch)
        & (quarantine.c.seq == item.seq)
        & (quarantine.c.sha256 == item.sha256)
    )
    if connection.execute(select(quarantine.c.id).where(same)).first() is not None:
        connection.execute(update(quarantine).where(same).values(reason=reason))
        return
    connection.execute(
        insert(quarantine),
        {
            "station": item.station,
            "epoch": item.epoch,
            "seq": item.seq,
            "sha256": item.sha256,
            "reason": reason,
            "type": item.type,
            "body": item.body,
            "received_at": received_at,
        },
    )


def raise_alarm(connection: Connection, kind: str, item: ReceivedEvent, detail: str, raised_at: str) -> None:
    """One alarm per kind and (station, epoch, seq). ``detail`` is made here, never text out of an event."""
    same = (
        (alarm.c.kind == kind)
        & (alarm.c.station == item.station)
        & (alarm.c.epoch == item.epoch)
        & (alarm.c.seq == item.seq)
    )
    if connection.execute(select(alarm.c.id).where(same)).first() is None:
        connection.execute(
            insert(alarm),
            {
                "kind": kind,
                "station": item.station,
                "epoch": item.epoch,
                "seq": item.seq,
                "detail": detail,
                "raised_at": raised_at,
            },
        )
