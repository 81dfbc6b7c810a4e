"""A day or a month as a file for a spreadsheet. Each is in the audit before it begins."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from tempfile import TemporaryFile
from typing import IO, Final

from flask import send_file
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from kiosk.base.refused import Refused
from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.desk.shared.audit import AuditAction
from kiosk.sorting_center.export.spreadsheet import BYTE_ORDER_MARK
from kiosk.sorting_center.ledger import LedgerError
from kiosk.sorting_center.web.shared.access import GuardedBlueprint, current_principal, record
from kiosk.sorting_center.web.shared.exporting import FILES, ExportOrder, build_file, build_in_subprocess
from kiosk.sorting_center.web.shared.frame import texts
from kiosk.sorting_center.web.shared.sources import sources
from kiosk.sorting_center.web.staff.days import Month, parse_month
from kiosk.sorting_center.web.staff.links import parse_day

exports = GuardedBlueprint("exports", __name__)
log = logging.getLogger(__name__)

_XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_CSV: Final = "text/csv"
_ZIP_START: Final = b"PK\x03\x04"  # Every workbook begins so
_CHUNK: Final = 2**16
# Each takes a core for as long as it is made, and the pages have eight threads.
_EXPORT_SLOTS: Final = threading.BoundedSemaphore(2)
# Receipts: beginning a process takes longer than making a file of so few, which is a tenth of a second.
MAX_IN_PROCESS: Final = 500


@exports.get_route("/exports/<period>/<name>", StaffRole.VIEWER)
def export(period: str, name: str) -> Response:
    """Send a day (2026-11-25) or month (2026-11): ``receipts.csv``, ``days.csv``, ``goods.csv`` or ``all.xlsx``."""
    day = parse_day(period)
    dates = Month(day, day) if day is not None else parse_month(period)
    if dates is None or name not in FILES:
        raise NotFound(f"there are {', '.join(FILES)} of a day like 2026-11-25 or a month like 2026-11")
    if not _EXPORT_SLOTS.acquire(blocking=False):
        raise Refused("export_busy", "two exports are being made: wait until one is done")
    with ExitStack() as held:
        held.callback(_EXPORT_SLOTS.release)
        record(AuditAction.EXPORTED, f"{period} {name}")
        found = sources()
        order = ExportOrder(
            name=name,
            period=period,
            first=dates.first,
            last=dates.last,
            language=texts().language.code,
            made_by=current_principal().person.name,
            made_at=f"{found.now().astimezone(found.reports.zone):%Y-%m-%d %H:%M:%S}",
        )
        return _answer(order, held)


def attachment(file: IO[bytes], kind: str, name: str) -> Response:
    """Return the file as a download; sending it closes it."""
    answer = send_file(file, mimetype=kind, as_attachment=True, download_name=name)
    answer.content_length = file.seek(0, 2)
    file.seek(0)
    return answer


def spool(write: Callable[[IO[bytes]], object]) -> IO[bytes]:
    """Write to a temporary file, deleted when closed: a slow reader must not hold a snapshot of the database."""
    file = TemporaryFile()  # noqa: SIM115 - sending it closes it
    try:
        write(file)
        file.flush()
    except BaseException:
        file.close()
        raise
    return file


def _answer(order: ExportOrder, held: ExitStack) -> Response:
    """Send the file. A large one begins at once, so that the browser shows the download while another process makes it;
    ``held`` is released when it is made or the reader has gone.
    """
    reports, name = sources().reports, f"sorting-center-{order.period}-{order.name}"
    kind, start = (_XLSX, _ZIP_START) if order.name.endswith(".xlsx") else (_CSV, BYTE_ORDER_MARK.encode())
    receipts = reports.days.total(order.first, order.last)
    if receipts.intakes + receipts.voided <= MAX_IN_PROCESS:
        try:
            return attachment(spool(lambda file: build_file(order, reports, file)), kind, name)
        except OSError as error:
            log.error("%s of %s cannot be made: %s", order.name, order.period, error.strerror or error)
            raise Refused("not_written", f"the file cannot be made: {error.strerror or error}") from None
    url, slot = sources().ledger.url, held.pop_all()
    pieces = _stream(order, start, lambda file: build_in_subprocess(order, url, reports.zone, file), slot)
    # A proxy that waits for more bytes would hide the beginning (nginx, ngx_http_proxy_module).
    headers = {"Content-Disposition": f"attachment; filename={name}", "X-Accel-Buffering": "no"}
    answer = Response(pieces, mimetype=kind, headers=headers)
    answer.call_on_close(slot.close)
    return answer


def _stream(order: ExportOrder, start: bytes, build: Callable[[IO[bytes]], object], slot: ExitStack) -> Iterator[bytes]:
    yield start
    try:
        file = spool(build)
    except (OSError, LedgerError) as error:
        log.error("%s of %s breaks off: %s", order.name, order.period, error)
        raise  # the connection ends too early, and the browser says that the download failed
    slot.close()
    with file:
        file.seek(len(start))
        yield from iter(lambda: file.read(_CHUNK), b"")
