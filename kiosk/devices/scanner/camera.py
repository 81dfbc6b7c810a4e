"""The station's camera as its scanner, where there is no other. It searches for a code on request only."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from kiosk.base.worker import Worker
from kiosk.devices.ports import Camera, CameraFault
from kiosk.devices.scanner.report import MISSING, OK, ScanReporter
from kiosk.protocols.barcodes.refusal import RefusedScan, ScanRefusal

SCAN_TIMEOUT_S: Final = 20.0  # From a request: time to fetch the parcel and to turn its label up
READ_S: Final = 8.0  # For one frame. The start of the child is in it, which takes a small board seconds.
TURN_S: Final = 0.1  # Between two frames: a waiting shot of goods gets the camera
_NO_CODE = RefusedScan(ScanRefusal.NO_CODE, "the camera saw no code")
_NO_PICTURE = RefusedScan(ScanRefusal.NO_PICTURE, "the camera gives no picture")


class CameraScanner:
    """Implements ``kiosk.devices.ports.Scanner``. A code counts once two frames in a row show it: one alone may be
    misread. The first one ends the look; a shot of goods in between only makes it longer.
    """

    def __init__(self, camera: Camera, report: ScanReporter, clock: Callable[[], float] = time.monotonic) -> None:
        self._camera, self._report, self._clock = camera, report, clock
        self._started, self._requested = False, threading.Event()
        self._worker = Worker("scanner", self._step)

    def start(self) -> None:
        self._worker.start()

    def stop(self, timeout_s: float = 3.0) -> None:
        """End after the current frame; may be called twice."""
        self._worker.stop(timeout_s)

    def scan_for_code(self) -> None:
        """Start to look for a code, from any thread; a call during a look starts one more after it."""
        self._requested.set()
        self._worker.wake()

    def _step(self) -> None:
        if not self._started:
            self._started = True
            self._report.state(OK)
        if self._requested.is_set():
            self._requested.clear()
            self._scan()

    def _scan(self) -> None:
        end, before = self._clock() + SCAN_TIMEOUT_S, frozenset[str]()
        while not self._worker.is_stopping:
            try:
                seen = frozenset(self._camera.read_codes(READ_S))
            except CameraFault as fault:
                if fault.code != "timeout":  # the camera was in use, or a frame did not come
                    self._report.state(MISSING)
                    self._report.refused(_NO_PICTURE)
                    return
                seen = frozenset()
            if sure := sorted(seen & before):
                self._report.state(OK)
                for code in sure:
                    self._report.scan(code.encode("utf-8", "replace"))
                return
            if self._clock() >= end:
                self._report.refused(_NO_CODE)
                return
            before = seen
            self._worker.pause(TURN_S)
