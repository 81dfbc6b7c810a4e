"""A process that makes one file and ends: ``python -m kiosk.sorting_center.web.shared.exporting``.

Making a workbook of a month keeps a core busy for many seconds, and the pages have one between them. What went wrong
goes out on standard output.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime
from functools import partial
from typing import IO, Final, Literal
from zoneinfo import ZoneInfo

import msgspec

from kiosk.sorting_center.export import spreadsheet
from kiosk.sorting_center.export.spreadsheet import AboutSheet, CollectedSums, ExportedReceipt
from kiosk.sorting_center.ledger import LedgerError
from kiosk.sorting_center.reports import ReceiptRow, Reports
from kiosk.sorting_center.shared.subprocess_job import (
    NICENESS,
    SubprocessJob,
    exit_with_parent,
    open_stdin,
    read_task,
    run_job,
    write_result,
)
from kiosk.sorting_center.web.shared.names import DisplayNames
from kiosk.sorting_center.web.shared.texts import CenterTexts, center_texts

FILES: Final = ("receipts.csv", "days.csv", "goods.csv", "all.xlsx")


class ExportOrder(msgspec.Struct, frozen=True, kw_only=True):
    """``name`` is one of FILES, ``period`` how who ordered it calls the days from ``first`` to ``last``; ``made_at`` is
    local time.
    """

    name: str
    period: str
    first: date
    last: date
    language: str
    made_by: str
    made_at: str


def build_file(order: ExportOrder, reports: Reports, to: IO[bytes]) -> None:
    """Raises OSError and LedgerError."""
    texts = center_texts(order.language)
    words, named = SheetTexts(texts), DisplayNames(texts, reports)
    lines = map(partial(_line, reports.zone, named), reports.receipts.each(order.first, order.last))
    if order.name == "all.xlsx":
        spreadsheet.workbook(to, lines, _facts(order, reports.zone, words), words)
    else:
        to.writelines(_csv(order.name, lines, words))
    to.flush()


def _csv(name: str, lines: Iterator[ExportedReceipt], words: SheetTexts) -> Iterator[bytes]:
    if name == "receipts.csv":
        rows = (spreadsheet.receipt_cells(line, words) for line in lines)
        return spreadsheet.csv_lines(spreadsheet.RECEIPT_COLUMNS, rows, words)
    collected = CollectedSums()
    for _ in collected.tally(lines):
        pass
    if name == "days.csv":
        return spreadsheet.csv_lines(spreadsheet.DAY_COLUMNS, spreadsheet.day_rows(collected), words)
    return spreadsheet.csv_lines(spreadsheet.GOODS_COLUMNS, spreadsheet.goods_rows(collected, words), words)


class SheetTexts:
    def __init__(self, texts: CenterTexts) -> None:
        self._texts = texts

    def __call__(self, name: str) -> str:
        text_id = f"export_{name}"
        return self._texts.text(text_id) if text_id in self._texts else name

    @property
    def right_to_left(self) -> bool:
        return self._texts.language.direction == "rtl"


def _facts(order: ExportOrder, zone: ZoneInfo, words: SheetTexts) -> AboutSheet:
    entries = (
        (words("period"), order.period),
        (words("made_at"), order.made_at),
        (words("made_by"), order.made_by),
        (words("zone"), zone.key),
        (words("note_void"), ""),
        (words("note_time"), ""),
    )
    return AboutSheet(f"{words('title')} {order.period}", entries, words.right_to_left)


def _line(zone: ZoneInfo, named: DisplayNames, row: ReceiptRow) -> ExportedReceipt:
    return ExportedReceipt(
        day=row.day,
        time=f"{row.at.astimezone(zone):%H:%M:%S}" if row.at is not None else "",
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
        product_name=named.plain_goods(row.product),
    )


def _utc(at: datetime | None) -> str:
    return f"{at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z" if at is not None else ""


_COMMAND: Final = (sys.executable, "-m", "kiosk.base.loading", "kiosk.sorting_center.web.shared.exporting")
_TIMEOUT_S: Final = 600.0  # A million receipts take less than three minutes of a core


class ExportTask(msgspec.Struct, frozen=True):
    order: ExportOrder
    ledger: str
    zone: str
    descriptor: int


class ExportFailure(msgspec.Struct, frozen=True):
    of: Literal["file", "database"]
    message: str


_decode_task: Final = msgspec.json.Decoder(ExportTask).decode
_decode_failure: Final = msgspec.json.Decoder(ExportFailure).decode


def build_in_subprocess(order: ExportOrder, ledger_url: str, zone: ZoneInfo, to: IO[bytes]) -> None:
    """As `making.make` in this process; raises OSError, also when it takes too long, and LedgerError."""
    task = msgspec.json.encode(ExportTask(order, ledger_url, zone.key, to.fileno()))
    output = run_job(SubprocessJob(_COMMAND, task, (to.fileno(),), _TIMEOUT_S))
    if output:
        failure = _decode_failure(output)
        raise LedgerError(failure.message) if failure.of == "database" else OSError(None, failure.message)


def main() -> int:
    os.nice(NICENESS)
    task = _decode_task(read_task(open_stdin()))
    threading.Thread(target=exit_with_parent, args=(sys.stdin.fileno(),), daemon=True).start()
    try:
        with Reports.open(task.ledger, ZoneInfo(task.zone)) as reports, os.fdopen(task.descriptor, "wb") as file:
            build_file(task.order, reports, file)
    except LedgerError as error:
        return _report_failure(ExportFailure("database", str(error)))
    except OSError as error:
        return _report_failure(ExportFailure("file", error.strerror or str(error)))
    return 0


def _report_failure(failure: ExportFailure) -> int:
    write_result(sys.stdout.fileno(), msgspec.json.encode(failure))
    return 1


if __name__ == "__main__":
    sys.exit(main())
