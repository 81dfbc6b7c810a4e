"""A process that makes one file and ends: ``python -m kiosk.sorting_center.web.shared.exporting``.

Making a workbook of a month keeps a core busy for many seconds, and the pages have one between them. What went wrong
goes out on standard output.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from datetime import date
from typing import IO, Final, Literal
from zoneinfo import ZoneInfo

import msgspec

from kiosk.sorting_center.export import spreadsheet
from kiosk.sorting_center.export.spreadsheet import AboutSheet, CollectedSums, ReceiptFormat
from kiosk.sorting_center.ledger import LedgerError
from kiosk.sorting_center.reports import ReceiptRow, Reports
from kiosk.sorting_center.shared.child_process import (
    NICENESS,
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
    """Write the file. Raises OSError and LedgerError."""
    texts = center_texts(order.language)
    words = SheetTexts(texts)
    of = ReceiptFormat(words, DisplayNames(texts, reports).plain_goods, reports.zone)
    rows = reports.receipts.each(order.first, order.last)
    if order.name == "all.xlsx":
        spreadsheet.workbook(to, rows, _facts(order, reports.zone, words), of)
    else:
        to.writelines(_csv(order.name, rows, of))
    to.flush()


def _csv(name: str, rows: Iterator[ReceiptRow], of: ReceiptFormat) -> Iterator[bytes]:
    if name == "receipts.csv":
        cells = (spreadsheet.receipt_cells(row, of) for row in rows)
        return spreadsheet.csv_lines(spreadsheet.RECEIPT_COLUMNS, cells, of.words)
    collected = CollectedSums()
    for _ in collected.tally(rows):
        pass
    if name == "days.csv":
        return spreadsheet.csv_lines(spreadsheet.DAY_COLUMNS, spreadsheet.day_rows(collected), of.words)
    return spreadsheet.csv_lines(spreadsheet.GOODS_COLUMNS, spreadsheet.goods_rows(collected, of), of.words)


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
        (words("note_money"), ""),
        (words("note_void"), ""),
        (words("note_time"), ""),
    )
    return AboutSheet(f"{words('title')} {order.period}", entries, words.right_to_left)


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
    """Run `build_file` in a process of its own. Raises OSError, also when it takes too long, and LedgerError."""
    task = msgspec.json.encode(ExportTask(order, ledger_url, zone.key, to.fileno()))
    output = run_job(_COMMAND, task, (to.fileno(),), _TIMEOUT_S)
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
