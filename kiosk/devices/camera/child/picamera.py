"""A camera at the connector of a Raspberry Pi, through the module ``picamera2`` (Debian package python3-picamera2).

The module is not part of the project and is imported only when it is set. The camera stays on between shots. Only the
metadata of a frame shows what it was taken with: controls need some frames to come into force.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Final

import numpy as np

from kiosk.devices.camera.child.faults import burst_of, closing_on_failure, require_content, require_live
from kiosk.devices.camera.child.ports import Burst
from kiosk.devices.camera.settings import CameraSettings
from kiosk.devices.ports import CameraFault
from kiosk.photo.arrays import BgrImage
from kiosk.photo.frame_check import has_shape

BURST: Final = 3
MAX_SETTLE_S: Final = 2.0  # Some sensors never report that their exposure has settled
SETTLE_FRAMES: Final = 8  # At least: the first ones may still show the shot before
CONTROL_LAG_FRAMES: Final = 10  # Frames after which a control is in force: the buffers and three more
FRAME_TIMEOUT_S: Final = 3.0
_EXPOSURE_TOLERANCE: Final = 0.03  # Sensors expose in whole lines: up to 3 % off the requested value
_FLICKER_MANUAL: Final = 1
_LAYOUT: Final = "RGB888"  # Blue, green and red in memory: libcamera names formats from the other end


def open_picamera(number: int) -> Any:
    """Open the camera without starting it. Raises ImportError, and what the module raises when there is no camera."""
    return importlib.import_module("picamera2").Picamera2(number)


class PicameraSource:
    def __init__(
        self,
        settings: CameraSettings,
        open_camera: Callable[[int], Any] = open_picamera,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings, self._open_camera, self._clock = settings, open_camera, clock
        self._camera: Any = None  # A ``picamera2.Picamera2``, which brings no types
        self._exposure_fixed = False

    @property
    def path(self) -> str:
        return f"connector {self._settings.path}"

    def shoot(self) -> BgrImage:
        """Return the sharpest frame of a burst. Raises CameraFault; the camera is closed then."""
        with closing_on_failure(self.close):
            frame = self._burst().frame
            require_content(frame, self.path)
            return frame

    def burst(self) -> Burst:
        """Take a burst, whatever it shows. Raises CameraFault; the camera is closed then."""
        with closing_on_failure(self.close):
            return self._burst()

    def fix_exposure(self) -> None:
        """Lock the exposure; a fault of a later shot unlocks it. Raises CameraFault; the camera is closed then."""
        with closing_on_failure(self.close):
            self._settle_and_fix(self._start())
            self._exposure_fixed = True

    def release_exposure(self) -> None:
        self._exposure_fixed = False
        if self._camera is not None:
            with suppress(Exception):  # whatever is wrong with it, the next shot reports it
                _release(self._camera)

    def close(self) -> None:
        camera, self._camera = self._camera, None
        self._exposure_fixed = False
        if camera is not None:
            with suppress(Exception):  # it is given up: its errors no longer matter
                camera.stop()
            with suppress(Exception):
                camera.close()

    def live_frame(self) -> BgrImage:
        """Return the next frame; exposure adapts between looks. Raises CameraFault; the camera is closed then."""
        with closing_on_failure(self.close):
            was_running = self._camera is not None
            camera = self._start()
            for _ in range(1 if was_running else SETTLE_FRAMES):  # the first one of a running camera may be old
                self._next_metadata(camera)
            return self._frame(camera)

    def _start(self) -> Any:
        if self._camera is not None:
            return self._camera
        s = self._settings
        try:
            camera = self._open_camera(int(s.path))
        except ImportError as error:
            raise CameraFault(
                "missing",
                f"The module picamera2 cannot be loaded ({error}): install the package python3-picamera2, and let the "
                "station's Python see the system's packages.",
            ) from error
        except (RuntimeError, IndexError) as error:
            raise CameraFault(
                "missing",
                f"There is no camera at {self.path} of the board, or another program uses it ({error}): switch the box "
                "off, check the ribbon cable at both ends, switch it on.",
            ) from error
        self._camera = camera
        camera.configure(camera.create_video_configuration(main={"size": (s.width, s.height), "format": _LAYOUT}))
        if "AeFlickerMode" in camera.camera_controls:
            flicker_us = 1_000_000 // (2 * s.mains_hz)
            camera.set_controls({"AeFlickerMode": _FLICKER_MANUAL, "AeFlickerPeriod": flicker_us})
        camera.start()
        return camera

    def _burst(self) -> Burst:
        camera = self._start()
        if not self._exposure_fixed:
            self._settle_and_fix(camera)
        frames = [self._frame(camera) for _ in range(BURST)]
        if not self._exposure_fixed:
            _release(camera)
        require_live(frames, f"The camera at {self.path} repeats one frame: switch the box off and on.")
        return burst_of(frames)

    def _settle_and_fix(self, camera: Any) -> None:
        cap = self._clock() + MAX_SETTLE_S
        count, metadata = 1, self._next_metadata(camera)
        while count < SETTLE_FRAMES or not (metadata.get("AeLocked") or self._clock() >= cap):
            count, metadata = count + 1, self._next_metadata(camera)
        fixed = {name: metadata[name] for name in ("ExposureTime", "AnalogueGain", "ColourGains") if metadata.get(name)}
        camera.set_controls({"AeEnable": False, "AwbEnable": False, **fixed})
        for _ in range(CONTROL_LAG_FRAMES):
            if _is_applied(self._next_metadata(camera), fixed):
                break

    def _next_metadata(self, camera: Any) -> Mapping[str, object]:
        with self._next(camera) as request:
            metadata: Mapping[str, object] = request.get_metadata()
            return metadata

    def _frame(self, camera: Any) -> BgrImage:
        with self._next(camera) as request:
            frame = np.array(request.make_array("main"))
        if not has_shape(frame, self._settings.width, self._settings.height):
            raise CameraFault(
                "format",
                f"The camera at {self.path} gives frames of {' x '.join(str(side) for side in frame.shape)} instead of "
                f"{self._settings.width} x {self._settings.height}: set another size.",
            )
        return frame

    @contextmanager
    def _next(self, camera: Any) -> Iterator[Any]:
        try:
            request = camera.capture_request(wait=False).get_result(timeout=FRAME_TIMEOUT_S)
        except TimeoutError:
            raise CameraFault(
                "timeout",
                f"The camera at {self.path} gave no frame within {FRAME_TIMEOUT_S:g} s: check the ribbon cable, "
                "restart the box and try again.",
            ) from None
        try:
            yield request
        finally:
            request.release()


def _release(camera: Any) -> None:
    camera.set_controls({"AeEnable": True, "AwbEnable": True})


def _is_applied(metadata: Mapping[str, object], fixed: Mapping[str, object]) -> bool:
    requested, actual = fixed.get("ExposureTime"), metadata.get("ExposureTime")
    if not isinstance(requested, (int, float)) or not isinstance(actual, (int, float)):
        return True
    return abs(actual - requested) <= _EXPOSURE_TOLERANCE * requested
