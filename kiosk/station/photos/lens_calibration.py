"""The technician's act "calibrate the lens": shots of the mat, each lying another way, then one fit that is kept.

The camera stays where it is: the mat is tipped and turned. A shot that does not count is taken again; what was known of
the lens stays until there is a fit that is better than none.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from kiosk.devices.ports import CameraFault, LensCamera
from kiosk.domain.lens import LensFit, LensRefusal, LensRefused
from kiosk.station.photos.lens_file import KnownLens, LensFile

logger = logging.getLogger(__name__)

SHOT_S: Final = 12.0
FIT_S: Final = 12.0
"""Seven fits of six shots: measured 0.1 s on a PC."""


class Lying(StrEnum):
    """How the mat lies in a shot, in the order of the shots; sides as somebody in front of the mat sees them."""

    FLAT = "flat"
    LEFT = "left"
    """The left edge is lifted by a hand's breadth, as are the next three."""
    RIGHT = "right"
    FAR = "far"
    NEAR = "near"
    ABOUT = "about"
    """Flat again, and turned upside down."""


WAYS: Final = tuple(Lying)
SHOTS: Final = len(WAYS)


class Phase(StrEnum):
    """How far it is."""

    IDLE = "idle"
    SHOOTING = "shooting"
    KEPT = "kept"
    FAILED = "failed"
    """There is no fit; ``refused`` says why."""


class CalibrationRefused(Exception):
    """It cannot be done now; ``code`` ends the text id ``technician.lens.refused.…``."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(message or code)
        self.code = code


@dataclass(frozen=True, slots=True)
class CalibrationView:
    """``number`` of the shot that is asked for, from 1, and how the mat is to lie in it. ``refused``: why the newest
    shot does not count, or why there is no fit, by the end of the text id ``technician.lens.why.…``.
    """

    phase: Phase
    number: int
    lying: Lying
    refused: str
    known: KnownLens


class LensCalibration:
    """Safe from several threads: of two presses at once one takes the shot."""

    def __init__(self, camera: LensCamera, file: LensFile, today: Callable[[], str]) -> None:
        self._camera, self._file, self._today = camera, file, today
        self._acts = threading.Lock()
        self._phase, self._taken, self._refused = Phase.IDLE, 0, ""

    def view(self) -> CalibrationView:
        """Answers also while a shot is taken."""
        taken = min(self._taken, SHOTS - 1)
        return CalibrationView(self._phase, taken + 1, WAYS[taken], self._refused, self._file.look())

    def begin(self) -> None:
        """From the first shot on. Raises CalibrationRefused."""
        with self._act():
            self._be(Phase.SHOOTING)

    def shoot(self, number: int) -> None:
        """Take the shot with this number; does nothing when another is asked for, as after a second press.

        After the last one the fit is made and kept. Raises CalibrationRefused when the camera gives no picture.
        """
        with self._act():
            if self._phase is not Phase.SHOOTING or number != self._taken + 1:
                return
            try:
                shot = self._camera.lens_shot(SHOT_S, first=number == 1)
            except LensRefused as error:
                self._refused = error.refusal.value
                return
            except CameraFault as fault:
                raise _refused(fault) from fault
            if shot.views != number:  # the camera's child ended meanwhile, and its corners with it
                self._be(Phase.SHOOTING, "lost")
                return
            self._taken, self._refused = number, ""
            if number == SHOTS:
                self._fit()

    def forget(self) -> None:
        """Shots are judged as they come from the camera again. Raises CalibrationRefused."""
        with self._act():
            try:
                self._file.forget()
            except OSError as error:
                raise CalibrationRefused("not_kept", str(error)) from error
            self._camera.renew()
            self._be(Phase.IDLE)

    def end(self) -> None:
        """Leave it; what was known of the lens stays. Raises CalibrationRefused."""
        with self._act():
            if self._phase is Phase.SHOOTING:
                self._camera.renew()
            self._be(Phase.IDLE)

    def _fit(self) -> None:
        try:
            fit = self._camera.fit_lens(FIT_S)
        except LensRefused as error:
            self._without_fit(error.refusal)
        except CameraFault as fault:
            self._be(Phase.FAILED, "lost")
            raise _refused(fault) from fault
        else:
            self._keep(fit)
        self._camera.renew()

    def _without_fit(self, why: LensRefusal) -> None:
        logger.info("the lens is not calibrated: %s", why.value)
        self._be(Phase.FAILED, why.value)
        if why is LensRefusal.STRAIGHT:
            # What is kept is of another lens then, and taking it out would bend what is straight.
            try:
                self._file.forget()
            except OSError as error:
                self._be(Phase.FAILED, "not_kept")
                logger.warning("%s cannot be removed: %s", self._file.place, error)

    def _keep(self, fit: LensFit) -> None:
        try:
            self._file.keep(fit, self._today())
        except OSError as error:
            logger.warning("the calibration of the lens cannot be kept in %s: %s", self._file.place, error)
            self._be(Phase.FAILED, "not_kept")
            return
        logger.info("the lens is calibrated: %.2f pixels off, %.2f before", fit.error_px, fit.plain_error_px)
        self._be(Phase.KEPT)

    def _be(self, phase: Phase, refused: str = "") -> None:
        self._phase, self._taken, self._refused = phase, 0, refused

    @contextmanager
    def _act(self) -> Iterator[None]:
        if not self._acts.acquire(blocking=False):
            raise CalibrationRefused("busy", "a shot is being taken")
        try:
            yield
        finally:
            self._acts.release()


def _refused(fault: CameraFault) -> CalibrationRefused:
    logger.info("a shot of the mat failed: %s", fault)
    return CalibrationRefused("camera_missing" if fault.code == "missing" else "camera_failed", str(fault))
