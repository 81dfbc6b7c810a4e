"""The child's only loop: a request in; a picture, a verdict or a fault out."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import BinaryIO, cast, get_args

import cv2

from kiosk.devices.camera.child.codes import detect_codes
from kiosk.devices.camera.child.judge import Judge
from kiosk.devices.camera.child.ports import PictureSource, Pipeline
from kiosk.devices.camera.wire import (
    MAX_BODY,
    PREFIX,
    Answer,
    CodesRequest,
    FaultCode,
    LiveViewRequest,
    MeasureRequest,
    Request,
    ShotCaptured,
    ShotRefused,
    ShotRequest,
    WireError,
    pack,
    unpack_prefix,
    unpack_request,
)
from kiosk.devices.ports import CameraFault
from kiosk.photo.codec import encode_jpeg

_GRACE_S = 1.0
_MESSAGE_LENGTH = 800


def set_alarm(seconds: float) -> None:
    """Let the kernel end this process after ``seconds``; 0 takes it back.

    The default action of SIGALRM needs no Python code, so it also ends a call that hangs inside a driver, even when
    the station that would have killed us is gone itself.
    """
    signal.setitimer(signal.ITIMER_REAL, seconds)


def serve(
    source: PictureSource,
    requests: BinaryIO,
    answers: BinaryIO,
    pipeline: Pipeline,
    alarm: Callable[[float], None] = set_alarm,
) -> None:
    """Answer requests until the station closes its end or breaks the rules."""
    cv2.setNumThreads(1)
    judge = Judge(source, pipeline)
    while (request := _next_request(requests)) is not None:
        alarm(request.within_s + _GRACE_S)
        answer, body = _answer(source, judge, request)
        try:
            _write_all(answers, pack(answer, body))
        except BrokenPipeError:
            return
        alarm(0)


def _next_request(requests: BinaryIO) -> Request | None:
    prefix = requests.read(PREFIX.size)
    if len(prefix) < PREFIX.size:
        return None
    try:
        head, body = unpack_prefix(prefix)
        if body:
            raise WireError("a request with a body")
        return unpack_request(requests.read(head))
    except WireError:
        return None


def _answer(source: PictureSource, judge: Judge, request: Request) -> tuple[Answer, bytes]:
    try:
        match request:
            case MeasureRequest():
                return judge.measure_mat(request.number)
            case LiveViewRequest():
                return judge.live_view(request.number)
            case CodesRequest():
                return detect_codes(source, request.number), b""
            case ShotRequest(goods=True):
                return judge.judge_shot(request.number)
            case _:
                return _plain(source, request.number)
    except CameraFault as fault:
        return ShotRefused(request.number, _code(fault), str(fault)[:_MESSAGE_LENGTH]), b""
    except Exception as error:  # whatever a driver or decoder does, the station gets an answer
        what = f"{type(error).__name__}: {error}"[: _MESSAGE_LENGTH // 2]
        message = f"The camera program failed ({what}): try again; if it stays, restart the station."
        return ShotRefused(request.number, "broken", message), b""


def _plain(source: PictureSource, number: int) -> tuple[Answer, bytes]:
    frame = source.shoot()
    jpeg = encode_jpeg(frame)
    if len(jpeg) > MAX_BODY:
        raise CameraFault("format", f"The picture is {len(jpeg)} bytes large: set a smaller picture size.")
    height, width = frame.shape[:2]
    return ShotCaptured(number, width, height), jpeg


def _code(fault: CameraFault) -> FaultCode:
    return cast(FaultCode, fault.code) if fault.code in get_args(FaultCode) else "broken"


def _write_all(answers: BinaryIO, message: bytes) -> None:
    # The raw pipe may take less than all of it at once.
    view = memoryview(message)
    while view:
        view = view[answers.write(view) :]
