"""The thread of a scanner that is read from a descriptor: it opens, reads, and opens again for ever."""

from __future__ import annotations

import logging
import os
import select
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from kiosk.devices.scanner.ports import ScannerDevice
from kiosk.devices.scanner.report import MISSING, ScanReporter
from kiosk.domain.backoff import Backoff

logger = logging.getLogger(__name__)

RETRY_S: Final = 0.25
# A cable that was put back is noticed within a second, and a scanner in a drawer costs nothing.
RETRY_MAX_S: Final = 1.0
POLL_INTERVAL_S: Final = 1.0  # How often a device is asked what it wants to look at while nothing is scanned
# Of one moment. hidraw keeps one less for a reader, and then drops newer ones (HIDRAW_BUFFER_SIZE).
MAX_READS: Final = 64
QUIET_S: Final = 0.05  # Reads of one code are closer together: what comes after such a rest is the beginning of a code
SETTLE_S: Final = 1.0


class ScannerReader:
    """Implements ``kiosk.devices.ports.Scanner``. What the device reports is told in its thread."""

    def __init__(
        self, device: ScannerDevice, report: ScanReporter, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._device, self._report, self._clock = device, report, clock
        self._stopping = threading.Event()
        self._wake, self._woken = -1, -1
        self._waited_s = 0.0
        self._lost: str | None = None
        self._backoff = Backoff(RETRY_S, RETRY_MAX_S)
        self._thread = threading.Thread(target=self._run, name="scanner", daemon=True)

    def start(self) -> None:
        self._woken, self._wake = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._thread.start()

    def stop(self, timeout_s: float = 3.0) -> None:
        """End the thread and give the device back; may be called twice."""
        self._stopping.set()
        if self._thread.ident is None or self._wake < 0:
            return
        os.write(self._wake, b"\0")
        self._thread.join(timeout_s)
        if not self._thread.is_alive():
            os.close(self._wake)
            os.close(self._woken)
            self._wake = self._woken = -1

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._session()
            except Exception as error:
                self._report_missing(error)
            self._stopping.wait(self._backoff.next())

    def _session(self) -> None:
        with self._opened() as descriptor:
            self._settle(descriptor)
            self._device.begin(descriptor)
            self._lost = None
            self._backoff.reset()
            logger.info("the scanner at %s is connected", self._device.path)
            self._read(descriptor)

    @contextmanager
    def _opened(self) -> Iterator[int]:
        descriptor = self._device.open()
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def _report_missing(self, error: Exception) -> None:
        """Say once why the scanner is not there, not every second until somebody comes."""
        self._report.state(MISSING)
        if self._lost != str(error):
            self._lost = str(error)
            trace = None if isinstance(error, (OSError, ValueError)) else error
            where = self._device.path
            logger.warning("the scanner at %s is not there: check its cable (%s)", where, error, exc_info=trace)

    def _settle(self, descriptor: int) -> None:
        """What is on its way while the device is opened is the end of a code, and is thrown away."""
        end = time.monotonic() + SETTLE_S
        waiting = select.poll()
        waiting.register(descriptor, select.POLLIN)
        while waiting.poll(QUIET_S * 1000) and not self._stopping.is_set():
            self._drain(descriptor)
            if time.monotonic() > end:
                raise OSError("it sends without a rest")

    def _read(self, descriptor: int) -> None:
        waiting = select.poll()
        waiting.register(descriptor, select.POLLIN)
        waiting.register(self._woken, select.POLLIN)
        while not self._stopping.is_set():
            began = self._clock()
            ready = dict(waiting.poll(POLL_INTERVAL_S * 1000))
            # Only waiting is silence: while a listener was busy, the rest of the next code lay in the device.
            self._waited_s += self._clock() - began
            if descriptor in ready:
                self._device.on_reads(self._drain(descriptor), self._waited_s)
            else:
                self._device.idle()

    def _drain(self, descriptor: int) -> list[bytes]:
        reads: list[bytes] = []
        while len(reads) < MAX_READS:
            try:
                data = os.read(descriptor, self._device.read_bytes)
            except BlockingIOError:
                break
            if not data:
                if reads:
                    break
                raise OSError("it was pulled out")
            reads.append(data)
        return reads
