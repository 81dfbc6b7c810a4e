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

from kiosk.sorting_center.apart import BEHIND, Errand, answer, end_when_nobody_waits, parents_lines, said_of, task_of
from kiosk.sorting_center.ledger import LedgerError
from kiosk.sorting_center.reports import Reports
from kiosk.sorting_center.web.exporting.making import Order, make

_COMMAND: Final = (sys.executable, "-m", "kiosk.base.loading", "kiosk.sorting_center.web.exporting.process")
_LONGEST_S: Final = 600.0
"""A million receipts take less than three minutes of a core."""


class Task(msgspec.Struct, frozen=True):
    """``descriptor`` is the file that was handed over, open for writing."""

    order: Order
    ledger: str
    zone: str
    descriptor: int


class Trouble(msgspec.Struct, frozen=True):
    """Why there is no file: what could not be used, and what it said."""

    of: Literal["file", "database"]
    said: str


_task: Final = msgspec.json.Decoder(Task).decode
_trouble: Final = msgspec.json.Decoder(Trouble).decode


def make_apart(order: Order, ledger_url: str, zone: ZoneInfo, to: IO[bytes]) -> None:
    """As `making.make` in this process; raises OSError, also when it takes too long, and LedgerError."""
    task = msgspec.json.encode(Task(order, ledger_url, zone.key, to.fileno()))
    said = said_of(Errand(_COMMAND, task, (to.fileno(),), _LONGEST_S))
    if said:
        trouble = _trouble(said)
        raise LedgerError(trouble.said) if trouble.of == "database" else OSError(None, trouble.said)


def main() -> int:
    """Make it."""
    os.nice(BEHIND)
    task = _task(task_of(parents_lines()))
    threading.Thread(target=end_when_nobody_waits, args=(sys.stdin.fileno(),), daemon=True).start()
    try:
        with Reports.open(task.ledger, ZoneInfo(task.zone)) as reports, os.fdopen(task.descriptor, "wb") as file:
            make(task.order, reports, file)
    except LedgerError as error:
        return _failed(Trouble("database", str(error)))
    except OSError as error:
        return _failed(Trouble("file", error.strerror or str(error)))
    return 0


def _failed(trouble: Trouble) -> int:
    answer(sys.stdout.fileno(), msgspec.json.encode(trouble))
    return 1


if __name__ == "__main__":
    sys.exit(main())
