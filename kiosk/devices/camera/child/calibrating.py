"""The lens, measured shot by shot: what is kept between two requests are corners of the mat, never a frame."""

from __future__ import annotations

from dataclasses import asdict

from kiosk.devices.camera.child.ports import Calibration, PictureSource, Pipeline
from kiosk.devices.camera.wire import LensRequest, LensSeen, WireLens
from kiosk.domain.lens import LensRefused


class LensBench:
    """One calibration at a time; it is gone with this process. Raises CameraFault where there is no frame."""

    def __init__(self, source: PictureSource, pipeline: Pipeline) -> None:
        self._source, self._pipeline = source, pipeline
        self._shots: Calibration | None = None

    def step(self, request: LensRequest) -> LensSeen:
        """A burst of now, seen as the lens bends it; or the fit to all shots so far."""
        if self._shots is None or request.step == "first":
            self._shots = self._pipeline.calibration()
        shots = self._shots
        try:
            if request.step == "fit":
                return LensSeen(request.number, shots.views, shots.coverage, fit=WireLens(**asdict(shots.fit())))
            burst = self._source.burst()
            shots.add(burst.frame, burst.others)
        except LensRefused as error:
            return LensSeen(request.number, shots.views, shots.coverage, error.refusal)
        return LensSeen(request.number, shots.views, shots.coverage)
