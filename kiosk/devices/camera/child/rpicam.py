"""A camera at the connector of a Raspberry Pi, through the program ``rpicam-still`` (Debian package rpicam-apps).

OpenCV cannot use libcamera. The program prints one JPEG and ends; its default of 5 s is for people who watch a preview.
It writes the exposure and white balance it chose as metadata, here into memory; a frame with the same values given
needs no time to settle.
"""

from __future__ import annotations

import logging
import math
import os
import re
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Final

from kiosk.devices.camera.child.faults import UnreadablePicture, burst_of, require_content, require_live
from kiosk.devices.camera.child.ports import Burst
from kiosk.devices.camera.settings import CameraSettings
from kiosk.devices.ports import CameraFault
from kiosk.photo.arrays import BgrImage
from kiosk.photo.codec import MAX_BYTES, decode_picture
from kiosk.photo.frame_check import has_shape
from kiosk.photo.picture_header import PictureRefused

logger = logging.getLogger(__name__)
PROGRAM: Final = "rpicam-still"
BURST: Final = 3
# Automatic exposure and white balance of libcamera settle in about 30 frames; 1 s is too short in dim light.
SETTLE_MS: Final = 1_500
# How long live frames assume the same light over the mat: settling takes most of the time of a live frame.
EXPOSURE_REUSE_S: Final = 15.0
# For all frames of a shot: three starts of the program on a small board are 5 s. Callers wait 10 s and more.
SHOT_TIMEOUT_S: Final = 9.0
_NO_CAMERA_OUTPUT: Final = "no cameras available"
_IN_USE_OUTPUTS: Final = ("failed to acquire camera", "in use by another process")
_METADATA_BYTES: Final = 1 << 20
_MAX_STDERR_BYTES: Final = 4_000
_READ_BYTES: Final = 1 << 16
_NUMBER: Final = r"([0-9]+(?:\.[0-9]+)?)"
# Searched one by one: the text around them is not always JSON.
_EXPOSURE: Final = tuple(
    re.compile(rf'"{name}":\s*{value}')
    for name, value in (
        ("ExposureTime", _NUMBER),
        ("AnalogueGain", _NUMBER),
        ("ColourGains", rf"\[\s*{_NUMBER},\s*{_NUMBER}\s*\]"),
    )
)


@dataclass(frozen=True, slots=True)
class Exposure:
    """What a frame was taken with; the gains of red and blue are its white balance."""

    shutter_us: float
    gain: float
    red: float
    blue: float

    def arguments(self) -> tuple[str, ...]:
        """Return the rpicam options that take a frame with this exposure."""
        return (
            "--immediate",
            "--shutter",
            f"{self.shutter_us:.0f}",
            "--gain",
            f"{self.gain:.4f}",
            "--awbgains",
            f"{self.red:.4f},{self.blue:.4f}",
        )


def parse_exposure(metadata: str) -> Exposure | None:
    """Parse the metadata of rpicam-still; None when a value is missing or is none that a camera takes."""
    found = [pattern.search(metadata) for pattern in _EXPOSURE]
    shutter_us, gain, red, blue = [*(float(one) for match in found if match for one in match.groups()), *[0.0] * 4][:4]
    exposure = Exposure(shutter_us, gain, red, blue)
    return exposure if all(found) and all(0 < one < 1e9 for one in (shutter_us, gain, red, blue)) else None


