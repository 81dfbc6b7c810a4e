"""A process that makes one file and ends: ``python -m kiosk.sorting_center.web.exporting.process``.

Making a workbook of a month keeps a core busy for many seconds, and the pages have one between them. What went wrong
goes out on standard output.
"""

from __future__ import annotations

import os
import sys
import threading
from typing import IO, Final, Literal
from zoneinfo import ZoneInfo

import msgspec

from kiosk.sorting_center.ledger import LedgerError
from kiosk.sorting_center.reports import Reports
from kiosk.sorting_center.shared.child_process import (
    NICENESS,
    exit_with_parent,
    open_stdin,
    read_task,
    run_job,
    write_result,
)
from kiosk.sorting_center.web.exporting.builder import ExportOrder, build_file

_COMMAND: Final = (sys.executable, "-m", "kiosk.base.loading", "kiosk.sorting_center.web.exporting.process")
_TIMEOUT_S: Final = 600.0  # A million receipts take less than three minutes of a core


class ExportTask(msgspec.Struct, frozen=True):
    """``descriptor`` is the file that was handed over, open for writing."""

    order: ExportOrder
    ledger: str
    zone: str
    descriptor: int


class ExportFailure(msgspec.Struct, frozen=True):
    """Why there is no file: what could not be used, and what it said."""

    of: Literal["file", "database"]
    message: str


_decode_task: Final = msgspec.json.Decoder(ExportTask).decode
_decode_failure: Final = msgspec.json.Decoder(ExportFailure).decode


def build_in_subprocess(order: ExportOrder, ledger_url: str, zone: ZoneInfo, to: IO[bytes]) -> None:
    """As `making.make` in this process; raises OSError, also when it takes too long, and LedgerError."""
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
