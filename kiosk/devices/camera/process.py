"""The camera port of the station: a child process takes the pictures, so that a hung driver, a crash in a decoder or
60 MB of image library never are the station's own.

The child starts with the first shot, is killed when a shot misses its deadline, starts again with the next one, and
ends after a minute without use.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from typing import Final, TypeVar

from kiosk.devices.camera.answers import live_view_frame, mat_shot
from kiosk.devices.camera.goods import checked_shot, goods_shot
from kiosk.devices.camera.settings import CameraSettings
from kiosk.devices.camera.wire import (
    Answer,
    CodesDetected,
    CodesRequest,
    GoodsInspected,
    LiveViewRequest,
    MatMeasured,
    MeasureRequest,
    ShotCaptured,
    ShotRefused,
    ShotRequest,
    WireError,
    WireLiveView,
)
from kiosk.devices.camera.worker import CameraWorker, RequestFactory, WorkerDied
from kiosk.devices.ports import CameraFault, GoodsShot, LiveViewFrame, MatShot, Shot
from kiosk.domain.verdict import Finding, Reason, Verdict

T = TypeVar("T")
_CHILD: Final = "kiosk.devices.camera.child.__main__"


def child_command(settings: CameraSettings) -> tuple[str, ...]:
    """The command line of the child; -P keeps modules in the working directory out of it."""
    return (sys.executable, "-P", "-m", "kiosk.base.loading", _CHILD, json.dumps(asdict(settings)))


_FROZEN_SHOT: Final = GoodsShot(Verdict((Finding(Reason.FROZEN, 0, 0),)))
# Two intakes of one queue are closer together, and a shot need not wait for a new child; then the device is free.
IDLE_S: Final = 60.0


class ChildCamera:
    """Implements ``Camera`` of ``kiosk.devices.ports``; safe to use from several threads, one shot at a time.

    The deadline covers everything, the start of the child included: measured 0.15 s on a PC, allow a small board
    several seconds. ``command`` replaces the child's command line. After ``idle_s`` seconds without a shot the child
    ends.
    """

    def __init__(self, settings: CameraSettings, command: Sequence[str] | None = None, idle_s: float = IDLE_S) -> None:
        self._settings, self._idle_s = settings, idle_s
        self._command = tuple(command or ())
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._worker: CameraWorker | None = None
        self._unreaped: list[CameraWorker] = []
        self._timer: threading.Timer | None = None
        self._idle_since = 0.0
        self._last_picture = ""
        self._last_frame = ""

    @property
    def child_pid(self) -> int | None:
        """Process id of the running child, None when there is none."""
        worker = self._worker
        return worker.pid if worker else None

    def shoot(self, deadline_s: float) -> Shot:
        """Take one picture within ``deadline_s`` seconds. Raises CameraFault."""
        return self._exchange(ShotRequest, self._read_shot, deadline_s)

    def inspect(self, deadline_s: float) -> GoodsShot:
        """Take a burst and judge it within ``deadline_s`` seconds. Raises CameraFault."""
        return self._exchange(partial(ShotRequest, goods=True), self._read_live_goods, deadline_s)

    def measure(self, deadline_s: float) -> MatShot:
        """Take a burst and measure the mat within ``deadline_s`` seconds. Raises CameraFault."""
        return self._exchange(MeasureRequest, self._read_mat, deadline_s)

    def live_view(self, deadline_s: float) -> LiveViewFrame:
        """Look at the mat within ``deadline_s`` seconds. Raises CameraFault."""
        return self._exchange(LiveViewRequest, self._read_live_view, deadline_s)

    def read_codes(self, deadline_s: float) -> tuple[str, ...]:
        """Look for bar codes within ``deadline_s`` seconds. Raises CameraFault."""
        return self._exchange(CodesRequest, self._read_codes, deadline_s)

    def close(self) -> None:
        """End the child, cutting short a shot that is under way; later shots raise CameraFault."""
        self._closed.set()
        worker = self._worker
        if worker is not None:
            worker.kill()
        with self._lock:
            self._end_worker(gently=False)
            timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
            timer.join()

    def _exchange(self, make: RequestFactory, read: Callable[[Answer, bytes], T], deadline_s: float) -> T:
        if self._settings.kind == "none":
            raise CameraFault("missing", "No camera is set up: enter its kind and path in the station's configuration.")
        deadline = time.monotonic() + deadline_s
        if deadline_s <= 0 or not self._lock.acquire(timeout=deadline_s):
            raise CameraFault("timeout", "The camera is still busy with another picture: wait a moment and try again.")
        try:
            return read(*self._request(make, deadline, deadline_s))
        except WireError as error:
            self._end_worker(gently=False)
            raise self._broken(error) from error
        finally:
            self._idle_since = time.monotonic()
            self._lock.release()

    def _request(self, make: RequestFactory, deadline: float, deadline_s: float) -> tuple[Answer, bytes]:
        worker = self._running_worker()
        try:
            answer, body = worker.request(make, deadline)
        except TimeoutError:
            self._end_worker(gently=False)
            raise CameraFault(
                "timeout",
                f"The camera at {self._settings.path} gave no picture within {deadline_s:g} s: unplug it, "
                "plug it in again and try once more.",
            ) from None
        except WorkerDied as error:
            self._end_worker(gently=False)
            raise self._broken(error) from error
        if isinstance(answer, ShotRefused):
            if body:
                raise WireError("a refusal with a picture")
            raise CameraFault(answer.code, answer.message)
        return answer, body

    def _running_worker(self) -> CameraWorker:
        if self._closed.is_set():
            raise CameraFault("missing", "The camera is switched off: the station is stopping.")
        if self._worker is not None and self._worker.has_ended():
            self._end_worker(gently=False)
        self._reap()
        if self._worker is None:
            self._worker = self._start()
            if self._closed.is_set():  # close() came between the check and the start and saw no child to kill
                self._end_worker(gently=False)
                raise CameraFault("missing", "The camera is switched off: the station is stopping.")
        if self._timer is None:
            self._arm(self._idle_s)
        return self._worker

    def _start(self) -> CameraWorker:
        try:
            return CameraWorker(self._command or child_command(self._settings))
        except OSError as error:
            raise CameraFault(
                "broken", f"The camera program cannot be started ({error.strerror}): restart the station."
            ) from error

    def _read_shot(self, answer: Answer, body: bytes) -> Shot:
        if not isinstance(answer, ShotCaptured):
            raise WireError("a verdict where a picture was asked for")
        shot = checked_shot(body, answer.width, answer.height)
        last, self._last_picture = self._last_picture, shot.sha256
        if self._is_repeated(shot.sha256, last):
            raise self._frozen()
        return shot

    @staticmethod
    def _read_live_view(answer: Answer, body: bytes) -> LiveViewFrame:
        if not isinstance(answer, WireLiveView):
            raise WireError("something else where a look was asked for")
        return live_view_frame(answer, body)

    @staticmethod
    def _read_codes(answer: Answer, body: bytes) -> tuple[str, ...]:
        if not isinstance(answer, CodesDetected) or body:
            raise WireError("something else where codes were asked for")
        return answer.codes

    def _read_mat(self, answer: Answer, body: bytes) -> MatShot:
        if not isinstance(answer, MatMeasured):
            raise WireError("something else where the mat was to be measured")
        shot = mat_shot(answer, body)
        last, self._last_frame = self._last_frame, answer.frame_sha256
        if self._is_repeated(answer.frame_sha256, last):
            raise self._frozen()
        return shot

    def _read_live_goods(self, answer: Answer, body: bytes) -> GoodsShot:
        goods = _goods(answer)
        shot = goods_shot(goods, body)
        last, self._last_frame = self._last_frame, goods.frame_sha256
        return _FROZEN_SHOT if self._is_repeated(goods.frame_sha256, last) else shot

    def _is_repeated(self, sha256: str, last: str) -> bool:
        """Whether the sensor stands still; its device is opened anew for the next try then."""
        # No sensor repeats its noise bit for bit; a picture file may be the same twice with every right.
        if self._settings.kind != "v4l2" or not sha256 or sha256 != last:
            return False
        self._end_worker(gently=True)
        return True

    def _frozen(self) -> CameraFault:
        return CameraFault(
            "frozen", f"The camera at {self._settings.path} repeats an old picture: unplug it, plug it in again."
        )

    def _broken(self, error: Exception) -> CameraFault:
        if self._closed.is_set():
            return CameraFault("missing", "The camera is switched off: the station is stopping.")
        what = "stopped in the middle of a picture" if isinstance(error, WorkerDied) else f"sent {error}"
        return CameraFault(
            "broken",
            f"The camera program for {self._settings.path} {what}: try again; if it stays, restart the station.",
        )

    def _end_worker(self, *, gently: bool) -> None:
        worker, self._worker = self._worker, None
        if worker is not None and not worker.end(gently=gently):
            self._unreaped.append(worker)
        self._reap()

    def _reap(self) -> None:
        self._unreaped = [worker for worker in self._unreaped if not worker.has_ended()]

    def _arm(self, delay_s: float) -> None:
        self._timer = threading.Timer(delay_s, self._end_when_idle)
        self._timer.name = "camera-idle"
        self._timer.daemon = True
        self._timer.start()

    def _end_when_idle(self) -> None:
        # One timer for as long as a child runs: each firing either ends the child or waits for what is left.
        with self._lock:
            left = self._idle_since + self._idle_s - time.monotonic()
            self._timer = None
            if self._closed.is_set():
                return
            if left > 0 and self._worker is not None:
                self._arm(left)
            else:
                self._end_worker(gently=True)
                if self._unreaped:
                    self._arm(self._idle_s)


def _goods(answer: Answer) -> GoodsInspected:
    if not isinstance(answer, GoodsInspected):
        raise WireError("a picture where a verdict was asked for")
    return answer
