"""The camera port of the station: a child process takes the pictures, so that a hung driver, a crash in a decoder or
60 MB of image library never are the station's own.

The child starts with the first shot, is killed when a shot misses its deadline, starts again with the next one, and
ends after a minute without use.
"""

from __future__ import annotations

import hashlib
import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from io import BytesIO
from typing import Final, TypeVar

from kiosk.devices.camera import wire
from kiosk.devices.camera.settings import CameraSettings
from kiosk.devices.ports import LIVE_VIEW_REASONS, CameraFault, GoodsShot, LiveViewFrame, MatShot, Shot
from kiosk.domain.mat_measures import MatMeasures, MatQuality
from kiosk.domain.verdict import Finding, Reason, Verdict

T = TypeVar("T")
A = TypeVar("A", bound=wire.Answer)
_CHILD: Final = "kiosk.devices.camera.child.__main__"


def child_command(settings: CameraSettings) -> tuple[str, ...]:
    """Return the command line of the child; -P keeps modules in the working directory out of it."""
    return (sys.executable, "-P", "-m", "kiosk.base.loading", _CHILD, json.dumps(asdict(settings)))


_FROZEN_SHOT: Final = GoodsShot(Verdict((Finding(Reason.FROZEN, 0, 0),)))
# Two intakes of one queue are closer together, and a shot need not wait for a new child; then the device is free.
IDLE_S: Final = 60.0
_EXIT_TIMEOUT_S: Final = 1.0  # How long a child may take to end by itself, and then after SIGKILL


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
        self._child: CameraChild | None = None
        self._unreaped: list[CameraChild] = []
        self._timer: threading.Timer | None = None
        self._idle_since = 0.0
        self._last_picture = ""
        self._last_frame = ""

    @property
    def child_pid(self) -> int | None:
        """Process id of the running child, None when there is none."""
        child = self._child
        return child.pid if child else None

    def shoot(self, deadline_s: float) -> Shot:
        return self._ask("shoot", wire.ShotCaptured, self._read_shot, deadline_s)

    def inspect(self, deadline_s: float) -> GoodsShot:
        return self._ask("goods", wire.GoodsInspected, self._read_goods, deadline_s)

    def measure(self, deadline_s: float) -> MatShot:
        return self._ask("measure", wire.MatMeasured, self._read_mat, deadline_s)

    def live_view(self, deadline_s: float) -> LiveViewFrame:
        return self._ask("look", wire.WireLiveView, live_view_frame, deadline_s)

    def read_codes(self, deadline_s: float) -> tuple[str, ...]:
        return self._ask("codes", wire.CodesDetected, detected_codes, deadline_s)

    def close(self) -> None:
        """End the child, cutting short a shot that is under way; later shots raise CameraFault."""
        self._closed.set()
        child = self._child
        if child is not None:
            child.kill()
        with self._lock:
            self._end_child(gently=False)
            timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
            timer.join()

    def _ask(self, kind: wire.RequestKind, expected: type[A], read: Callable[[A, bytes], T], deadline_s: float) -> T:
        if self._settings.kind == "none":
            raise CameraFault("missing", "No camera is set up: enter its kind and path in the station's configuration.")
        deadline = time.monotonic() + deadline_s
        if deadline_s <= 0 or not self._lock.acquire(timeout=deadline_s):
            raise CameraFault("timeout", "The camera is still busy with another picture: wait a moment and try again.")
        try:
            answer, body = self._running_child().request(kind, deadline)
            if isinstance(answer, wire.ShotRefused) and not body:
                raise CameraFault(answer.code, answer.message)
            if not isinstance(answer, expected):
                raise wire.WireError(f"something else where {kind} was asked for")
            return read(answer, body)
        except TimeoutError:
            self._end_child(gently=False)
            raise CameraFault(
                "timeout",
                f"The camera at {self._settings.path} gave no picture within {deadline_s:g} s: unplug it, "
                "plug it in again and try once more.",
            ) from None
        except (wire.WireError, EOFError) as error:
            self._end_child(gently=False)
            raise self._broken(error) from error
        finally:
            self._idle_since = time.monotonic()
            self._lock.release()

    def _running_child(self) -> CameraChild:
        if self._closed.is_set():
            raise CameraFault("missing", "The camera is switched off: the station is stopping.")
        if self._child is not None and self._child.has_ended():
            self._end_child(gently=False)
        self._reap()
        if self._child is None:
            self._child = self._start()
            if self._closed.is_set():  # close() came between the check and the start and saw no child to kill
                self._end_child(gently=False)
                raise CameraFault("missing", "The camera is switched off: the station is stopping.")
        if self._timer is None:
            self._arm(self._idle_s)
        return self._child

    def _start(self) -> CameraChild:
        try:
            return CameraChild(self._command or child_command(self._settings))
        except OSError as error:
            raise CameraFault(
                "broken", f"The camera program cannot be started ({error.strerror}): restart the station."
            ) from error

    def _read_shot(self, answer: wire.ShotCaptured, body: bytes) -> Shot:
        shot = checked_shot(body, answer.width, answer.height)
        last, self._last_picture = self._last_picture, shot.sha256
        if self._is_repeated(shot.sha256, last):
            raise self._frozen()
        return shot

    def _read_mat(self, answer: wire.MatMeasured, body: bytes) -> MatShot:
        shot = mat_shot(answer, body)
        last, self._last_frame = self._last_frame, answer.frame_sha256
        if self._is_repeated(answer.frame_sha256, last):
            raise self._frozen()
        return shot

    def _read_goods(self, answer: wire.GoodsInspected, body: bytes) -> GoodsShot:
        shot = goods_shot(answer, body)
        last, self._last_frame = self._last_frame, answer.frame_sha256
        return _FROZEN_SHOT if self._is_repeated(answer.frame_sha256, last) else shot

    def _is_repeated(self, sha256: str, last: str) -> bool:
        """Return whether the sensor repeats its frame; its device is opened again for the next try then."""
        # No sensor repeats its noise bit for bit; a picture file may be the same twice with every right.
        if self._settings.kind != "v4l2" or not sha256 or sha256 != last:
            return False
        self._end_child(gently=True)
        return True

    def _frozen(self) -> CameraFault:
        return CameraFault(
            "frozen", f"The camera at {self._settings.path} repeats an old picture: unplug it, plug it in again."
        )

    def _broken(self, error: Exception) -> CameraFault:
        if self._closed.is_set():
            return CameraFault("missing", "The camera is switched off: the station is stopping.")
        what = "stopped in the middle of a picture" if isinstance(error, EOFError) else f"sent {error}"
        return CameraFault(
            "broken",
            f"The camera program for {self._settings.path} {what}: try again; if it stays, restart the station.",
        )

    def _end_child(self, *, gently: bool) -> None:
        child, self._child = self._child, None
        if child is not None and not child.end(gently=gently):
            self._unreaped.append(child)
        self._reap()

    def _reap(self) -> None:
        self._unreaped = [child for child in self._unreaped if not child.has_ended()]

    def _arm(self, delay_s: float) -> None:
        self._timer = threading.Timer(delay_s, self._end_when_idle)
        self._timer.name = "camera-idle"
        self._timer.daemon = True
        self._timer.start()

    def _end_when_idle(self) -> None:
        # One timer for as long as a child runs: each firing either ends the child or waits for the remaining time.
        with self._lock:
            left = self._idle_since + self._idle_s - time.monotonic()
            self._timer = None
            if self._closed.is_set():
                return
            if left > 0 and self._child is not None:
                self._arm(left)
            else:
                self._end_child(gently=True)
                if self._unreaped:
                    self._arm(self._idle_s)