class RpicamSource:
    """A picture source; between shots nothing runs and the camera is free."""

    def __init__(
        self,
        settings: CameraSettings,
        program: str = PROGRAM,
        timeout_s: float = SHOT_TIMEOUT_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings, self._program, self._timeout_s, self._clock = settings, program, timeout_s, clock
        self._fixed_exposure: Exposure | None = None
        # The exposure that a live frame settled on, and until when later ones may use it.
        self._live_exposure: tuple[Exposure, float] | None = None

    @property
    def path(self) -> str:
        return f"connector {self._settings.path}"

    def shoot(self) -> BgrImage:
        """Take one frame, exposure settled or locked. Raises CameraFault."""
        frame = self._take(self._deadline(), self._fixed_exposure)[0]
        require_content(frame, self.path)
        return frame

    def burst(self) -> Burst:
        """Take three frames with the exposure of the first; the sharpest leads. Raises CameraFault."""
        until, exposure = self._deadline(), self._fixed_exposure
        frames = []
        if exposure is None:
            frame, exposure = self._take(until)
            frames.append(frame)
        if exposure is not None:
            frames += [self._take(until, exposure)[0] for _ in range(BURST - len(frames))]
        else:
            logger.warning("%s does not tell its exposure: one frame is taken, not %d.", self._program, BURST)
        if len(frames) == BURST:
            require_live(frames, f"The camera at {self.path} repeats one frame: switch the box off and on again.")
        return burst_of(frames)

    def live_frame(self) -> BgrImage:
        """Run the program once, with the exposure of earlier looks while that is recent. Raises CameraFault."""
        cached, self._live_exposure = self._live_exposure, None  # after a fault it settles again
        if cached is not None and self._clock() >= cached[1]:
            cached = None
        known = self._fixed_exposure or (cached[0] if cached else None)
        frame, settled = self._take(self._deadline(), known)
        if known is None and settled is not None:
            cached = settled, self._clock() + EXPOSURE_REUSE_S
        self._live_exposure = cached
        return frame

    def fix_exposure(self) -> None:
        """Lock the exposure; it stays unlocked when the program reports none. Raises CameraFault."""
        self._fixed_exposure = None
        self._fixed_exposure = self._take(self._deadline())[1]

    def release_exposure(self) -> None:
        self._fixed_exposure = self._live_exposure = None

    def close(self) -> None:
        self._fixed_exposure = self._live_exposure = None

    def _deadline(self) -> float:
        return self._clock() + self._timeout_s

    def _take(self, until: float, exposure: Exposure | None = None) -> tuple[BgrImage, Exposure | None]:
        """Run the program once; return the frame and the exposure it reports, None without one."""
        program = shutil.which(self._program)
        if program is None:
            raise CameraFault(
                "missing",
                f"The program {self._program} is not there: install the package rpicam-apps, or set a USB camera.",
            )
        with closing(os.fdopen(os.memfd_create("metadata"), "r+b")) as metadata:
            metadata_path = f"/dev/fd/{metadata.fileno()}"
            jpeg = self._run_program(self._command(program, metadata_path, exposure), until, metadata.fileno())
            metadata.seek(0)
            settled = parse_exposure(metadata.read(_METADATA_BYTES).decode(errors="replace"))
        return self._decode(jpeg), settled

    def _command(self, program: str, metadata: str, exposure: Exposure | None) -> Sequence[str]:
        s = self._settings
        how = exposure.arguments() if exposure else ("--timeout", str(SETTLE_MS))
        flicker_us = math.floor(1e6 / (2 * s.mains_hz))
        return (
            program,
            *("--camera", s.path, "--nopreview", "--encoding", "jpg"),
            *("--width", str(s.width), "--height", str(s.height)),
            *("--flicker-period", f"{flicker_us}us"),
            *how,
            *("--metadata", metadata, "--output", "-"),
        )

    def _run_program(self, command: Sequence[str], until: float, keep_open: int) -> bytes:
        try:
            status, output, complaint = run(command, max(0.1, until - self._clock()), MAX_BYTES, keep_open)
        except TimeoutError:
            raise CameraFault(
                "timeout",
                f"{self._program} gave no picture within {self._timeout_s:g} s: check the ribbon cable of the camera, "
                "restart the box and try again.",
            ) from None
        except OSError as error:
            raise CameraFault(
                "broken", f"{self._program} cannot be started ({error.strerror}): restart the box."
            ) from error
        if status:
            raise self._exit_fault(status, complaint)
        return output

    def _exit_fault(self, status: int, complaint: str) -> CameraFault:
        lowered = complaint.lower()
        if _NO_CAMERA_OUTPUT in lowered:
            return CameraFault(
                "missing",
                f"There is no camera at {self.path} of the board: switch the box off, check the ribbon cable at both "
                "ends, switch it on.",
            )
        if any(words in lowered for words in _IN_USE_OUTPUTS):
            return CameraFault(
                "missing", f"The camera at {self.path} is in use: close other programs that use it and try again."
            )
        last = complaint.splitlines()[-1][-200:] if complaint else "without a word"
        return CameraFault(
            "broken", f"{self._program} ended with {status} ({last}): try again; if it stays, restart the box."
        )

    def _decode(self, jpeg: bytes) -> BgrImage:
        try:
            frame = decode_picture(jpeg)
        except PictureRefused as error:
            raise UnreadablePicture(
                "format",
                f"What {self._program} printed is no picture ({error}): take it again; if it stays, check the ribbon "
                "cable.",
            ) from error
        if not has_shape(frame, self._settings.width, self._settings.height):
            given = " x ".join(str(side) for side in reversed(frame.shape[:2]))
            raise CameraFault(
                "format",
                f"The camera at {self.path} gives {given} instead of {self._settings.width} x {self._settings.height}: "
                "set a size that 'rpicam-still --list-cameras' lists for it.",
            )
        return frame


def run(command: Sequence[str], within_s: float, max_bytes: int, keep_open: int) -> tuple[int, bytes, str]:
    """Run a program to its end; return its status, its output, and the end of its standard error.

    No process is left afterwards. Above ``max_bytes`` of output it is killed, with the status 0. Raises TimeoutError,
    and another OSError when it cannot start. It runs under ``timeout`` of the coreutils, which ends it when this
    process is killed.
    """
    fenced = ("timeout", "--signal=KILL", f"{within_s + 1:.3f}", *command)
    end = time.monotonic() + within_s
    process = subprocess.Popen(
        fenced,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        pass_fds=(keep_open,),
        process_group=0,
    )
    try:
        output, complaint = _read(process, end, max_bytes)
        try:
            status = 0 if len(output) > max_bytes else process.wait(max(0.0, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise TimeoutError from None
    finally:
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
        if process.returncode is None:
            # Not waited for yet, so that the group still bears its number, also when only others of it are left.
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return status, bytes(output), complaint.decode(errors="replace").strip()


def _read(process: subprocess.Popen[bytes], end: float, max_bytes: int) -> tuple[bytearray, bytearray]:
    output, complaint = bytearray(), bytearray()
    with selectors.DefaultSelector() as selector:
        for pipe, buffer in ((process.stdout, output), (process.stderr, complaint)):
            assert pipe is not None
            selector.register(pipe, selectors.EVENT_READ, buffer)
        while selector.get_map() and len(output) <= max_bytes:
            if (left_s := end - time.monotonic()) <= 0:
                raise TimeoutError
            for key, _ in selector.select(left_s):
                if not (piece := os.read(key.fd, _READ_BYTES)):
                    selector.unregister(key.fd)
                key.data.extend(piece)
            del complaint[:-_MAX_STDERR_BYTES]
    return output, complaint
