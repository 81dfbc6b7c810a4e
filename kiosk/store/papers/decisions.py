"""What a person decides about papers: print one again, or say what became of one."""

from __future__ import annotations

from sqlalchemy import Connection

from kiosk.domain.events import PrintReprinted, PrintResolved
from kiosk.domain.identifiers import ReceiptNumber
from kiosk.store import intakes
from kiosk.store.errors import StoreRefusal
from kiosk.store.intakes_key import number_of
from kiosk.store.journal import journal, sealed_rows
from kiosk.store.papers import print_jobs
from kiosk.store.records import PrintJob, Stamp


def reprint(connection: Connection, job_id: int, actor: str, stamp: Stamp) -> int:
    """Queue a copy; returns its job."""
    job = print_jobs.get(connection, job_id)
    _refuse_slip(job)
    if job.state == print_jobs.CANCELLED:
        raise StoreRefusal("cancelled", f"Print job {job_id} was cancelled: its paper must not come out.")
    if _is_void(connection, job):
        raise StoreRefusal("already_void", f"Receipt {job.receipt} is void: it is not printed again.")
    if job.receipt:
        sealed_rows.refuse_altered_intake(connection, ReceiptNumber.parse(job.receipt))
    journal.append(connection, PrintReprinted(job.document, job.bag, job.about, actor), stamp)
    return print_jobs.copy(connection, job)


def resolve(connection: Connection, job_id: int, came_out: bool, actor: str, stamp: Stamp) -> int | None:
    """Unknown becomes printed, or cancelled with a copy queued in its place; returns the copy.

    There is no copy for an intake that was voided meanwhile.
    """
    job = print_jobs.get(connection, job_id)
    if job.state != print_jobs.UNKNOWN:
        raise StoreRefusal("not_unknown", f"Print job {job_id} is {job.state}: there is nothing to decide.")
    if not came_out:
        _refuse_slip(job)
    print_jobs.move(connection, job_id, print_jobs.UNKNOWN, print_jobs.PRINTED if came_out else print_jobs.CANCELLED)
    journal.append(connection, PrintResolved(job.document, job.bag, job.about, came_out, actor), stamp)
    return None if came_out or _is_void(connection, job) else print_jobs.copy(connection, job)


def _refuse_slip(job: PrintJob) -> None:
    if job.document == print_jobs.PICKUP_SLIP:
        raise StoreRefusal("reissue", f"The slip of parcel {job.about} is not printed twice: issue a new code.")


def _is_void(connection: Connection, job: PrintJob) -> bool:
    return bool(job.receipt) and intakes.is_void(connection, number_of(ReceiptNumber.parse(job.receipt)))
