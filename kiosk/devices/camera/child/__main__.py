"""``python -m kiosk.devices.camera.child SETTINGS_JSON``: speaks on the station's pipes only."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from kiosk.devices.camera.child.ports import PictureSource
from kiosk.devices.camera.child.server import serve
from kiosk.devices.camera.settings import CameraSettings
from kiosk.photo.arrays import BgrImage

if TYPE_CHECKING:
    from kiosk.photo.pipeline import Inspection
    from kiosk.photo.sheet.live_view import LiveViewAssessment
    from kiosk.photo.sheet.mat_measurement import MeasuredMat


def make_source(settings: CameraSettings) -> PictureSource:
    """Return the adapter for these settings; raises ValueError for the kind ``none``, which needs no child."""
    if settings.kind == "v4l2":
        from kiosk.devices.camera.child.v4l2 import V4l2Source, open_v4l2

        return V4l2Source(settings, open_v4l2)
    if settings.kind == "rpicam":
        from kiosk.devices.camera.child.rpicam import RpicamSource

        return RpicamSource(settings)
    if settings.kind == "picamera2":
        from kiosk.devices.camera.child.picamera import PicameraSource

        return PicameraSource(settings)
    if settings.kind == "file":
        from kiosk.devices.camera.child.image_file import ImageFileSource

        return ImageFileSource(settings.path)
    raise ValueError(f"camera kind {settings.kind!r} has no child process")


class PhotoPipeline:
    """Loaded with the first shot of goods or of the mat: one of a parcel does without."""

    def inspect(self, frame: BgrImage, *, others: Sequence[BgrImage] = ()) -> Inspection:
        from kiosk.photo.pipeline import inspect

        return inspect(frame, others)

    def measure_mat(self, frame: BgrImage, others: Sequence[BgrImage]) -> MeasuredMat:
        from kiosk.photo.sheet.mat_measurement import measure_mat

        return measure_mat(frame, others)

    def assess_live_view(self, frame: BgrImage, before: BgrImage | None) -> LiveViewAssessment:
        from kiosk.photo.sheet.live_view import assess_live_view

        return assess_live_view(frame, before)


def main() -> None:
    """Serve until the station closes the pipe."""
    if len(sys.argv) != 2:
        raise SystemExit("usage: python -m kiosk.devices.camera.child SETTINGS_JSON (the station starts it)")
    settings = CameraSettings(**json.loads(sys.argv[1]))
    # Image libraries print on standard output: there must be nothing they can reach but the journal.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    source = make_source(settings)
    try:
        serve(source, sys.stdin.buffer, answers, PhotoPipeline())
    finally:
        source.close()


if __name__ == "__main__":
    main()
