"""The day of a station: what happened since a clerk closed the last one, and the close.

Positions in the journal decide what belongs to a day, never a clock. After a new epoch a reissued event is in the
journal twice; its old row does not count.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Integer, Text, cast, func, insert, or_, select

from kiosk.domain import events as e
from kiosk.domain.day import DayTotals
from kiosk.domain.intake import IntakeState
from kiosk.domain.trade import Mode
from kiosk.messaging.contract.checkpoint import Checkpoint
from kiosk.store import checkpoints, intakes
from kiosk.store.database.schema import EPOCH_SHIFT
from kiosk.store.database.schema import day as day_table
from kiosk.store.database.schema import epoch as epoch_table
from kiosk.store.database.schema import intake as intake_table
from kiosk.store.database.schema import intake_line as line_table
from kiosk.store.database.schema import journal as journal_table
from kiosk.store.database.schema import void as void_table
from kiosk.store.database.tables import Tables, reading, writing
from kiosk.store.journal import journal, sealed_rows
from kiosk.store.papers import print_jobs
from kiosk.store.shared.records import ConfirmedRow, NewPaper, Stamp

_COUNTED = (e.ParcelArrived, e.ParcelWithdrawn, e.ParcelCollected, e.ParcelReturned, e.PhotoTaken, e.PhotoAccepted)

_REISSUED = func.json_extract(cast(journal_table.c.body, Text), "$.reissued")
_EPOCH_OF_FIRST = epoch_table.alias()
# For a row of the journal: where its event was first recorded (`reissued` is the `{epoch}-{seq}` it had there).
_FIRST_POSITION = func.coalesce(
    select(_EPOCH_OF_FIRST.c.number * EPOCH_SHIFT + cast(func.substr(_REISSUED, 18), Integer))
    .where(_EPOCH_OF_FIRST.c.epoch == func.substr(_REISSUED, 1, 16))
    .scalar_subquery(),
    journal_table.c.position,
)
_LAST_CLOSE = (
    select(day_table.c.position, day_table.c.next_intake, _FIRST_POSITION)
    .join(journal_table, journal_table.c.position == day_table.c.position)
    .order_by(day_table.c.number.desc())
    .limit(1)
)


# The papers of a day: its totals and its head, the hash of its last event.
DayPapers = Callable[[DayTotals, str], Sequence[NewPaper]]


@dataclass(frozen=True, slots=True)
class _LastClose:
    """The last close: its event, and the first intake that can have been confirmed after it.

    ``first_position`` is where its event was first recorded: what was reissued behind it may have happened before it.
    """

    position: int
    next_intake: int
    first_position: int


class Days(Tables):
    @reading
    def totals(self, connection: Connection) -> DayTotals:
        return _totals(connection)

    @reading
    def intakes(self, connection: Connection, limit: int = 50, offset: int = 0) -> list[ConfirmedRow]:
        return intakes.newest_confirmed(connection, _of_the_day(_last_close(connection)), limit, offset)

    @reading
    def county_log(self, connection: Connection) -> Checkpoint | None:
        """Return the newest checkpoint that is kept."""
        return checkpoints.newest(connection)

    @writing
    def close(self, connection: Connection, actor: str, papers: DayPapers, stamp: Stamp) -> tuple[DayTotals, str]:
        """Record the close of the day and queue its papers; return totals and journal head (64 hex digits). Refused:
        record_altered (a changed row).
        """
        since = _last_close(connection)
        sealed_rows.refuse_altered(connection, since.position, since.next_intake)
        found = _totals(connection)
        _, head = journal.head(connection, journal.current_epoch(connection).number)
        position = journal.append(connection, e.DayClosed.of(found, head, actor), stamp)
        closed = insert(day_table).values(
            position=position, next_intake=_next_intake(connection), closed_at=stamp.moment.timestamp
        )
        number = connection.execute(closed.returning(day_table.c.number)).scalar_one()
        for paper in papers(found, head):
            print_jobs.queue(connection, paper, f"day-{number}")
        return found, head


def _totals(connection: Connection) -> DayTotals:
    since = _last_close(connection)
    types = [kind.TYPE for kind in _COUNTED]
    newest = journal.current_epoch(connection).number
    not_reissued = or_(journal_table.c.epoch == newest, journal_table.c.seq <= epoch_table.c.acked_upto)
    query = (
        select(journal_table.c.type, func.count())
        .join(epoch_table)
        .where(_happened_after(since), journal_table.c.type.in_(types), not_reissued)
        .group_by(journal_table.c.type)
    )
    counts = dict.fromkeys(types, 0) | {row[0]: row[1] for row in connection.execute(query)}
    goods = _goods(connection, since)
    is_void_event = journal_table.c.position == void_table.c.position
    voids = select(func.count()).select_from(void_table).join(journal_table, is_void_event)
    bags = select(func.count()).select_from(line_table).join(intake_table).where(_counted_goods(since))
    epoch = journal.current_epoch(connection)
    last = journal.last_seq(connection, epoch.number)
    return DayTotals(
        intakes=_closed(connection, since, IntakeState.CONFIRMED),
        voids=int(connection.execute(voids.where(_happened_after(since))).scalar_one()),
        abandoned=_closed(connection, since, IntakeState.ABANDONED),
        bags=int(connection.execute(bags).scalar_one()),
        net_g=sum(net_g for net_g, _ in goods.values()),
        purchase_fen=goods.get(Mode.PURCHASE, (0, 0))[1],
        consignment_fen=goods.get(Mode.CONSIGNMENT, (0, 0))[1],
        parcels_in=max(0, counts[e.ParcelArrived.TYPE] - counts[e.ParcelWithdrawn.TYPE]),
        parcels_out=counts[e.ParcelCollected.TYPE],
        parcels_returned=counts[e.ParcelReturned.TYPE],
        photos=counts[e.PhotoTaken.TYPE] + counts[e.PhotoAccepted.TYPE],
        prints_unknown=print_jobs.summary(connection)[print_jobs.UNKNOWN],
        first_seq=max(0, since.position - journal.position_of(epoch.number, 0)) + 1,
        last_seq=last,
    )


def _last_close(connection: Connection) -> _LastClose:
    row = connection.execute(_LAST_CLOSE).one_or_none()
    return _LastClose(*row) if row else _LastClose(0, 0, 0)


def _next_intake(connection: Connection) -> int:
    """Return the first intake of the next day: one that is open now belongs to it, as every later one."""
    opened = select(func.min(intake_table.c.number)).where(intake_table.c.state == IntakeState.OPENED)
    first = connection.execute(opened).scalar_one()
    last = connection.execute(select(func.max(intake_table.c.number))).scalar_one()
    return int(first if first is not None else (last or 0) + 1)


def _happened_after(since: _LastClose) -> ColumnElement[bool]:
    """Build the condition on where a row was first issued, read from its body only when there was a close."""
    after = journal_table.c.position > since.position
    return after & (since.first_position < _FIRST_POSITION) if since.position else after


def _of_the_day(since: _LastClose) -> ColumnElement[bool]:
    return (intake_table.c.number >= since.next_intake) & (intake_table.c.position > since.position)


def _closed(connection: Connection, since: _LastClose, state: IntakeState) -> int:
    query = select(func.count()).where(_of_the_day(since) & (intake_table.c.state == state))
    return int(connection.execute(query).scalar_one())


def _counted_goods(since: _LastClose) -> ColumnElement[bool]:
    void = select(void_table.c.intake).where(void_table.c.intake == intake_table.c.number).exists()
    return _of_the_day(since) & (intake_table.c.state == IntakeState.CONFIRMED) & ~void


def _goods(connection: Connection, since: _LastClose) -> dict[str, tuple[int, int]]:
    query = (
        select(intake_table.c.mode, func.sum(intake_table.c.net_g), func.sum(intake_table.c.amount_fen))
        .where(_counted_goods(since))
        .group_by(intake_table.c.mode)
    )
    return {mode: (net_g, amount_fen) for mode, net_g, amount_fen in connection.execute(query)}
