"""The child's only loop: a request in; a picture, a verdict or a fault out."""

from __future__ import annotations

import hashlib
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO, Final, cast, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.devices.camera import wire
from kiosk.devices.camera.child.faults import UnreadablePicture, require_content
from kiosk.devices.camera.child.ports import PictureSource, Pipeline
from kiosk.devices.ports import CameraFault
from kiosk.domain.verdict import Finding, Reason
from kiosk.photo.arrays import BgrImage
from kiosk.photo.codec import encode_jpeg, encode_jpeg_within
from kiosk.photo.pictures import likeness
from kiosk.protocols.barcodes.reader import read_codes

if TYPE_CHECKING:
    from kiosk.photo.pipeline import Inspection

GoodsAnswer = tuple[wire.GoodsInspected, bytes]
# Faults that a new shot may mend; every other fault of a camera remains one.
_REASON_BY_FAULT: Final = {"frozen": Reason.FROZEN}
EXPOSURE_FIXED_S: Final = 60.0  # How long the exposure of the empty mat is used for goods laid there
# A shot has two or three pictures, which a village's line carries: of detailed goods they are written less well.
PICTURE_BYTES: Final = 220_000
_LIVE_VIEW_QUALITIES: Final = (80, 60, 40, 20)  # At 80, goods of the simulator take 8 to 28 kB


class Judge:
    """Pictures of goods through the pipeline. Raises CameraFault where there is no frame to judge."""

    def __init__(self, source: PictureSource, pipeline: Pipeline, clock: Callable[[], float] = time.monotonic) -> None:
        self._source, self._pipeline, self._clock = source, pipeline, clock
        self._before: BgrImage | None = None
        self._fixed_until: float | None = None

    def judge_shot(self, number: int) -> GoodsAnswer:
        """Take and judge a burst, with the exposure fixed over the empty mat if the live view has seen that."""
        try:
            burst = self._source.burst()
        except UnreadablePicture:
            return _without_frame(number, Reason.UNREADABLE)
        except CameraFault as fault:
            if (reason := _REASON_BY_FAULT.get(fault.code)) is None:
                raise
            return _without_frame(number, reason)
        finally:
            self._release()
        return _goods_answer(number, self._pipeline.inspect(burst.frame, others=burst.others), _digest(burst.frame))

    def measure_mat(self, number: int) -> tuple[wire.MatMeasured, bytes]:
        """Take a burst and measure the mat in it; a black or flat frame without a mat is a fault."""
        burst = self._source.burst()
        measured = self._pipeline.measure_mat(burst.frame, burst.others)
        rows = tuple(wire.bounded(row) for row in measured.measures.rows)
        digest, preview = _digest(burst.frame), measured.preview
        if preview is None:
            require_content(burst.frame, self._source.path)
            return wire.MatMeasured(number, rows, frame_sha256=digest), b""
        jpeg = _bounded(encode_jpeg(preview), wire.MAX_PREVIEW)
        return wire.MatMeasured(number, rows, _picture(preview, jpeg), digest), jpeg

    def live_view(self, number: int) -> tuple[wire.WireLiveView, bytes]:
        """Take a frame and assess it cheaply; the frame before is remembered here and sent nowhere."""
        if self._fixed_until is not None and self._clock() >= self._fixed_until:
            self._release()
        before, self._before = self._before, None
        seen = self._pipeline.assess_live_view(self._source.live_frame(), before)
        self._before = seen.small
        if seen.lights == (Reason.EMPTY,) and self._fixed_until is None:
            with suppress(CameraFault):  # the next frame reports it
                self._source.fix_exposure()
                self._fixed_until = self._clock() + EXPOSURE_FIXED_S
        if seen.picture is None:
            return wire.WireLiveView(number, seen.lights, still=False), b""
        jpeg = _small_jpeg(seen.picture)
        return wire.WireLiveView(number, seen.lights, seen.still, _picture(seen.picture, jpeg)), jpeg

    def _release(self) -> None:
        if self._fixed_until is not None:
            self._fixed_until = None
            self._source.release_exposure()


