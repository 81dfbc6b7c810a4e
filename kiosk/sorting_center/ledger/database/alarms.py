"""Quarantine and alarms: each thing once, however often it comes again, and of each station only so much."""

from __future__ import annotations

from typing import Final

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, select, update

from kiosk.messaging.contract.received_event import ReceivedEvent
from kiosk.sorting_center.ledger.database.schema import alarm, quarantine

MAX_BODIES: Final = 1000
# Of one station's quarantined events, the newest: enough to see what is wrong with it.
MAX_BODY_BYTES: Final = 4 * 1024 * 1024
# Of one station. Which numbers an acknowledgement names does not hang on it: it has room for the newest 1,000.
MAX_ROWS: Final = 10_000
MAX_ALARMS: Final = 1000  # Of one kind and station: more rows add nothing for a reader


class IncidentRecorder:
    """Writes alarms and quarantine of the stations of one region, through one connection."""

    def __init__(self, connection: Connection, region: str, received_at: str) -> None:
        self._connection, self._region, self._received_at = connection, region, received_at

    def record_quarantined(self, item: ReceivedEvent, reason: str) -> None:
        """Store the event in quarantine for review; a graver reason replaces an earlier one."""
        same = self._of_station(item.station) & and_(
            quarantine.c.epoch == item.epoch, quarantine.c.seq == item.seq, quarantine.c.sha256 == item.sha256
        )
        if self._connection.execute(select(quarantine.c.id).where(same)).first() is not None:
            self._connection.execute(update(quarantine).where(same).values(reason=reason))
            return
        self._connection.execute(
            insert(quarantine),
            {
                "region": self._region,
                "station": item.station,
                "epoch": item.epoch,
                "seq": item.seq,
                "sha256": item.sha256,
                "reason": reason,
                "type": item.type,
                "body": b"" if item.left_out_bytes else item.body,
                "size_bytes": len(item.body) + item.left_out_bytes,
                "received_at": self._received_at,
            },
        )

    def raise_alarm(self, kind: str, of: tuple[str, str, int], detail: str) -> None:
        """Store one alarm per kind and ``of`` (station, epoch, seq). ``detail`` never has text out of an event."""
        station, epoch, seq = of
        of_kind = (alarm.c.kind == kind) & (alarm.c.station == station) & (alarm.c.region == self._region)
        known = select(alarm.c.id).where(of_kind, alarm.c.epoch == epoch, alarm.c.seq == seq)
        if self._connection.execute(known).first() is not None:
            return
        if self._connection.execute(select(func.count()).where(of_kind)).scalar_one() >= MAX_ALARMS:
            return
        self._connection.execute(
            insert(alarm),
            {
                "region": self._region,
                "kind": kind,
                "station": station,
                "epoch": epoch,
                "seq": seq,
                "detail": detail,
                "raised_at": self._received_at,
            },
        )

    def trim(self, station: str) -> None:
        """Delete the bodies of a station's oldest quarantined events, and still older ones entirely.

        Nothing acknowledged is lost: events up to ``upto`` are whole in the ledger, and the station still has the rest.
        """
        of_station = self._of_station(station)
        newest = select(quarantine.c.id).where(of_station).order_by(quarantine.c.id.desc())
        too_old = newest.offset(MAX_ROWS).limit(1).scalar_subquery()
        self._connection.execute(delete(quarantine).where(of_station, quarantine.c.id <= too_old))
        sizes = self._connection.execute(
            select(quarantine.c.id, func.length(quarantine.c.body).label("bytes"))
            .where(of_station, func.length(quarantine.c.body) > 0)
            .order_by(quarantine.c.id.desc())
            .limit(2 * MAX_BODIES)
        ).all()
        total = 0
        for number, row in enumerate(sizes, 1):
            total += row.bytes
            if number > MAX_BODIES or total > MAX_BODY_BYTES:
                self._connection.execute(
                    update(quarantine).where(of_station, quarantine.c.id <= row.id).values(body=b"")
                )
                return

    def _of_station(self, station: str) -> ColumnElement[bool]:
        return (quarantine.c.station == station) & (quarantine.c.region == self._region)
