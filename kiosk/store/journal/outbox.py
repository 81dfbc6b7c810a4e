"""The outbox: events of the current epoch that the sorting center has not acknowledged."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, delete, func, insert, select, update

from kiosk.store.database.schema import epoch as epoch_table
from kiosk.store.database.schema import journal as journal_table
from kiosk.store.database.schema import quarantined as quarantined_table
from kiosk.store.errors import StoreError
from kiosk.store.journal import epochs, journal
from kiosk.store.records import EarlierEpoch, EventTotals, OutboxCounts, OutboxRow


def pending(connection: Connection, limit: int, after: int) -> list[OutboxRow]:
    """At most ``limit`` events that are not done, with seq above ``after``, oldest first."""
    epoch = epochs.current(connection)
    first = journal.position_of(epoch.number, max(after, epoch.acked_upto) + 1)
    return [OutboxRow(row.epoch, row.seq, row.body) for row in journal.rows_from(connection, first, limit)]


def counts(connection: Connection) -> OutboxCounts:
    """How much waits."""
    epoch = epochs.current(connection)
    last = journal.last_seq(connection, epoch.number)
    return OutboxCounts(pending=last - epoch.acked_upto, last_seq=last, acked_upto=epoch.acked_upto)


def earlier(connection: Connection) -> list[EarlierEpoch]:
    """The epochs before the current one of which the sorting center had something, oldest first."""
    rows = connection.execute(
        select(epoch_table.c.number, epoch_table.c.epoch, epoch_table.c.acked_upto)
        .where(epoch_table.c.number < epochs.current(connection).number, epoch_table.c.acked_upto > 0)
        .order_by(epoch_table.c.number)
    )
    return [EarlierEpoch(row.epoch, journal.last_seq(connection, row.number), row.acked_upto) for row in rows.all()]


def totals(connection: Connection) -> EventTotals:
    """Over all epochs."""
    written = select(func.count()).select_from(journal_table).scalar_subquery()
    acknowledged = select(func.coalesce(func.sum(epoch_table.c.acked_upto), 0)).scalar_subquery()
    return EventTotals(*connection.execute(select(written, acknowledged)).one())


def sealed(connection: Connection, epoch: str, limit: int, after: int) -> list[OutboxRow]:
    """At most ``limit`` events of this epoch with seq above ``after``, done or not, oldest first."""
    number = _number_of(connection, epoch)
    if number is None:
        return []
    first = journal.position_of(number, after + 1)
    rows = journal.rows_from(connection, first, limit)
    return [OutboxRow(row.epoch, row.seq, row.body) for row in rows if row.epoch_number == number]


def hash_at(connection: Connection, seq: int, epoch: str | None) -> str | None:
    """The hash of an event of this epoch (None: the current one), None when there is no such event."""
    number = epochs.current(connection).number if epoch is None else _number_of(connection, epoch)
    if number is None:
        return None
    position = journal.position_of(number, seq)
    query = select(journal_table.c.sha256).where(journal_table.c.position == position, journal_table.c.seq == seq)
    return connection.execute(query).scalar_one_or_none()


def acknowledge(connection: Connection, upto: int, quarantined: Sequence[int], expected: str | None) -> bool:
    """Events up to ``upto`` are done, those above are not, whatever was said before (the center may go back).

    False, and nothing is changed, when the current epoch is not the ``expected`` one. Raises StoreError for a number
    this database never reached: it is older than what the center has.
    """
    epoch = epochs.current(connection)
    if expected not in (None, epoch.epoch):
        return False
    last = journal.last_seq(connection, epoch.number)
    if not 0 <= upto <= last:
        raise StoreError(f"the acknowledgement says {upto}, but the last event of epoch {epoch.epoch} is {last}")
    if upto != epoch.acked_upto:
        connection.execute(update(epoch_table).where(epoch_table.c.number == epoch.number).values(acked_upto=upto))
    _keep_quarantined(connection, epoch.number, {seq for seq in quarantined if seq <= upto})
    return True


def quarantined(connection: Connection) -> list[int]:
    """Events of the current epoch that the center keeps apart for a person; done for the station."""
    mine = quarantined_table.c.epoch == epochs.current(connection).number
    return list(connection.execute(select(quarantined_table.c.seq).where(mine)).scalars())


def _number_of(connection: Connection, epoch: str) -> int | None:
    return connection.execute(select(epoch_table.c.number).where(epoch_table.c.epoch == epoch)).scalar_one_or_none()


def _keep_quarantined(connection: Connection, epoch_number: int, wanted: set[int]) -> None:
    kept = set(quarantined(connection))
    for seq in kept - wanted:
        connection.execute(
            delete(quarantined_table).where(quarantined_table.c.epoch == epoch_number, quarantined_table.c.seq == seq)
        )
    for seq in sorted(wanted - kept):
        connection.execute(insert(quarantined_table).values(epoch=epoch_number, seq=seq))