def _small_jpeg(picture: BgrImage) -> bytes:
    """Encode within the size limit: leafy goods in a noisy frame take more bytes and get a lower quality."""
    for quality in _LIVE_VIEW_QUALITIES:
        if len(jpeg := encode_jpeg(picture, quality)) <= wire.MAX_LIVE_VIEW_BYTES:
            return jpeg
    raise CameraFault("format", f"A small picture of the mat is {len(jpeg)} bytes large: set a smaller picture size.")


def _without_frame(number: int, reason: Reason) -> GoodsAnswer:
    return wire.GoodsInspected(number, (Finding(reason, 0, 0),)), b""


def _goods_answer(number: int, inspection: Inspection, frame_sha256: str) -> GoodsAnswer:
    findings = tuple(wire.bounded(one) for one in inspection.verdict.findings)
    if not (inspection.verdict.accepted or inspection.verdict.may_be_overruled):
        return wire.GoodsInspected(number, findings, frame_sha256=frame_sha256), b""
    if inspection.measures is None or inspection.master is None or inspection.natural is None:
        raise CameraFault("broken", "The goods could not be cut out of the picture: take it again.")
    pictures = [one for one in (inspection.master, inspection.natural, inspection.detail) if one is not None]
    jpegs = [_bounded(encode_jpeg_within(one, PICTURE_BYTES)) for one in pictures]
    master, natural, *detail = map(_picture, pictures, jpegs)
    answer = wire.GoodsInspected(
        number,
        findings,
        wire.bounded_measures(inspection.measures),
        master,
        natural,
        detail[0] if detail else None,
        frame_sha256,
        likeness=likeness(inspection.master),
    )
    return answer, b"".join(jpegs)


def _bounded(jpeg: bytes, max_bytes: int = wire.MAX_PICTURE) -> bytes:
    if len(jpeg) > max_bytes:
        raise CameraFault("format", f"A picture of the goods is {len(jpeg)} bytes large: set a smaller picture size.")
    return jpeg


def _picture(picture: BgrImage, jpeg: bytes) -> wire.WirePicture:
    height, width = picture.shape[:2]
    return wire.WirePicture(len(jpeg), width, height)


def _digest(frame: BgrImage) -> str:
    return hashlib.sha256(frame.tobytes()).hexdigest()


_GRACE_S = 1.0
_MESSAGE_LENGTH = 800
# Pixels of the longer side that are searched: more finds no more on a label held close, and takes longer.
_MAX_SIDE_PX: Final = 1920
# A sixth at every side is searched only when the middle shows no code: a label held up is in the middle, and codes on
# the shelf beside it, or put there to be read, are not meant. It is also twice as fast.
_RIM: Final = 6


def set_alarm(seconds: float) -> None:
    """Let the kernel end this process after ``seconds``; 0 cancels the alarm.

    The default action of SIGALRM needs no Python code, so it also ends a call that hangs inside a driver, even when the
    station that would have killed this process has ended itself.
    """
    signal.setitimer(signal.ITIMER_REAL, seconds)


def serve(
    source: PictureSource,
    requests: BinaryIO,
    answers: BinaryIO,
    pipeline: Pipeline,
    alarm: Callable[[float], None] = set_alarm,
) -> None:
    """Answer requests until the station closes its end or violates the protocol."""
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
                frame = source.shoot()
                jpeg = encode_jpeg(frame)
                if len(jpeg) > wire.MAX_BODY:
                    raise CameraFault("format", f"The picture is {len(jpeg)} bytes large: set a smaller picture size.")
                height, width = frame.shape[:2]
                return wire.ShotCaptured(request.number, width, height), jpeg
    except CameraFault as fault:
        code = cast(wire.FaultCode, fault.code) if fault.code in get_args(wire.FaultCode) else "broken"
        return wire.ShotRefused(request.number, code, str(fault)[:_MESSAGE_LENGTH]), b""
    except Exception as error:  # whatever a driver or decoder does, the station gets an answer
        what = f"{type(error).__name__}: {error}"[: _MESSAGE_LENGTH // 2]
        message = f"The camera program failed ({what}): try again; if it stays, restart the station."
        return wire.ShotRefused(request.number, "broken", message), b""


def detect_codes(source: PictureSource, number: int) -> wire.CodesDetected:
    """Take a frame and read the codes in it. Raises CameraFault."""
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