class CameraChild:
    """Not thread-safe except ``kill``; the owner serializes the rest."""

    def __init__(self, command: Sequence[str]) -> None:
        # In its own session: Ctrl-C in a terminal reaches the station only, which then ends the child in order.
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, start_new_session=True
        )
        self._request_number = 0

    @property
    def pid(self) -> int:
        return self._process.pid

    def has_ended(self) -> bool:
        """Return whether the process has ended; reap it when it has."""
        return self._process.poll() is not None

    def request(self, kind: wire.RequestKind, deadline: float) -> tuple[wire.Answer, bytes]:
        """Send a request, and wait for its answer until monotonic second ``deadline``.

        Raises TimeoutError, WireError, or EOFError when the child ends before its answer is complete; after each of
        them only ``end`` may be called.
        """
        self._request_number += 1
        left = min(max(0.001, deadline - time.monotonic()), wire.MAX_WITHIN_S)
        # A request is far smaller than a pipe's buffer and only one is ever under way: this cannot block.
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(wire.pack(wire.Request(kind, self._request_number, left)))
        except OSError as error:
            raise EOFError from error
        head, body = wire.unpack_prefix(self._receive(wire.PREFIX.size, deadline))
        answer = wire.unpack_answer(self._receive(head, deadline))
        if answer.number != self._request_number:
            raise wire.WireError(f"an answer to request {answer.number} when {self._request_number} was asked")
        return answer, self._receive(body, deadline)

    def kill(self) -> None:
        """End the process at once, from any thread; ``end`` must follow."""
        self._process.kill()

    def end(self, *, gently: bool) -> bool:
        """Close the pipes, end the process and reap it; return False while the kernel has not released it.

        A process inside a hung USB driver survives SIGKILL for a while: call again later.
        """
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        if gently and self._wait():
            return True
        self._process.kill()
        return self._wait()

    def _wait(self) -> bool:
        try:
            self._process.wait(_EXIT_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _receive(self, count: int, deadline: float) -> bytes:
        assert self._process.stdout is not None
        source = self._process.stdout.fileno()
        poll = select.poll()
        poll.register(source, select.POLLIN)
        received = bytearray()
        while len(received) < count:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            if not poll.poll(left * 1000):
                continue
            chunk = os.read(source, min(count - len(received), 1 << 16))
            if not chunk:
                raise EOFError
            received += chunk
        return bytes(received)


JPEG_START, JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"
_MARKERS_ONLY = (MatQuality.MARKERS,)


def checked_shot(jpeg: bytes, width: int, height: int) -> Shot:
    if not (jpeg.startswith(JPEG_START) and jpeg.endswith(JPEG_END)):
        raise wire.WireError("a picture that is no JPEG")
    return Shot(jpeg, hashlib.sha256(jpeg).hexdigest(), width, height)


def goods_shot(answer: wire.GoodsInspected, body: bytes) -> GoodsShot:
    """Check and convert the answer; refuse above all a picture that must not be kept, as with a person in view."""
    verdict, measures = Verdict(answer.findings), answer.measures
    if len({finding.reason for finding in verdict.findings}) != len(verdict.findings):
        raise wire.WireError("a reason that is said twice")
    if any(wire.bounded(finding) != finding for finding in verdict.findings):
        raise wire.WireError("a finding out of bounds")
    parts = (measures, answer.master, answer.natural, answer.detail)
    if not (verdict.accepted or verdict.may_be_overruled):
        if body or answer.likeness or any(part is not None for part in parts):
            raise wire.WireError("a picture of a shot that nobody may keep")
        return GoodsShot(verdict)
    master, natural = answer.master, answer.natural
    if measures is None or master is None or natural is None or not answer.likeness:
        raise wire.WireError("a shot that may be kept, without its pictures, measures or likeness")
    if wire.bounded_measures(measures) != measures:
        raise wire.WireError("measures out of bounds")
    pictures = [master, natural] if answer.detail is None else [master, natural, answer.detail]
    if len(body) != sum(one.size_bytes for one in pictures):
        raise wire.WireError(f"{len(body)} bytes are not those of {len(pictures)} pictures")
    jpegs = BytesIO(body)
    shots = [checked_shot(jpegs.read(one.size_bytes), one.width, one.height) for one in pictures]
    return GoodsShot(verdict, measures, shots[0], shots[1], shots[2] if shots[2:] else None, answer.likeness)


def live_view_frame(answer: wire.WireLiveView, body: bytes) -> LiveViewFrame:
    """Check and convert the answer; refuse a picture without a mat or too large, and reasons no look may have."""
    lights, picture = answer.lights, answer.picture
    if len(set(lights)) != len(lights) or not set(lights) <= set(LIVE_VIEW_REASONS):
        raise wire.WireError("lights that are not those of a look")
    if Reason.MAT in lights:
        if body or picture is not None or answer.still:
            raise wire.WireError("a picture without a mat")
        return LiveViewFrame(lights)
    if picture is None or not picture.size_bytes == len(body) <= wire.MAX_LIVE_VIEW_BYTES:
        raise wire.WireError(f"{len(body)} bytes for the picture of a look")
    if max(picture.width, picture.height) > wire.LIVE_VIEW_SIDE_PX:
        raise wire.WireError(f"a look of {picture.width} x {picture.height} pixels")
    return LiveViewFrame(lights, answer.still, checked_shot(body, picture.width, picture.height))


def mat_shot(answer: wire.MatMeasured, body: bytes) -> MatShot:
    """Check and convert the answer; refuse a preview without a mat, and measures that are not those of a mat."""
    measures, preview = MatMeasures(answer.measures), answer.preview
    if tuple(row.quality for row in measures.rows) not in (_MARKERS_ONLY, tuple(MatQuality)):
        raise wire.WireError("measures that are not those of a mat")
    if any(wire.bounded(row) != row for row in measures.rows):
        raise wire.WireError("a measure out of bounds")
    if not measures.is_mat_found:
        if body or preview is not None:
            raise wire.WireError("a preview without a mat")
        return MatShot(measures)
    if preview is None or not preview.size_bytes == len(body) <= wire.MAX_PREVIEW:
        raise wire.WireError(f"{len(body)} bytes for the preview of a mat")
    return MatShot(measures, checked_shot(body, preview.width, preview.height))


def detected_codes(answer: wire.CodesDetected, body: bytes) -> tuple[str, ...]:
    if body:
        raise wire.WireError("codes with a picture")
    return answer.codes
