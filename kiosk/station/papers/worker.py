"""One worker per printer: from the queue to the paper, each job at most once.

A job is marked *sending*, durably, before its first byte may leave. From then on only proof makes it *printed*;
anything else, the station's death included, makes it *unknown*, and a person decides. A printer that never answers
gives no proof: each of its jobs ends there, though nothing is wrong with it. A printer that is off, open or out of
paper has not been sent anything: the job stays queued and continues by itself when the fault has ended.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from kiosk.base import memory
from kiosk.base.worker import Worker
from kiosk.devices.ports import Printer, PrinterFault, PrintNotStarted, PrintUncertain
from kiosk.station.papers.rendering import RenderedJob
from kiosk.store.papers.papers import Papers
from kiosk.store.shared.errors import StoreError
from kiosk.store.shared.records import PrintJob, Stamp

logger = logging.getLogger(__name__)

_PATIENCE = 2.0  # How much slower than its speed a printer may be: dense pages, a cold head, a long way to it

# Printer flags a person can mend, by the text id of their sentence; every other one is printer_off.
PROBLEMS = {
    PrinterFault.PAPER_OUT: "paper_out",
    PrinterFault.HEAD_OPEN: "head_open",
    PrinterFault.COVER_OPEN: "head_open",
    PrinterFault.PAPER_JAM: "paper_jam",
}


@dataclass(frozen=True, slots=True)
class FittedPrinter:
    """A printer in the queue. A job that ``render`` cannot draw becomes unknown, and the next one is printed."""

    name: str
    port: Printer
    render: Callable[[PrintJob], RenderedJob]


@dataclass(frozen=True, slots=True)
class PrintListeners:
    """``on_job`` is called at every change of a job, ``on_problem`` with the printer's name and a text id or None."""

    on_job: Callable[[], None]
    on_problem: Callable[[str, str | None], None]


@dataclass(frozen=True, slots=True)
class PrintTiming:
    """Seconds: ``margin_s`` for a slow way to the printer, ``retry_s`` until one that is not ready is tried again."""

    margin_s: float = 20.0
    retry_s: float = 2.0


TIMING: Final = PrintTiming()
PRINT_STOP_S: Final = 25.0  # For the current job


def print_worker(
    printer: FittedPrinter,
    queue: Papers,
    stamps: Callable[[], Stamp],
    listeners: PrintListeners,
    timing: PrintTiming = TIMING,
) -> Worker:
    """Build the worker that prints the queue of one printer; ``wake`` it when a job may have been queued.

    A job may take twice the time of its paper at the printer's speed, and the margin. One that takes longer than the
    end of the worker is found *sending* at the next start.
    """
    step = _PrintQueue(printer, queue, stamps, listeners, timing).step
    return Worker(f"print-{printer.name}", step, retry_s=timing.retry_s, expected=(StoreError,))


class _PrintQueue:
    def __init__(
        self,
        printer: FittedPrinter,
        queue: Papers,
        stamps: Callable[[], Stamp],
        listeners: PrintListeners,
        timing: PrintTiming,
    ) -> None:
        self._name = printer.name
        self._printer = printer.port
        self._render = printer.render
        self._queue, self._stamps = queue, stamps
        self._on_job = listeners.on_job
        self._on_problem = listeners.on_problem
        self._margin_s = timing.margin_s
        self._retry_s = timing.retry_s
        # What is known of the last paper and could not be written yet; nothing else is printed before it is.
        self._unwritten_outcome: Callable[[], None] | None = None

    def step(self) -> float | None:
        """Print the next job; return the seconds to wait, None when there is no job. Raises StoreError."""
        try:
            self._settle()
            job = self._queue.next(self._name)
            if job is None:
                memory.release_free_memory()  # papers and their pages leave megabytes that the C library would keep
                return None
            return 0.0 if self._print(job) else self._retry_s
        except StoreError:
            raise
        except Exception:
            self._notify_problem("printer_off")
            raise

    def _print(self, job: PrintJob) -> bool:
        """Print one job. False when the printer is not ready and nothing has been sent."""
        drawn = self._render_job(job)
        if drawn is None:
            return True
        deadline_s = self._margin_s + _PATIENCE * drawn.seconds
        try:
            self._printer.print(drawn.data, deadline_s, lambda: self._sending(job))
        except PrintNotStarted as error:
            if self._unwritten_outcome is None:
                logger.info("printer %s: job %s waits: %s", self._name, job.id, error)
                problems = [PROBLEMS[flag] for flag in error.flags if flag in PROBLEMS]
                self._notify_problem(problems[0] if problems else "printer_off")
                return False
            # The cable went between the mark and the first byte; from *sending* no way leads back to *queued*.
            self._uncertain(job, error)
        except PrintUncertain as error:
            self._uncertain(job, error)
        else:
            # A printer that cannot answer takes all bytes with its head open too: its jobs stay unknown.
            if self._printer.proves:
                self._unwritten_outcome = lambda: self._queue.done(job.id)
            self._notify_problem(None)
        self._settle()
        return True

    def _render_job(self, job: PrintJob) -> RenderedJob | None:
        """Render the job. One that cannot be drawn leaves the queue, for a person to decide: None."""
        try:
            return self._render(job)
        except Exception:
            logger.exception("printer %s: job %s of %s cannot be drawn", self._name, job.id, job.about or job.receipt)
        self._sending(job)
        self._notify_problem("printer_unknown")
        self._settle()
        return None

    def _sending(self, job: PrintJob) -> None:
        self._queue.sending(job.id)
        self._unwritten_outcome = lambda: self._queue.unknown(job.id, "device", self._stamps())
        self._notify_job()

    def _settle(self) -> None:
        """Record the outcome of the last paper. Raises StoreError; the next round tries again."""
        if self._unwritten_outcome is not None:
            self._unwritten_outcome()
            self._unwritten_outcome = None
            self._notify_job()

    def _uncertain(self, job: PrintJob, error: Exception) -> None:
        logger.warning("printer %s: job %s is uncertain: %s", self._name, job.id, error)
        self._notify_problem("printer_unknown")

    def _notify_job(self) -> None:
        try:
            self._on_job()
        except Exception:
            logger.exception("printer %s: the screen was not told of a job", self._name)

    def _notify_problem(self, problem: str | None) -> None:
        try:
            self._on_problem(self._name, problem)
        except Exception:
            logger.exception("printer %s: the screen was not told of %s", self._name, problem)
