"""What a print worker needs of the store."""

from __future__ import annotations

from typing import Protocol

from kiosk.store.records import PrintJob, Stamp


class PrintQueue(Protocol):
    """The jobs of all printers, and what became of each."""

    def next_print_job(self, printer: str) -> PrintJob | None: ...
    def print_sending(self, job_id: int) -> None: ...
    def print_done(self, job_id: int) -> None: ...
    def print_unknown(self, job_id: int, why: str, stamp: Stamp) -> None: ...
