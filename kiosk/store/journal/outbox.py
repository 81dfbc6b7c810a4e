"""The outbox: events of the current epoch that the sorting center has not acknowledged.

It has no separate table: its rows are those of the journal behind the last acknowledged one. An acknowledgement deletes
nothing; it moves that mark, also back, for a center restored from a backup (see `kiosk.messaging.relay.session`).
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, delete, func, insert, select, update

from kiosk.messaging.contract.seal import EarlierEpoch, OutboxCounts, SealedEvent
from kiosk.store.database.schema import epoch as epoch_table
from kiosk.store.database.schema import journal as journal_table
from kiosk.store.database.schema import quarantined as quarantined_table
from kiosk.store.database.tables import Tables, finishing, reading
from kiosk.store.journal import journal
from kiosk.store.shared.errors import StoreError
from kiosk.store.shared.records import EventTotals


class Outbox(Tables):
    """What the relay sends, and the sorting center's answers to it."""

    @reading
    def pending(self, connection: Connection, limit: int, after: int = 0) -> list[SealedEvent]:
        """Return at most ``limit`` events that are not done, with seq above ``after``, oldest first."""
        epoch = journal.current_epoch(connection)
        first = journal.position_of(epoch.number, max(after, epoch.acked_upto) + 1)
        return list(journal.rows_from(connection, first, limit))

    @reading
    def counts(self, connection: Connection) -> OutboxCounts:
        epoch = journal.current_epoch(connection)
        last = journal.last_seq(connection, epoch.number)
        return OutboxCounts(pending=last - epoch.acked_upto, last_seq=last, acked_upto=epoch.acked_upto)

    @reading
    def waiting_bytes(self, connection: Connection) -> int:
        """Sum the bytes of the current epoch's events that are not done; reads every one of their rows."""
        epoch = journal.current_epoch(connection)
        first = journal.position_of(epoch.number, epoch.acked_upto + 1)
        size = select(func.coalesce(func.sum(func.length(journal_table.c.body)), 0))
        return int(connection.execute(size.where(journal_table.c.position >= first)).scalar_one())

    @reading
    def earlier(self, connection: Connection) -> list[EarlierEpoch]:
        """Return the epochs before the current one of which the sorting center had events, oldest first."""
        rows = connection.execute(
            select(epoch_table.c.number, epoch_table.c.epoch, epoch_table.c.acked_upto)
            .where(epoch_table.c.number < journal.current_epoch(connection).number, epoch_table.c.acked_upto > 0)
            .order_by(epoch_table.c.number)
        )
        return [EarlierEpoch(row.epoch, journal.last_seq(connection, row.number), row.acked_upto) for row in rows.all()]

    @reading
    def totals(self, connection: Connection) -> EventTotals:
        """Count all events written here, in all epochs, and those that the center has acknowledged."""
        written = select(func.count()).select_from(journal_table).scalar_subquery()
        acknowledged = select(func.coalesce(func.sum(epoch_table.c.acked_upto), 0)).scalar_subquery()
        return EventTotals(*connection.execute(select(written, acknowledged)).one())

    @reading
    def sealed(self, connection: Connection, epoch: str, limit: int, after: int = 0) -> list[SealedEvent]:
        """Return at most ``limit`` events of this epoch with seq above ``after``, done or not, oldest first."""
        number = _number_of(connection, epoch)
        if number is None:
            return []
        first = journal.position_of(number, after + 1)
        return [event for event in journal.rows_from(connection, first, limit) if event.epoch == epoch]

    @reading
    def hash_at(self, connection: Connection, seq: int, epoch: str | None = None) -> str | None:
        """Return the hash of an event of this epoch (None: the current one), None when there is no such event."""
        number = journal.current_epoch(connection).number if epoch is None else _number_of(connection, epoch)
        if number is None:
            return None
        position = journal.position_of(number, seq)
        query = select(journal_table.c.sha256).where(journal_table.c.position == position, journal_table.c.seq == seq)
        return connection.execute(query).scalar_one_or_none()

    @finishing
    def acknowledge(
        self, connection: Connection, upto: int, quarantined: Sequence[int], epoch: str | None = None
    ) -> bool:
        """Mark events up to ``upto`` as done and those above as not, whatever was so before (the center may go back).

        Returns False, and writes nothing, when ``epoch`` is given and the other process has ended it meanwhile. Raises
        StoreError for a number this database never reached: it is older than what the center has.
        """
        current = journal.current_epoch(connection)
        if epoch not in (None, current.epoch):
            return False
        last = journal.last_seq(connection, current.number)
        if not 0 <= upto <= last:
            raise StoreError(f"the acknowledgement says {upto}, but the last event of epoch {current.epoch} is {last}")
        if upto != current.acked_upto:
            connection.execute(
                update(epoch_table).where(epoch_table.c.number == current.number).values(acked_upto=upto)
            )
        _store_quarantined(connection, current.number, {seq for seq in quarantined if seq <= upto})
        return True

    @reading
    def quarantined(self, connection: Connection) -> list[int]:
        return _quarantined(connection)


def _quarantined(connection: Connection) -> list[int]:
    condition = quarantined_table.c.epoch == journal.current_epoch(connection).number
    return list(connection.execute(select(quarantined_table.c.seq).where(condition)).scalars())


def _number_of(connection: Connection, epoch: str) -> int | None:
    return connection.execute(select(epoch_table.c.number).where(epoch_table.c.epoch == epoch)).scalar_one_or_none()


def _store_quarantined(connection: Connection, epoch_number: int, reported: set[int]) -> None:
    stored = set(_quarantined(connection))
    for seq in stored - reported:
        connection.execute(
            delete(quarantined_table).where(quarantined_table.c.epoch == epoch_number, quarantined_table.c.seq == seq)
        )
    for seq in sorted(reported - stored):
        connection.execute(insert(quarantined_table).values(epoch=epoch_number, seq=seq))
