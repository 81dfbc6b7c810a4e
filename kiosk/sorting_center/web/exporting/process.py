"""A process that makes one file and ends: ``python -m kiosk.sorting_center.web.exporting.process``.

Making a workbook of a month keeps a core busy for many seconds, and the pages have one between them. What is to be made
comes as one line of JSON on standard input; the end of it says that nobody waits any more. What went wrong goes out on
standard output.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from contextlib import suppress
from typing import IO, Final, Literal
from zoneinfo import ZoneInfo

import msgspec

from kiosk.sorting_center.ledger import LedgerError
from kiosk.sorting_center.reports import Reports
from kiosk.sorting_center.web.exporting.making import Order, make

_COMMAND: Final = (sys.executable, "-m", "kiosk.sorting_center.web.exporting.process")
_LONGEST_S: Final = 600.0
"""A million receipts take less than three minutes of a core."""
BEHIND: Final = 5
"""How much nicer it is than the pages, and than who takes in."""


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


def make_apart(order: Order, ledger_url: str, zone: ZoneInfo, to: IO[bytes]) -> None:
    """As `making.make` in this process; raises OSError, also when it takes too long, and LedgerError."""
    task = Task(order, ledger_url, zone.key, to.fileno())
    with subprocess.Popen(
        _COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=(task.descriptor,)
    ) as process:
        limit = threading.Timer(_LONGEST_S, process.kill)
        limit.start()
        try:
            said = _answer(process, msgspec.json.encode(task) + b"\n")
        finally:
            limit.cancel()
            limit.join()
            process.kill()
    if said:
        trouble = msgspec.json.decode(said, type=Trouble)
        raise LedgerError(trouble.said) if trouble.of == "database" else OSError(None, trouble.said)
    if process.returncode:
        raise OSError(None, f"its process has ended with status {process.returncode}")


def _answer(process: subprocess.Popen[bytes], task: bytes) -> bytes:
    """What it said when it has ended; its input stays open so long."""
    if process.stdin is None or process.stdout is None:
        raise OSError(None, "a process was begun without its pipes")
    with suppress(BrokenPipeError):  # it has ended before it read: its status says so
        process.stdin.write(task)
        process.stdin.flush()
    said = process.stdout.read()
    process.wait()
    return said


def main() -> int:
    """Make it."""
    os.nice(BEHIND)
    task = msgspec.json.decode(sys.stdin.buffer.readline(), type=Task)
    threading.Thread(target=_end_with_who_waits, args=(sys.stdin.fileno(),), daemon=True).start()
    try:
        with Reports.open(task.ledger, ZoneInfo(task.zone)) as reports, os.fdopen(task.descriptor, "wb") as file:
            make(task.order, reports, file)
    except LedgerError as error:
        return _failed(Trouble("database", str(error)))
    except OSError as error:
        return _failed(Trouble("file", error.strerror or str(error)))
    return 0


def _failed(trouble: Trouble) -> int:
    sys.stdout.buffer.write(msgspec.json.encode(trouble))
    sys.stdout.buffer.flush()
    return 1


def _end_with_who_waits(descriptor: int) -> None:
    while os.read(descriptor, 4096):  # not through a buffer, whose lock would be held at the end
        pass
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
