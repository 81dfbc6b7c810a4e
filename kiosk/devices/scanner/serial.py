"""A barcode scanner in serial mode: no keyboard, so nothing it reads can press a key (facts of BadBarcode, 2015)."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import serial

from kiosk.devices.scanner.lines import LineDecoder
from kiosk.devices.scanner.reader import QUIET_S, SETTLE_S
from kiosk.devices.scanner.report import MISSING, OK, ScanReporter
from kiosk.devices.scanner.settings import ScannerSettings

logger = logging.getLogger(__name__)

RETRY_S = 0.5
_READ_S = 60.0
_PIECE = 4096


class SerialScanner:
    """Reads lines ended by CR, LF or Tab and reports each; opens the port again for ever."""

    def __init__(
        self,
        settings: ScannerSettings,
        report: ScanReporter,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._report = report
        self._clock = clock
        self._stopping = threading.Event()
        self._port: serial.Serial | None = None
        self._lost: str | None = None
        self._thread = threading.Thread(target=self._run, name="scanner", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float = 3.0) -> None:
        """End the thread."""
        self._stopping.set()
        port = self._port
        if port is not None:
            # The reader may be closing the port at this very moment; then it needs no waking.
            with suppress(OSError, TypeError):
                port.cancel_read()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._session()
            except Exception as error:
                self._report_missing(error)
            self._port = None
            self._stopping.wait(RETRY_S)

    def _session(self) -> None:
        with serial.Serial(self._settings.port, self._settings.baud, timeout=_READ_S, exclusive=True) as port:
            self._port = port
            self._settle(port)
            self._lost = None
            self._report.state(OK)
            logger.info("the scanner at %s is connected", self._settings.port)
            self._read(port)

    def _settle(self, port: serial.Serial) -> None:
        """What is on its way while the port is opened is the end of a code, and is thrown away. Raises OSError."""
        end = time.monotonic() + SETTLE_S
        port.timeout = QUIET_S
        while port.read(_PIECE) and not self._stopping.is_set():
            if time.monotonic() > end:
                raise OSError("it sends without a rest")
        port.timeout = _READ_S

    def _report_missing(self, error: Exception) -> None:
        """Say once why the scanner is not there, not every second until somebody comes."""
        self._report.state(MISSING)
        known = isinstance(error, OSError)  # serial.SerialException is one
        if self._lost != str(error):
            self._lost = str(error)
            where = self._settings.port
            trace = None if known else error
            logger.warning("the scanner at %s is not there: check its cable (%s)", where, error, exc_info=trace)

    def _read(self, port: serial.Serial) -> None:
        decoder = LineDecoder()
        while not self._stopping.is_set():
            # Only waiting is silence: while a listener was busy, the rest of the next code lay in the port's buffer.
            began = self._clock()
            data = port.read(1)
            silent_s = self._clock() - began
            data += port.read(port.in_waiting)
            for line in decoder.feed(data, silent_s):
                if line.refused:
                    self._report.refused(line.refused)
                else:
                    self._report.scan(line.data)
