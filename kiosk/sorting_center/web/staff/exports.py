"""A day or a month as a file for a spreadsheet. Each is in the audit before it begins."""

from __future__ import annotations

import logging
import threading
from tempfile import TemporaryFile
from typing import IO, Final

from flask import send_file
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from kiosk.sorting_center.desk.audit import Act
from kiosk.sorting_center.desk.errors import Refused
from kiosk.sorting_center.desk.people import Role
from kiosk.sorting_center.web.access import Pages, current, doors
from kiosk.sorting_center.web.exporting.making import FILES, Order, make
from kiosk.sorting_center.web.exporting.process import make_apart
from kiosk.sorting_center.web.frame import texts
from kiosk.sorting_center.web.sources import sources
from kiosk.sorting_center.web.staff.days import Month, month_asked
from kiosk.sorting_center.web.staff.links import day_asked

exports = Pages("exports", __name__)
log = logging.getLogger(__name__)

_XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_CSV: Final = "text/csv"
_AT_ONCE: Final = threading.BoundedSemaphore(2)
"""Each takes a core for as long as it is made, and the pages have eight threads."""
HERE: Final = 500
"""Receipts: beginning a process takes longer than making a file of so few, which is a tenth of a second."""


@exports.look("/exports/<period>/<name>", Role.VIEWER)
def export(period: str, name: str) -> Response:
    """Of a day (2026-11-25) or a month (2026-11): ``receipts.csv``, ``days.csv``, ``goods.csv`` or ``all.xlsx``."""
    day = day_asked(period)
    asked = Month(day, day) if day is not None else month_asked(period)
    if asked is None or name not in FILES:
        raise NotFound(f"there are {', '.join(FILES)} of a day like 2026-11-25 or a month like 2026-11")
    if not _AT_ONCE.acquire(blocking=False):
        raise Refused("export_busy", "two exports are being made: wait until one is done")
    try:
        who = doors()
        who.desk.audit.record(current().person.name, Act.EXPORTED, f"{period} {name}", "", who.now())
        return _sent(_made(_order(period, asked, name)), f"sorting-center-{period}-{name}")
    except OSError as error:
        log.error("%s of %s cannot be made: %s", name, period, error.strerror or error)
        raise Refused("not_written", f"the file cannot be made: {error.strerror or error}") from None
    finally:
        _AT_ONCE.release()


def _order(period: str, asked: Month, name: str) -> Order:
    found = sources()
    made_at = found.now().astimezone(found.reports.zone)
    return Order(
        name=name,
        period=period,
        first=asked.first,
        last=asked.last,
        language=texts().language.code,
        made_by=current().person.name,
        made_at=f"{made_at:%Y-%m-%d %H:%M:%S}",
    )


def _sent(file: IO[bytes], name: str) -> Response:
    kind = _XLSX if name.endswith(".xlsx") else _CSV
    answer = send_file(file, mimetype=kind, as_attachment=True, download_name=name)
    answer.content_length = file.seek(0, 2)
    file.seek(0)
    return answer


def _made(order: Order) -> IO[bytes]:
    """On disk, and gone when it is closed: a slow reader holds no picture of the database."""
    file = TemporaryFile()  # noqa: SIM115 - whoever sends it closes it
    try:
        reports, ledger = sources().reports, sources().ledger
        receipts = reports.days.total(order.first, order.last)
        if receipts.intakes + receipts.voided > HERE:
            make_apart(order, ledger.url, reports.zone, file)
        else:
            make(order, reports, file)
    except BaseException:
        file.close()
        raise
    return file
