"""Papers to be printed, and what a person decides about them.

Print jobs are queued, sending, printed; unknown, which only a person may resolve; or cancelled before they were out. A
job is marked as sending before its first byte leaves, so after a crash it is known which paper may be out there.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, delete, insert, select

from kiosk.domain.clerk import STATION_ACTOR
from kiosk.domain.events import PrintReprinted, PrintResolved, PrintUnknown
from kiosk.domain.identifiers import ReceiptNumber, SerialNumber
from kiosk.store.database.schema import crate as crate_table
from kiosk.store.database.schema import intake as intake_table
from kiosk.store.database.schema import intake_line as line_table
from kiosk.store.database.schema import print_job as job_table
from kiosk.store.database.schema import scan_requests as scan_table
from kiosk.store.database.schema import scanned_bag as scanned_table
from kiosk.store.database.schema import tote as tote_table
from kiosk.store.database.tables import Tables, finishing, reading, writing
from kiosk.store.journal import journal, sealed_rows
from kiosk.store.journal.numbering import is_intake, is_void, key_of, number_of, parse_receipt
from kiosk.store.papers import print_jobs
from kiosk.store.papers.print_jobs import CANCELLED, JOBS, OPEN, PRINTED, QUEUED, SENDING, UNKNOWN
from kiosk.store.shared.errors import StoreRefusal
from kiosk.store.shared.records import NewPaper, PrintJob, Stamp

_RESTART: Final = "restart"


class Papers(Tables):
    @writing
    def queue(self, connection: Connection, paper: NewPaper, about: str) -> int:
        return print_jobs.queue(connection, paper, about)

    @reading
    def next(self, connection: Connection, printer: str) -> PrintJob | None:
        query = JOBS.where(OPEN, job_table.c.state == QUEUED, job_table.c.printer == printer)
        row = connection.execute(query.order_by(job_table.c.id).limit(1)).one_or_none()
        return PrintJob(*row) if row else None

    @finishing
    def sending(self, connection: Connection, job_id: int) -> None:
        """Change queued to sending before the first byte is sent; count one more attempt."""
        print_jobs.move(connection, job_id, QUEUED, SENDING, attempts=job_table.c.attempts + 1)

    @finishing
    def done(self, connection: Connection, job_id: int) -> None:
        """Change sending to printed: the paper came out. The body of a pickup slip is erased."""
        print_jobs.move(connection, job_id, SENDING, PRINTED)
        print_jobs.erase_slips(connection, job_table.c.id == job_id)

    @finishing
    def unknown(self, connection: Connection, job_id: int, why: str, stamp: Stamp) -> None:
        """Change sending to unknown, or to printed for a label that a scan has proved meanwhile: it is not known
        whether the paper came out. A pickup slip's body is erased.

        ``why`` is ``restart`` or ``device``.
        """
        _unknown(connection, job_id, why, stamp)

    @finishing
    def recover(self, connection: Connection, stamp: Stamp) -> list[PrintJob]:
        """Change every job found sending at the station's start to unknown, or to printed when a scan proved it."""
        left = select(job_table.c.id).where(OPEN, job_table.c.state == SENDING).order_by(job_table.c.id)
        ids = list(connection.execute(left).scalars())
        for job_id in ids:
            _unknown(connection, job_id, _RESTART, stamp)
        return [print_jobs.get(connection, job_id) for job_id in ids]

    @writing
    def issue(self, connection: Connection, paper: NewPaper, about: str, actor: str, stamp: Stamp) -> int:
        """Queue a paper that exists only once, as a member's card: the original the first time, a copy from then on.
        One that still waits for the printer is not queued twice. Returns the job.
        """
        previous = JOBS.where(job_table.c.about == about, job_table.c.document == paper.document)
        row = connection.execute(previous.order_by(job_table.c.id.desc()).limit(1)).one_or_none()
        if row is None:
            return print_jobs.queue(connection, paper, about)
        job = PrintJob(*row)
        if job.state in (QUEUED, SENDING):
            return job.id
        journal.append(connection, PrintReprinted(job.document, job.bag, job.about, actor), stamp)
        return print_jobs.copy(connection, job, None)

    @writing
    def reprint(self, connection: Connection, job_id: int, actor: str, stamp: Stamp) -> int:
        """Queue the paper again on a person's request: a new job with the same body, marked as a copy.

        The receipt of a voided intake is drawn with VOID across it; its labels are not printed any more. Refused:
        reissue (a pickup slip: its code is gone; a seal), cancelled, void_label, unknown_paper, record_altered.
        """
        job = print_jobs.get(connection, job_id)
        _refuse_slip(job)
        if job.void and job.document in print_jobs.LABELS_OF_GOODS:
            raise StoreRefusal("void_label", f"Receipt {job.receipt} is void: its bags get no label any more.")
        if (job.state == CANCELLED and not job.void) or _is_unpacked(connection, job):
            raise StoreRefusal("cancelled", f"Print job {job_id} was cancelled: its paper must not come out.")
        receipt = _receipt_of(job)
        if receipt is not None:
            sealed_rows.refuse_altered_intake(connection, receipt)
        journal.append(connection, PrintReprinted(job.document, job.bag, job.about, actor), stamp)
        return print_jobs.copy(connection, job, receipt)

    @writing
    def resolve(self, connection: Connection, job_id: int, came_out: bool, actor: str, stamp: Stamp) -> int | None:
        """Record what a person says of an unknown paper: printed, or cancelled and a copy queued in its place.

        Returns the copy; there is none for an intake that was voided meanwhile. Refused: not_unknown, unknown_paper,
        reissue (a pickup slip or a seal that did not come out).
        """
        job = print_jobs.get(connection, job_id)
        if job.state != UNKNOWN:
            raise StoreRefusal("not_unknown", f"Print job {job_id} is {job.state}: there is nothing to decide.")
        if not came_out:
            _refuse_slip(job)
        print_jobs.move(connection, job_id, UNKNOWN, PRINTED if came_out else CANCELLED)
        journal.append(connection, PrintResolved(job.document, job.bag, job.about, came_out, actor), stamp)
        receipt = _receipt_of(job)
        if came_out or (receipt is not None and is_void(connection, receipt)) or _is_unpacked(connection, job):
            return None
        return print_jobs.copy(connection, job, receipt)

    @writing
    def scanned(self, connection: Connection, receipt: ReceiptNumber, bag: int, stamp: Stamp) -> None:
        """Record the scan of this bag's label: one label of it was printed, even if its job is unknown.

        The code does not say which label it was: it is the same on every copy. It can only be one that was sent before
        the scan. Where one of these is known as printed, it is that one, and the others are unaffected. Where none is,
        the scan proves the newest: a label is printed again because the one before cannot be stuck on. The others stay
        unknown until a person decides. A label that is just being sent is printed as soon as the printer's worker has
        reported.

        Refused: unknown_code, void_label, bag_twice (this bag was scanned before: nothing is written again).
        """
        query = JOBS.where(is_intake(receipt), job_table.c.document == print_jobs.BAG_LABEL, job_table.c.bag == bag)
        jobs = [PrintJob(*row) for row in connection.execute(query.order_by(job_table.c.id))]
        if not jobs:
            raise StoreRefusal("unknown_code", f"There is no label of bag {bag} of receipt {receipt}.")
        if any(job.void for job in jobs):
            raise StoreRefusal("void_label", f"Receipt {receipt} is void: its bags have no label any more.")
        if any(job.scanned for job in jobs):
            raise StoreRefusal("bag_twice", f"Bag {bag} of receipt {receipt} was scanned before.")
        is_out = any(job.state == PRINTED for job in jobs)
        waiting = (job for job in reversed(jobs) if job.state in (SENDING, UNKNOWN))
        proved = None if is_out else next(waiting, None)  # The job that the scan now proves
        row = {"intake": number_of(receipt), "bag": bag, "scanned_at": stamp.moment.timestamp}
        connection.execute(insert(scanned_table).values(row | {"print_job": proved.id if proved else None}))
        if proved is not None and proved.state == UNKNOWN:
            print_jobs.move(connection, proved.id, UNKNOWN, PRINTED)
            resolved = PrintResolved(proved.document, bag, proved.about, came_out=True, actor=STATION_ACTOR)
            journal.append(connection, resolved, stamp)

    @reading
    def receipt_to_scan(self, connection: Connection) -> str | None:
        """Return the receipt whose bags are still to be scanned; None when every one was, or none are asked for."""
        to_scan = (
            select(intake_table.c.receipt)
            .select_from(scan_table)
            .join(intake_table, intake_table.c.number == scan_table.c.intake)
            .join(line_table, line_table.c.intake == scan_table.c.intake)
            .outerjoin(
                scanned_table,
                (scanned_table.c.intake == line_table.c.intake) & (scanned_table.c.bag == line_table.c.bag),
            )
            .where(scanned_table.c.bag.is_(None))
        )
        return connection.execute(to_scan.limit(1)).scalar_one_or_none()

    @finishing
    def cancel_scan_requests(self, connection: Connection) -> None:
        connection.execute(delete(scan_table))

    @reading
    def open_jobs(self, connection: Connection, limit: int = 200) -> list[PrintJob]:
        query = JOBS.where(OPEN, job_table.c.state.in_([QUEUED, SENDING, UNKNOWN])).order_by(job_table.c.id)
        return [PrintJob(*row) for row in connection.execute(query.limit(limit))]

    @reading
    def of_receipt(self, connection: Connection, receipt: str) -> list[PrintJob]:
        query = JOBS.where(is_intake(parse_receipt(receipt)))
        return [PrintJob(*row) for row in connection.execute(query.order_by(job_table.c.id))]

    @reading
    def latest(self, connection: Connection, document: str, about: str = "") -> PrintJob | None:
        """Find the newest paper of this kind that is no copy; ``about`` limits it, as to a manifest's number."""
        query = JOBS.where(job_table.c.document == document, job_table.c.copy == 0).order_by(job_table.c.id.desc())
        if about:
            query = query.where(job_table.c.about == about)
        row = connection.execute(query.limit(1)).one_or_none()
        return PrintJob(*row) if row else None

    @reading
    def summary(self, connection: Connection) -> dict[str, int]:
        return print_jobs.summary(connection)


