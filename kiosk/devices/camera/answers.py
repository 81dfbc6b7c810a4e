"""From the child's answers to what the station may use: checked, for the child may be lying."""

from __future__ import annotations

from kiosk.devices.camera.goods import shot_of
from kiosk.devices.camera.wire import LOOK_SIDE, MAX_LOOK, MAX_PREVIEW, Looked, MatMeasured, WireError
from kiosk.devices.ports import LOOK_REASONS, CameraLook, MatShot
from kiosk.domain.mat_measures import MatMeasure, MatMeasures, MatQuality
from kiosk.domain.verdict import Reason

_ALONE = (MatQuality.MARKERS,)


def camera_look(answer: Looked, body: bytes) -> CameraLook:
    """Raises WireError: for a picture without a mat, of another size, or lights that no look may have."""
    lights, picture = answer.lights, answer.picture
    if len(set(lights)) != len(lights) or not set(lights) <= set(LOOK_REASONS):
        raise WireError("lights that are not those of a look")
    if Reason.MAT in lights:
        if body or picture is not None or answer.still:
            raise WireError("a picture without a mat")
        return CameraLook(lights)
    if picture is None or not picture.size_bytes == len(body) <= MAX_LOOK:
        raise WireError(f"{len(body)} bytes for the picture of a look")
    if max(picture.width, picture.height) > LOOK_SIDE:
        raise WireError(f"a look of {picture.width} x {picture.height} pixels")
    return CameraLook(lights, answer.still, shot_of(body, picture.width, picture.height))


def mat_shot(answer: MatMeasured, body: bytes) -> MatShot:
    """Raises WireError: for a preview without a mat, or measures that are not those of a mat."""
    measures = MatMeasures(tuple(MatMeasure(one.quality, one.value, one.limit) for one in answer.measures))
    qualities = tuple(row.quality for row in measures.rows)
    if qualities not in (_ALONE, tuple(MatQuality)):
        raise WireError("measures that are not those of a mat")
    preview = answer.preview
    if not measures.found:
        if body or preview is not None:
            raise WireError("a preview without a mat")
        return MatShot(measures)
    if preview is None or not preview.size_bytes == len(body) <= MAX_PREVIEW:
        raise WireError(f"{len(body)} bytes for the preview of a mat")
    return MatShot(measures, shot_of(body, preview.width, preview.height))
