"""What the county asks of its stations, and what they answered, as the ledger's feed says it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Connection, func, insert, select, update

from kiosk.domain.events import RequestAnswered
from kiosk.messaging.contract.station_request import RequestKind
from kiosk.sorting_center.desk.shared.database import DeskDatabase
from kiosk.sorting_center.desk.shared.schema import station_request
from kiosk.sorting_center.ledger.database.times import to_rfc3339

# Numbers are minutes since then, or one more than the last: also of a desk that came back from a backup they go up.
_FIRST_MINUTE: Final = datetime(2020, 1, 1, tzinfo=UTC)
_c = station_request.c


@dataclass(frozen=True, slots=True)
class AskedRequest:
    """``outcome`` is "" while it is open; ``sha256`` and ``size_bytes`` are of the file that answers it."""

    region: str
    station: str
    number: int
    kind: str
    release: str
    outcome: str
    reason: str
    sha256: str
    size_bytes: int
    issued_at: str
    expires_at: str


class StationRequests:
    """Any call may raise DeskError."""

    def __init__(self, database: DeskDatabase) -> None:
        self._database = database

    def add(self, region: str, station: str, kind: RequestKind, release: str, days: int, now: datetime) -> int:
        """Its number."""
        of_station = (_c.region == region) & (_c.station == station)
        with self._database.writing() as connection:
            last = connection.execute(select(func.max(_c.number)).where(of_station)).scalar_one_or_none() or 0
            number = max(int(last) + 1, (now - _FIRST_MINUTE) // timedelta(minutes=1))
            times = {"issued_at": to_rfc3339(now), "expires_at": to_rfc3339(now + timedelta(days=days))}
            empty = dict.fromkeys(("outcome", "reason", "sha256"), "") | {"size_bytes": 0}
            row = {"region": region, "station": station, "number": number, "kind": kind.value, "release": release}
            connection.execute(insert(station_request).values(row | empty | times))
        return number

    def all(self) -> Sequence[AskedRequest]:
        """By region and station, the newest last."""
        with self._database.reading() as connection:
            return [AskedRequest(*row) for row in connection.execute(select(station_request).order_by(*_c))]

    def next_open(self, region: str, now: datetime) -> Sequence[AskedRequest]:
        """Of each station the oldest that is neither answered nor expired: a station takes one after the other."""
        query = select(station_request).where(_c.region == region, _c.outcome == "", _c.expires_at > to_rfc3339(now))
        with self._database.reading() as connection:
            rows = [AskedRequest(*row) for row in connection.execute(query.order_by(_c.number.desc()))]
        return list({row.station: row for row in rows}.values())


def record_answer(connection: Connection, region: str, station: str, data: RequestAnswered) -> None:
    """The first one counts."""
    same = (_c.region == region) & (_c.station == station) & (_c.number == data.number)
    values = {name: getattr(data, name) for name in ("outcome", "reason", "sha256", "size_bytes")}
    connection.execute(update(station_request).where(same, _c.kind == data.kind, _c.outcome == "").values(values))
