"""The rows of print jobs, written in the transaction of what the papers are about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, text, update

from kiosk.domain.identifiers import ReceiptNumber
from kiosk.store.database.schema import intake as intake_table
from kiosk.store.database.schema import print_job as job_table
from kiosk.store.database.schema import scan_requests as scan_table
from kiosk.store.database.schema import scanned_bag as scanned_table
from kiosk.store.database.schema import void as void_table
from kiosk.store.journal.numbering import number_of
from kiosk.store.shared.errors import StoreError, StoreRefusal
from kiosk.store.shared.records import NewPaper, PrintJob

QUEUED: Final = "queued"
SENDING: Final = "sending"
PRINTED: Final = "printed"
UNKNOWN: Final = "unknown"
CANCELLED: Final = "cancelled"
PICKUP_SLIP: Final = "pickup_slip"
SEAL_TAG: Final = "seal_tag"
TOTE_TAG: Final = "tote_tag"
MEMBER_CODE: Final = "member_code"
SECRET: Final = frozenset({PICKUP_SLIP, MEMBER_CODE})  # A code can be made of what waits in the queue
# Papers there is no copy of: a slip gets a new code, and a tote that is packed again a new seal.
NEVER_TWICE: Final = SECRET | {SEAL_TAG}
BAG_LABEL: Final = "bag_label"
CRATE_LABEL: Final = "crate_label"
# What sticks on goods: it says nothing true any more once the intake is void.
LABELS_OF_GOODS: Final = frozenset({BAG_LABEL, CRATE_LABEL})

# The condition of the partial index, word for word: SQLite does not find out by itself that it follows.
OPEN = text("print_job.state != 'printed'")

JOBS = select(
    job_table.c.id,
    func.coalesce(intake_table.c.receipt, ""),
    job_table.c.document,
    job_table.c.printer,
    job_table.c.bag,
    job_table.c.body,
    job_table.c.state,
    job_table.c.attempts,
    job_table.c.copy,
    func.coalesce(intake_table.c.receipt, job_table.c.about),
    void_table.c.intake.is_not(None),
    scanned_table.c.bag.is_not(None),
).select_from(
    job_table.outerjoin(intake_table)
    .outerjoin(void_table, void_table.c.intake == job_table.c.intake)
    .outerjoin(
        scanned_table,
        (job_table.c.document == BAG_LABEL)
        & (scanned_table.c.intake == job_table.c.intake)
        & (scanned_table.c.bag == job_table.c.bag),
    )
)


def add(connection: Connection, receipt: ReceiptNumber, jobs: Sequence[NewPaper]) -> None:
    """Queue the papers of an intake, in this order. If it has bags to scan, those are asked for from now on."""
    number = number_of(receipt)
    for job in jobs:
        _add(connection, number, None, job)
    if any(job.to_scan for job in jobs):
        connection.execute(delete(scan_table))
        connection.execute(insert(scan_table).values(intake=number))


def queue(connection: Connection, paper: NewPaper, about: str) -> int:
    return _add(connection, None, about, paper)


def copy(connection: Connection, job: PrintJob, receipt: ReceiptNumber | None) -> int:
    """Queue the same body again as the next copy; ``receipt`` is that of its intake. Return the new job."""
    intake = number_of(receipt) if receipt is not None else None
    about = job.about if intake is None else None
    new = NewPaper(job.document, job.printer, job.body, bag=job.bag)
    return _add(connection, intake, about, new, copy_no=_copies(connection, job, intake) + 1)


def _copies(connection: Connection, job: PrintJob, intake: int | None) -> int:
    """Count the copies of a paper: their numbers grow with the jobs, so none is before this one."""
    about = (job_table.c.intake == intake) if intake is not None else (job_table.c.about == job.about)
    same = about & (job_table.c.document == job.document) & (job_table.c.bag == job.bag) & (job_table.c.id >= job.id)
    return int(connection.execute(select(func.max(job_table.c.copy)).where(same)).scalar_one())


def cancel_queued(connection: Connection, receipt: ReceiptNumber) -> None:
    """Cancel the queued papers of an intake; what may be out stays as it is."""
    _cancel(connection, (job_table.c.intake == number_of(receipt)) & (job_table.c.state == QUEUED))


def cancel_crate(connection: Connection, receipt: ReceiptNumber, place: int) -> None:
    """Cancel the label of a crate that is taken apart if queued, or if unknown: no decision is needed any more."""
    condition = (job_table.c.intake == number_of(receipt)) & (job_table.c.document == CRATE_LABEL)
    _cancel(connection, condition & (job_table.c.bag == place) & job_table.c.state.in_([QUEUED, UNKNOWN]))


def cancel_about(connection: Connection, about: str) -> None:
    """Cancel queued papers about a parcel that has ended, and unknown ones: no decision is needed any more."""
    _cancel(connection, (job_table.c.about == about) & job_table.c.state.in_([QUEUED, UNKNOWN]))


def cancel_slips(connection: Connection, about: str) -> None:
    slips = (job_table.c.about == about) & job_table.c.document.in_(SECRET)
    _cancel(connection, slips & job_table.c.state.in_([QUEUED, UNKNOWN]))


def get(connection: Connection, job_id: int) -> PrintJob:
    """Read the job. Raises StoreRefusal: unknown_paper."""
    row = connection.execute(JOBS.where(job_table.c.id == job_id)).one_or_none()
    if row is None:
        raise StoreRefusal("unknown_paper", f"There is no print job {job_id}.")
    return PrintJob(*row)


def move(connection: Connection, job_id: int, before: str, after: str, **values: object) -> None:
    """Change the state of a job. Raises StoreError when it is in another than ``before``."""
    here = (job_table.c.id == job_id) & (job_table.c.state == before)
    if connection.execute(update(job_table).where(here).values(state=after, **values)).rowcount != 1:
        raise StoreError(f"Print job {job_id} is not {before}, so it cannot become {after}.")


def summary(connection: Connection) -> dict[str, int]:
    """Count the jobs queued, sending, printed and unknown. They are numbered without gaps: printed is the rest."""
    counts = dict.fromkeys((QUEUED, SENDING, PRINTED, UNKNOWN, CANCELLED), 0)
    total = connection.execute(select(func.max(job_table.c.id))).scalar_one() or 0
    for state, count in connection.execute(select(job_table.c.state, func.count()).where(OPEN).group_by(text("1"))):
        counts[state] = count
    counts[PRINTED] = total - sum(counts.values())
    del counts[CANCELLED]
    return counts


def _add(connection: Connection, intake: int | None, about: str | None, job: NewPaper, *, copy_no: int = 0) -> int:
    result = connection.execute(
        insert(job_table)
        .values(
            intake=intake,
            about=about,
            document=job.document,
            printer=job.printer,
            bag=job.bag,
            state=QUEUED,
            attempts=0,
            copy=copy_no,
            body=job.body,
        )
        .returning(job_table.c.id)
    )
    return int(result.scalar_one())


def _cancel(connection: Connection, which: ColumnElement[bool]) -> None:
    ids = list(connection.execute(select(job_table.c.id).where(OPEN, which)).scalars())
    for job_id in ids:
        connection.execute(update(job_table).where(job_table.c.id == job_id).values(state=CANCELLED))
        erase_slips(connection, job_table.c.id == job_id)


def erase_slips(connection: Connection, which: ColumnElement[bool]) -> None:
    """Erase slips that cannot be printed any more: each holds a code."""
    connection.execute(update(job_table).where(which, job_table.c.document.in_(SECRET)).values(body=b""))
