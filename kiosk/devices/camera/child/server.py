"""The child's only loop: a request in; a picture, a verdict or a fault out."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import BinaryIO, Final, cast, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.devices.camera import wire
from kiosk.devices.camera.child.judge import Judge
from kiosk.devices.camera.child.ports import PictureSource, Pipeline
from kiosk.devices.ports import CameraFault
from kiosk.photo.codec import encode_jpeg
from kiosk.protocols.barcodes.reader import read_codes

_GRACE_S = 1.0
_MESSAGE_LENGTH = 800
# Pixels of the longer side that are looked through: more finds no more on a label a hand away, and takes its time.
_MAX_SIDE_PX: Final = 1920
# A sixth at every side is looked through only when the middle shows no code: whoever holds a label up holds it there,
# and what stands on the shelf beside it, or was put there to be read, is not meant. It is also twice as fast.
_RIM: Final = 6


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
            left = memoryview(wire.pack(answer, body))
            while left:  # The raw pipe may take less than all of it at once
                left = left[answers.write(left) :]
        except BrokenPipeError:
            return
        alarm(0)


def _next_request(requests: BinaryIO) -> wire.Request | None:
    prefix = requests.read(wire.PREFIX.size)
    if len(prefix) < wire.PREFIX.size:
        return None
    try:
        head, body = wire.unpack_prefix(prefix)
        if body:
            raise wire.WireError("a request with a body")
        return wire.unpack_request(requests.read(head))
    except wire.WireError:
        return None


def _answer(source: PictureSource, judge: Judge, request: wire.Request) -> tuple[wire.Answer, bytes]:
    try:
        match request.kind:
            case "measure":
                return judge.measure_mat(request.number)
            case "look":
                return judge.live_view(request.number)
            case "codes":
                return detect_codes(source, request.number), b""
            case "goods":
                return judge.judge_shot(request.number)
            case "shoot":
                return _plain(source, request.number)
    except CameraFault as fault:
        code = cast(wire.FaultCode, fault.code) if fault.code in get_args(wire.FaultCode) else "broken"
        return wire.ShotRefused(request.number, code, str(fault)[:_MESSAGE_LENGTH]), b""
    except Exception as error:  # whatever a driver or decoder does, the station gets an answer
        what = f"{type(error).__name__}: {error}"[: _MESSAGE_LENGTH // 2]
        message = f"The camera program failed ({what}): try again; if it stays, restart the station."
        return wire.ShotRefused(request.number, "broken", message), b""


def _plain(source: PictureSource, number: int) -> tuple[wire.Answer, bytes]:
    frame = source.shoot()
    jpeg = encode_jpeg(frame)
    if len(jpeg) > wire.MAX_BODY:
        raise CameraFault("format", f"The picture is {len(jpeg)} bytes large: set a smaller picture size.")
    height, width = frame.shape[:2]
    return wire.ShotCaptured(number, width, height), jpeg


def detect_codes(source: PictureSource, number: int) -> wire.CodesDetected:
    """A frame of now. Raises CameraFault."""
    gray = cv2.cvtColor(source.burst().frame, cv2.COLOR_BGR2GRAY)
    longer_side = max(gray.shape)
    if longer_side > _MAX_SIDE_PX:
        gray = cv2.resize(
            gray, None, fx=_MAX_SIDE_PX / longer_side, fy=_MAX_SIDE_PX / longer_side, interpolation=cv2.INTER_AREA
        )
    rows, columns = (side // _RIM for side in gray.shape)
    codes = _codes_in(gray[rows:-rows, columns:-columns]) if rows and columns else []
    codes = codes or _codes_in(gray)
    return wire.CodesDetected(number, tuple(code[: wire.MAX_CODE] for code in codes[: wire.MAX_CODES]))


def _codes_in(gray: NDArray[np.generic]) -> list[str]:
    return read_codes(memoryview(gray.tobytes()).cast("B", gray.shape))
