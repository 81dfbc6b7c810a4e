"""A module that stands for ``picamera2``: what the simulated camera sees, with metadata and controls.

``put_on`` writes it into a folder, which belongs on the child's PYTHONPATH. Names, defaults and behaviour are those of
the real module where it is used: controls come into force frames later, and only the metadata tells when.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kiosk.simulators.camera.shared.mat import Picture

MODULE = "picamera2.py"
_LAG = 5
_AUTOMATIC_US = 20_000


def put_on(folder: Path) -> None:
    """Write the module into ``folder``. Pictures are the JPEG files there; none: there is no camera."""
    (folder / MODULE).write_text(
        f"import sys\nfrom pathlib import Path\nsys.path.insert(0, {str(Path(__file__).parents[3])!r})\n"
        "from tests.devices.camera.picamera import SimulatedPicamera, load\n"
        "def Picamera2(camera_num=0):\n    return SimulatedPicamera(load(Path(__file__).parent))\n"
    )


def load(folder: Path) -> list[Picture]:
    """The pictures of a folder, by name."""
    import cv2
    import numpy as np

    read = (cv2.imread(str(file)) for file in sorted(folder.glob("*.jpg")))
    return [np.asarray(picture, np.uint8) for picture in read if picture is not None]


class Request:
    """One frame; the camera has only a few, so whoever does not release them gets no more."""

    def __init__(self, camera: SimulatedPicamera, picture: Picture, metadata: Mapping[str, object]) -> None:
        self._camera, self._picture, self._metadata = camera, picture, metadata

    def make_array(self, name: str) -> Picture:
        """Of stream ``main``, the only one."""
        assert name == "main"
        return self._picture

    def get_metadata(self) -> Mapping[str, object]:
        """What this frame was taken with."""
        return self._metadata

    def release(self) -> None:
        """Give it back."""
        self._camera.held -= 1


class Job:
    """A frame that is on its way, or never comes."""

    def __init__(self, request: Request | None) -> None:
        self._request = request

    def get_result(self, timeout: float | None = None) -> Request:
        """Raises TimeoutError at once when none will come."""
        if self._request is None:
            raise TimeoutError
        return self._request


class SimulatedPicamera:
    """``locks_after`` frames exposure rests; None: it never says so. ``ends_after`` frames it gives no more."""

    camera_controls: Mapping[str, object] = {"AeFlickerMode": (0, 1, 0), "ExposureTime": (1, 66_666, 20_000)}

    def __init__(self, pictures: Sequence[Picture]) -> None:
        if not pictures:
            raise RuntimeError("Camera __init__ sequence did not complete.")
        self._pictures = pictures
        self.locks_after: int | None = 10
        self.ends_after: int | None = None
        self.calls: list[str] = []
        self.asked: list[dict[str, Any]] = []
        self.metadata: list[Mapping[str, object]] = []
        self.held = 0
        self._exposures: list[int] = []

    def create_video_configuration(self, main: dict[str, Any]) -> dict[str, Any]:
        """A configuration of one stream."""
        return {"main": main}

    def configure(self, camera_config: dict[str, Any]) -> None:
        """Noted."""
        self.calls.append(f"configure {camera_config['main']}")

    def set_controls(self, controls: dict[str, Any]) -> None:
        """In force some frames later."""
        self.asked.append(controls)
        if "AeEnable" in controls:
            exposure = _AUTOMATIC_US if controls["AeEnable"] else controls["ExposureTime"]
            self._exposures = [*(self._exposures or [_AUTOMATIC_US])[-1:] * _LAG, exposure]

    def start(self) -> None:
        """Noted."""
        self.calls.append("start")

    def capture_request(self, wait: bool) -> Job:
        """The next frame."""
        assert not wait
        count = len(self.metadata)
        if self.held or (self.ends_after is not None and count >= self.ends_after):
            return Job(None)
        exposure = self._exposures.pop(0) if len(self._exposures) > 1 else (self._exposures or [_AUTOMATIC_US])[0]
        metadata = {
            "ExposureTime": exposure,
            "AnalogueGain": 1.25,
            "ColourGains": (1.8, 1.6),
            "AeLocked": self.locks_after is not None and count >= self.locks_after,
        }
        self.metadata.append(metadata)
        self.held += 1
        return Job(Request(self, self._pictures[count % len(self._pictures)], metadata))

    def stop(self) -> None:
        """Noted."""
        self.calls.append("stop")

    def close(self) -> None:
        """Noted."""
        self.calls.append("close")
