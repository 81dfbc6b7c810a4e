"""The thread of a scanner that is read from a descriptor: it opens it, reads, and reopens it after a loss."""

from __future__ import annotations

import logging
import os
import select
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from kiosk.base.worker import Worker
from kiosk.devices.scale.supervision import WakePipe
from kiosk.devices.scanner.ports import ScannerDevice
from kiosk.devices.scanner.report import MISSING, ScanReporter
from kiosk.domain.backoff import Backoff

logger = logging.getLogger(__name__)
RETRY_S: Final = 0.25
# A cable that was put back is noticed within a second, and a scanner in a drawer costs nothing.
RETRY_MAX_S: Final = 1.0
POLL_INTERVAL_S: Final = 1.0  # How often a device may do its own checks while nothing is scanned
# Of one moment. hidraw keeps one less for a reader, and then drops newer ones (HIDRAW_BUFFER_SIZE).
MAX_READS: Final = 64
QUIET_S: Final = 0.05  # Reads of one code are closer together: after such a pause the next code begins
SETTLE_S: Final = 1.0


def is_device_name(port: str) -> bool:
    """Return whether the port is a kernel device: below /dev but not /dev/shm, where simulated ones may be."""
    path = Path(port)
    return path.is_relative_to("/dev") and not path.is_relative_to(Path("/dev", "shm"))


class ScannerReader:
    """Implements ``kiosk.devices.ports.Scanner``. Reports of the device are passed on in its thread."""

    def __init__(
        self, device: ScannerDevice, report: ScanReporter, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._device, self._report, self._clock = device, report, clock
        self._wake: WakePipe | None = None
        self._waited_s = 0.0
        self._lost: str | None = None
        self._backoff = Backoff(RETRY_S, RETRY_MAX_S)
        self._worker = Worker("scanner", self._step)

    def start(self) -> None:
        self._wake = WakePipe()
        self._worker.start()

    def stop(self, timeout_s: float = 3.0) -> None:
        """End the thread and release the device; may be called twice."""
        if self._wake is not None:
            self._wake.wake()
        self._worker.stop(timeout_s)
        if self._wake is not None and not self._worker.is_alive:
            self._wake.close()
            self._wake = None

    def _step(self) -> float:
        """Open the device and read until it is gone; return the seconds to wait before the next try."""
        try:
            with self._opened() as descriptor:
                self._settle(descriptor)
                self._device.begin(descriptor)
                self._lost = None
                self._backoff.reset()
                logger.info("the scanner at %s is connected", self._device.path)
                self._read(descriptor)
        except Exception as error:
            # Log once why the scanner is missing, not every second until it is repaired
            self._report.state(MISSING)
            if self._lost != str(error):
                self._lost = str(error)
                trace = None if isinstance(error, (OSError, ValueError)) else error
                where = self._device.path
                logger.warning("the scanner at %s is not there: check its cable (%s)", where, error, exc_info=trace)
        return self._backoff.next()

    @contextmanager
    def _opened(self) -> Iterator[int]:
        descriptor = self._device.open()
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def _settle(self, descriptor: int) -> None:
        """Discard what arrives while the device is opened: it is the end of a code. Raises OSError if it goes on."""
        end = time.monotonic() + SETTLE_S
        waiting = select.poll()
        waiting.register(descriptor, select.POLLIN)
        while waiting.poll(QUIET_S * 1000) and not self._worker.is_stopping:
            self._drain(descriptor)
            if time.monotonic() > end:
                raise OSError("it sends without a rest")

    def _read(self, descriptor: int) -> None:
        assert self._wake is not None
        waiting = select.poll()
        waiting.register(descriptor, select.POLLIN)
        waiting.register(self._wake.fileno(), select.POLLIN)
        while not self._worker.is_stopping:
            began = self._clock()
            ready = dict(waiting.poll(POLL_INTERVAL_S * 1000))
            if self._wake.fileno() in ready:
                return
            # Only waiting is silence: while a listener was busy, the rest of the next code waited in the device.
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
            except OSError:
                if reads:  # they came before the device was pulled out; the next read reports that
                    break
                raise
            if not data:
                if reads:
                    break
                raise OSError("it was pulled out")
            reads.append(data)
        return reads
