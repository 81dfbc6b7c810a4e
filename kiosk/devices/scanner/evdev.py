"""A barcode scanner in keyboard mode, read beside the screen's back: grabbed, decoded here, never typed anywhere."""

from __future__ import annotations

import logging
import os
import select
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from kiosk.devices.scanner.input import input_system
from kiosk.devices.scanner.keyboards import second_keyboards
from kiosk.devices.scanner.keys import NATIVE, KeyDecoder, Typed
from kiosk.devices.scanner.ports import InputSystem
from kiosk.devices.scanner.report import MISSING, OK, SECOND_KEYBOARD, ScanReporter
from kiosk.devices.scanner.settings import ScannerSettings

logger = logging.getLogger(__name__)

RETRY_S = 0.5
LOOK_S = 1.0
"""How often somebody looks for a second keyboard while nothing is scanned; before each scan it is done anyway."""
_READ_BYTES = NATIVE.size * 64


class EvdevScanner:
    """Reports each ended scan; opens the device again for ever. The listeners run in its thread.

    While another keyboard is plugged in, every scan is refused and the state says so.
    """

    def __init__(
        self,
        settings: ScannerSettings,
        report: ScanReporter,
        *,
        system: InputSystem | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = Path(settings.port)
        self._report = report
        self._system = system or input_system(settings.port)
        self._clock = clock
        self._stopping = threading.Event()
        self._wake, self._woken = -1, -1
        self._lost: str | None = None
        self._thread = threading.Thread(target=self._run, name="scanner", daemon=True)

    def start(self) -> None:
        """Begin to read."""
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
                self._miss(error)
            self._stopping.wait(RETRY_S)

    def _session(self) -> None:
        node = self._path.resolve(strict=True).name
        with self._opened() as descriptor:
            self._look(node)
            self._lost = None
            logger.info("the scanner at %s is connected", self._path)
            self._read(descriptor, node)

    @contextmanager
    def _opened(self) -> Iterator[int]:
        descriptor = self._system.open(self._path)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def _miss(self, error: Exception) -> None:
        """Say once why the scanner is not there, not twice a second until somebody comes."""
        self._report.state(MISSING)
        if self._lost != str(error):
            self._lost = str(error)
            trace = None if isinstance(error, OSError) else error
            logger.warning("the scanner at %s is not there: check its cable (%s)", self._path, error, exc_info=trace)

    def _read(self, descriptor: int, node: str) -> None:
        decoder = KeyDecoder()
        waiting = select.poll()
        waiting.register(descriptor, select.POLLIN)
        waiting.register(self._woken, select.POLLIN)
        while not self._stopping.is_set():
            ready = dict(waiting.poll(int(LOOK_S * 1000)))
            if descriptor in ready:
                data = os.read(descriptor, _READ_BYTES)
                if not data:
                    raise OSError("it was pulled out")
                for typed in decoder.feed(data, self._clock()):
                    self._use(typed, node)
            else:
                self._look(node)

    def _use(self, typed: Typed, node: str) -> None:
        if typed.refused:
            self._report.refused(typed.refused)
        elif not self._look(node):
            self._report.refused("another keyboard is plugged in")
        else:
            self._report.scan(typed.text.encode("ascii"))

    def _look(self, node: str) -> bool:
        """Whether the scanner alone can type."""
        alone = not second_keyboards(self._system.devices(self._path), node)
        self._report.state(OK if alone else SECOND_KEYBOARD)
        return alone
