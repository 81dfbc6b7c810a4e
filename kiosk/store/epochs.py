"""Epochs: one for each life of a database. The current one is the newest row."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from kiosk.domain.events import CountersData, EpochStarted
from kiosk.store import journal, metrology_counters
from kiosk.store.errors import StoreError
from kiosk.store.records import Stamp
from kiosk.store.schema import epoch as epoch_table
from kiosk.store.schema import station as station_table
from kiosk.store.series import Series


@dataclass(frozen=True, slots=True)
class Epoch:
    """The row of an epoch; ``acked_upto`` is the last sequence number the sorting center has."""

    number: int
    epoch: str
    series: str
    acked_upto: int


def current(connection: Connection) -> Epoch:
    """The epoch that new events go into."""
    epoch = newest(connection)
    if epoch is None:
        raise StoreError("The database has no epoch: open it again.")
    return epoch


def newest(connection: Connection) -> Epoch | None:
    """The epoch begun last; None in a file just made."""
    row = connection.execute(_COLUMNS.order_by(epoch_table.c.number.desc()).limit(1)).one_or_none()
    return Epoch(*row) if row else None


def all_series(connection: Connection) -> list[Series]:
    """Every letter this database has used, with its epoch, oldest first."""
    rows = connection.execute(select(epoch_table.c.series, epoch_table.c.epoch).order_by(epoch_table.c.number))
    return [Series(*row) for row in rows]


def station_of(connection: Connection) -> str | None:
    """The station this database belongs to; None in a file just made."""
    return connection.execute(select(station_table.c.station)).scalar_one_or_none()


def claim(connection: Connection, station: str) -> None:
    """Make a file just made the database of this station."""
    connection.execute(insert(station_table).values(id=1, station=station))


def begin(connection: Connection, epoch: str, series: str, why: str, stamp: Stamp) -> None:
    """Start an epoch with its first event: seq 1, receipts from 1 in ``series``; it tells the event counters."""
    connection.execute(
        insert(epoch_table).values(
            number=len(all_series(connection)) + 1,
            epoch=epoch,
            series=series,
            why=why,
            started_at=stamp.moment.timestamp,
        )
    )
    counters = CountersData.of(metrology_counters.read(connection))
    journal.append(connection, EpochStarted(series=series, why=why, counters=counters), stamp)


_COLUMNS = select(epoch_table.c.number, epoch_table.c.epoch, epoch_table.c.series, epoch_table.c.acked_upto)
