"""What members have brought to this station, and the codes by which they see it without a card."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, func, select
from sqlalchemy.dialects.sqlite import insert as upsert

from kiosk.domain.intake import IntakeState
from kiosk.domain.statement import BroughtSums
from kiosk.store import intakes
from kiosk.store.database.schema import intake as intake_table
from kiosk.store.database.schema import member_code as code_table
from kiosk.store.database.schema import print_job as job_table
from kiosk.store.database.schema import void as void_table
from kiosk.store.database.tables import Tables, reading, writing
from kiosk.store.journal import journal
from kiosk.store.papers import print_jobs
from kiosk.store.shared.records import ConfirmedRow, NewPaper

# A date before the station was built came from a clock that was not set (the texts of times are in order).
FIRST_DATE = "2026"


@dataclass(frozen=True, slots=True)
class Brought:
    """``sums`` of the year, ``today`` of the day; ``rows`` are some of the year's receipts, newest first, void ones
    among them. ``first`` and ``last``: the numbers of its first and last receipt, "" without any. ``head``: the last
    hash of the journal.
    """

    sums: BroughtSums
    today: BroughtSums
    rows: list[ConfirmedRow]
    first: str
    last: str
    head: str


class MemberGoods(Tables):
    @reading
    def brought(
        self, connection: Connection, member: str, year_start: str, day_start: str, limit: int, offset: int = 0
    ) -> Brought:
        """Sum up from ``year_start`` and ``day_start`` on: UTC, as stored; "" for an unknown date: all of it then.

        A receipt without a date belongs to the year of the receipts around it: the year begins behind the last receipt
        whose date is before it.
        """
        c = intake_table.c
        own = (c.party == member) & (c.state == IntakeState.CONFIRMED)
        earlier = select(func.max(c.number)).where(own, c.closed_at >= FIRST_DATE, c.closed_at < year_start)
        of_year = own & (c.number > (connection.execute(earlier).scalar_one() or 0))
        ends = select(func.min(c.receipt), func.max(c.receipt)).where(of_year)
        first, last = connection.execute(ends).one()
        epoch = journal.current_epoch(connection)
        return Brought(
            _sums(connection, of_year),
            _sums(connection, of_year & (c.closed_at >= day_start)),
            intakes.newest_confirmed(connection, of_year, limit, offset),
            first or "",
            last or "",
            journal.head(connection, epoch.number)[1],
        )

    @reading
    def has_code(self, connection: Connection, member: str, mac: bytes) -> bool:
        own = (code_table.c.member == member) & (code_table.c.mac == mac)
        return connection.execute(select(code_table.c.member).where(own)).first() is not None

    @writing
    def set_code(self, connection: Connection, member: str, mac: bytes, paper: NewPaper) -> None:
        """Replace the member's code; cancel the slip of the one before if it is still queued."""
        print_jobs.cancel_slips(connection, member)
        new = upsert(code_table).values(member=member, mac=mac)
        connection.execute(new.on_conflict_do_update(index_elements=["member"], set_={"mac": mac}))
        print_jobs.queue(connection, paper, member)

    @writing
    def queue_statement(self, connection: Connection, member: str, paper: NewPaper) -> None:
        """Queue it, unless one still waits for the printer: a second tap queues no second one."""
        waits = (job_table.c.about == member) & (job_table.c.document == paper.document)
        waits &= job_table.c.state.in_([print_jobs.QUEUED, print_jobs.SENDING])
        if connection.execute(select(job_table.c.id).where(print_jobs.OPEN, waits)).first() is None:
            print_jobs.queue(connection, paper, member)


def _sums(connection: Connection, condition: ColumnElement[bool]) -> BroughtSums:
    c, is_void = intake_table.c, void_table.c.intake.is_not(None)
    query = (
        select(func.count(), c.mode, is_void, func.sum(c.net_g), func.sum(c.amount_fen))
        .select_from(intake_table)
        .outerjoin(void_table, void_table.c.intake == c.number)
        .where(condition)
        .group_by(c.mode, is_void)
    )
    return BroughtSums.of((*row,) for row in connection.execute(query))