def _unknown(connection: Connection, job_id: int, why: str, stamp: Stamp) -> None:
    proof = select(scanned_table.c.bag).where(scanned_table.c.print_job == job_id)
    proved = connection.execute(proof).first() is not None
    print_jobs.move(connection, job_id, SENDING, PRINTED if proved else UNKNOWN)
    print_jobs.erase_slips(connection, job_table.c.id == job_id)
    if not proved:
        job = print_jobs.get(connection, job_id)
        journal.append(connection, PrintUnknown(job.receipt, job.document, job.bag, why, job.about), stamp)


def _is_unpacked(connection: Connection, job: PrintJob) -> bool:
    """Return whether it is of a crate that was taken apart, or of a tote that was opened or has left."""
    if job.document == print_jobs.TOTE_TAG:
        number = SerialNumber.parse("T", job.about)
        condition = tote_table.c.number == key_of(number.series, number.counter)
        waits = tote_table.c.unpacked_at.is_(None) & tote_table.c.manifest.is_(None)
        return connection.execute(select(tote_table.c.number).where(condition, waits)).first() is None
    if job.document != print_jobs.CRATE_LABEL:
        return False
    crate = crate_table.c.unpacked_at.is_not(None) & (crate_table.c.place == job.bag)
    query = select(crate_table.c.number).join(intake_table, intake_table.c.number == crate_table.c.intake)
    return connection.execute(query.where(crate, intake_table.c.receipt == job.receipt)).first() is not None


def _refuse_slip(job: PrintJob) -> None:
    if job.document in print_jobs.NEVER_TWICE:
        raise StoreRefusal("reissue", f"The paper of {job.about} is not printed twice: it gets a new number.")


def _receipt_of(job: PrintJob) -> ReceiptNumber | None:
    return ReceiptNumber.parse(job.receipt) if job.receipt else None
