"""Epochs: one for each life of a database. The current one is the newest row."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, insert, select

from kiosk.domain.events import CountersData, EpochStarted
from kiosk.store.database.schema import EPOCH_SHIFT
from kiosk.store.database.schema import epoch as epoch_table
from kiosk.store.database.schema import journal as journal_table
from kiosk.store.database.schema import station as station_table
from kiosk.store.journal import journal
from kiosk.store.journal.series import Series
from kiosk.store.scale import event_counters
from kiosk.store.shared.errors import StoreError
from kiosk.store.shared.records import Stamp

# Why an epoch was begun: the sorting center has more of this database than the database itself.
BEHIND: Final = "behind"
# Of the 23 receipt letters of a station this many may ever be spent on the word of a broker. A card is brought back
# with an older copy once in years; what is left belongs to people, who begin an epoch at the technician's page.
MAX_BEHIND_EPOCHS: Final = 6


@dataclass(frozen=True, slots=True)
class Epoch:
    """The row of an epoch; ``acked_upto`` is the last sequence number the sorting center has."""

    number: int
    epoch: str
    series: str
    acked_upto: int


@dataclass(frozen=True, slots=True)
class NewEpoch:
    """A new epoch: 16 hex digits, its receipt series, and why it was begun."""

    epoch: str
    series: str
    why: str


def current(connection: Connection) -> Epoch:
    """The epoch that new events go into."""
    epoch = newest(connection)
    if epoch is None:
        raise StoreError("The database has no epoch: open it again.")
    return epoch


def newest(connection: Connection) -> Epoch | None:
    """The epoch begun last; None in a file just made."""
    row = connection.execute(_NEWEST).one_or_none()
    return Epoch(*row) if row else None


def all_series(connection: Connection) -> list[Series]:
    """Every letter this database has used, with its epoch, oldest first."""
    rows = connection.execute(select(epoch_table.c.series, epoch_table.c.epoch).order_by(epoch_table.c.number))
    return [Series(*row) for row in rows]


def behind_limit_reached(connection: Connection, boot_id: str) -> bool:
    """Whether no epoch may be begun for BEHIND now: one was in this boot, or MOST_BEHIND in all.

    An acknowledgement is no proof, and each such epoch costs a letter. The database is an older copy at most once
    between two starts of the machine, and its own first events say in which boot each epoch was begun.
    """
    firsts = (
        select(journal_table.c.body)
        .join(epoch_table, journal_table.c.position == epoch_table.c.number * EPOCH_SHIFT + 1)
        .where(epoch_table.c.why == BEHIND)
    )
    boots = [json.loads(body)["bootid"] for body in connection.execute(firsts).scalars()]
    return boot_id in boots or len(boots) >= MAX_BEHIND_EPOCHS


def station_of(connection: Connection) -> str | None:
    """The station this database belongs to; None in a file just made."""
    return connection.execute(_STATION).scalar_one_or_none()


def claim(connection: Connection, station: str) -> None:
    """Make a file just made the database of this station."""
    connection.execute(insert(station_table).values(id=1, station=station))


def begin(connection: Connection, new_epoch: NewEpoch, stamp: Stamp) -> None:
    """Start an epoch with its first event: seq 1, receipts from 1 in its series; it tells the event counters."""
    connection.execute(
        insert(epoch_table).values(
            number=len(all_series(connection)) + 1,
            epoch=new_epoch.epoch,
            series=new_epoch.series,
            why=new_epoch.why,
            started_at=stamp.moment.timestamp,
        )
    )
    counters = CountersData.of(event_counters.read(connection))
    journal.append(connection, EpochStarted(series=new_epoch.series, why=new_epoch.why, counters=counters), stamp)


_NEWEST = (
    select(epoch_table.c.number, epoch_table.c.epoch, epoch_table.c.series, epoch_table.c.acked_upto)
    .order_by(epoch_table.c.number.desc())
    .limit(1)
)
_STATION = select(station_table.c.station)
