"""A day or a month as a file for a spreadsheet. Each is in the audit before it begins."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from tempfile import TemporaryFile
from typing import IO, Final

from flask import send_file
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from kiosk.sorting_center.desk.audit import Act
from kiosk.sorting_center.desk.errors import Refused
from kiosk.sorting_center.desk.people import Role
from kiosk.sorting_center.export import spreadsheet
from kiosk.sorting_center.export.spreadsheet import Collected, Facts, Line
from kiosk.sorting_center.reports import ReceiptRow
from kiosk.sorting_center.web.access import Pages, current, doors
from kiosk.sorting_center.web.frame import texts
from kiosk.sorting_center.web.sources import sources
from kiosk.sorting_center.web.staff.days import Month, month_asked
from kiosk.sorting_center.web.staff.links import day_asked
from kiosk.sorting_center.web.texts import CenterTexts

exports = Pages("exports", __name__)

_XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_CSV: Final = "text/csv; charset=utf-8"
_AT_ONCE: Final = threading.BoundedSemaphore(2)
"""Each takes a core for as long as it is made, and the pages have eight threads."""
_FILES: Final = ("receipts.csv", "days.csv", "goods.csv", "all.xlsx")


@exports.look("/exports/<period>/<name>", Role.VIEWER)
def export(period: str, name: str) -> Response:
    """Of a day (2026-11-25) or a month (2026-11): ``receipts.csv``, ``days.csv``, ``goods.csv`` or ``all.xlsx``."""
    day = day_asked(period)
    asked = Month(day, day) if day is not None else month_asked(period)
    if asked is None or name not in _FILES:
        raise NotFound(f"there are {', '.join(_FILES)} of a day like 2026-11-25 or a month like 2026-11")
    if not _AT_ONCE.acquire(blocking=False):
        raise Refused("export_busy", "two exports are being made: wait until one is done")
    try:
        who = doors()
        who.desk.audit.record(current().person.name, Act.EXPORTED, f"{period} {name}", "", who.now())
        return _sent(_made(period, asked, name), f"sorting-center-{period}-{name}")
    except OSError as error:
        raise Refused("not_written", f"the file cannot be made: {error.strerror or error}") from None
    finally:
        _AT_ONCE.release()


def _sent(file: IO[bytes], name: str) -> Response:
    kind = _XLSX if name.endswith(".xlsx") else _CSV
    answer = send_file(file, mimetype=kind, as_attachment=True, download_name=name)
    answer.content_length = file.seek(0, 2)
    file.seek(0)
    return answer


def _made(period: str, asked: Month, name: str) -> IO[bytes]:
    """On disk, and gone when it is closed: a slow reader holds no picture of the database."""
    file = TemporaryFile()  # noqa: SIM115 - whoever sends it closes it
    try:
        words = Words(texts())
        lines = (_line(row) for row in sources().reports.receipts.each(asked.first, asked.last))
        if name == "all.xlsx":
            spreadsheet.workbook(file, lines, _facts(period, words), words)
        else:
            file.writelines(_csv(name, lines, words))
        file.flush()
    except BaseException:
        file.close()
        raise
    return file


def _csv(name: str, lines: Iterator[Line], words: Words) -> Iterator[bytes]:
    if name == "receipts.csv":
        rows = (spreadsheet.receipt_cells(line, words) for line in lines)
        return spreadsheet.csv_lines(spreadsheet.RECEIPT_COLUMNS, rows, words)
    collected = Collected()
    for _ in collected.passing(lines):
        pass
    if name == "days.csv":
        return spreadsheet.csv_lines(spreadsheet.DAY_COLUMNS, spreadsheet.day_rows(collected), words)
    return spreadsheet.csv_lines(spreadsheet.GOODS_COLUMNS, spreadsheet.goods_rows(collected, words), words)


class Words:
    """The words of sheets, in the language of who asks."""

    def __init__(self, texts: CenterTexts) -> None:
        self._texts = texts

    def __call__(self, name: str) -> str:
        """A code that has no word comes back as it is."""
        text_id = f"export_{name}"
        return str(self._texts(text_id).unescape()) if self._texts.known(text_id) else name

    @property
    def right_to_left(self) -> bool:
        """How a sheet lies."""
        return self._texts.language.direction == "rtl"


def _facts(period: str, words: Words) -> Facts:
    found = sources()
    made_at = found.now().astimezone(found.reports.zone)
    said = (
        (words("period"), period),
        (words("made_at"), f"{made_at:%Y-%m-%d %H:%M:%S}"),
        (words("made_by"), current().person.name),
        (words("zone"), found.reports.zone.key),
        (words("note_void"), ""),
        (words("note_time"), ""),
    )
    return Facts(f"{words('title')} {period}", said, words.right_to_left)


def _line(row: ReceiptRow) -> Line:
    return Line(
        day=row.day,
        time=_local(row.at),
        region=row.region,
        station=row.station,
        receipt=row.receipt,
        lot=row.lot,
        product=row.product,
        mode=row.mode,
        member=row.member or "",
        bags=row.bags,
        net_g=row.net_g,
        amount_fen=row.amount_fen,
        is_void=row.voided,
        is_late=row.late,
        time_unknown=row.time_unknown,
        written_at=_utc(row.written_at),
        received_at=_utc(row.received_at),
    )


def _local(at: datetime | None) -> str:
    return f"{at.astimezone(sources().reports.zone):%H:%M:%S}" if at is not None else ""


def _utc(at: datetime | None) -> str:
    return f"{at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z" if at is not None else ""
