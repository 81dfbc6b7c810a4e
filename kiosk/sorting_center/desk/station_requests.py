"""What the county asks of its stations, and what they answered, as the ledger's feed says it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Connection, RowMapping, func, insert, select, update

from kiosk.domain.events import RequestAnswered
from kiosk.sorting_center.desk.shared.database import DeskDatabase
from kiosk.sorting_center.desk.shared.schema import station_request
from kiosk.sorting_center.ledger.database.times import to_rfc3339

# Numbers are minutes since then, or one more than the last: also of a desk that came back from a backup they go up.
_FIRST_MINUTE: Final = datetime(2020, 1, 1, tzinfo=UTC)
_OPEN: Final = {"outcome": "", "reason": "", "sha256": "", "size_bytes": 0}
_c = station_request.c


class StationRequests:
    """Rows as the schema has them. Any call may raise DeskError."""

    def __init__(self, database: DeskDatabase) -> None:
        self._database = database

    def add(self, region: str, station: str, kind: str, release: str, days: int, now: datetime) -> int:
        """Store a request; return its number."""
        key = {"region": region, "station": station}
        times = {"issued_at": to_rfc3339(now), "expires_at": to_rfc3339(now + timedelta(days=days))}
        query = select(func.max(_c.number)).where(_c.region == region, _c.station == station)
        with self._database.writing() as connection:
            last = connection.execute(query).scalar_one_or_none() or 0
            number = max(int(last) + 1, (now - _FIRST_MINUTE) // timedelta(minutes=1))
            row = {"number": number, "kind": kind, "release": release}
            connection.execute(insert(station_request).values(key | row | _OPEN | times))
        return number

    def all(self) -> Sequence[RowMapping]:
        """Return those of a station one after the other, the newest last."""
        with self._database.reading() as connection:
            return connection.execute(select(station_request).order_by(*_c)).mappings().all()

    def next_open(self, region: str, now: datetime) -> list[RowMapping]:
        """Return the oldest of each station that is neither answered nor expired: a station takes one at a time."""
        query = select(station_request).where(_c.region == region, _c.outcome == "", _c.expires_at > to_rfc3339(now))
        with self._database.reading() as connection:
            rows = connection.execute(query.order_by(_c.number.desc())).mappings()
            return list({row["station"]: row for row in rows}.values())


def record_answer(connection: Connection, region: str, station: str, data: RequestAnswered) -> None:
    """Store the answer, unless there is one: the first counts."""
    same = (_c.region == region) & (_c.station == station) & (_c.number == data.number) & (_c.kind == data.kind)
    values = {name: getattr(data, name) for name in _OPEN}
    connection.execute(update(station_request).where(same, _c.outcome == "").values(values))
