"""From the child's answers to what the station may use: checked, for the child may be lying."""

from __future__ import annotations

from kiosk.devices.camera.goods import checked_shot
from kiosk.devices.camera.wire import (
    LIVE_VIEW_SIDE_PX,
    MAX_LIVE_VIEW_BYTES,
    MAX_PREVIEW,
    MatMeasured,
    WireError,
    WireLiveView,
)
from kiosk.devices.ports import LIVE_VIEW_REASONS, LiveViewFrame, MatShot
from kiosk.domain.mat_measures import MatMeasure, MatMeasures, MatQuality
from kiosk.domain.verdict import Reason

_MARKERS_ONLY = (MatQuality.MARKERS,)


def live_view_frame(answer: WireLiveView, body: bytes) -> LiveViewFrame:
    """Raises WireError: for a picture without a mat, of another size, or lights that no look may have."""
    lights, picture = answer.lights, answer.picture
    if len(set(lights)) != len(lights) or not set(lights) <= set(LIVE_VIEW_REASONS):
        raise WireError("lights that are not those of a look")
    if Reason.MAT in lights:
        if body or picture is not None or answer.still:
            raise WireError("a picture without a mat")
        return LiveViewFrame(lights)
    if picture is None or not picture.size_bytes == len(body) <= MAX_LIVE_VIEW_BYTES:
        raise WireError(f"{len(body)} bytes for the picture of a look")
    if max(picture.width, picture.height) > LIVE_VIEW_SIDE_PX:
        raise WireError(f"a look of {picture.width} x {picture.height} pixels")
    return LiveViewFrame(lights, answer.still, checked_shot(body, picture.width, picture.height))


def mat_shot(answer: MatMeasured, body: bytes) -> MatShot:
    """Raises WireError: for a preview without a mat, or measures that are not those of a mat."""
    measures = MatMeasures(tuple(MatMeasure(one.quality, one.value, one.limit) for one in answer.measures))
    qualities = tuple(row.quality for row in measures.rows)
    if qualities not in (_MARKERS_ONLY, tuple(MatQuality)):
        raise WireError("measures that are not those of a mat")
    preview = answer.preview
    if not measures.is_mat_found:
        if body or preview is not None:
            raise WireError("a preview without a mat")
        return MatShot(measures)
    if preview is None or not preview.size_bytes == len(body) <= MAX_PREVIEW:
        raise WireError(f"{len(body)} bytes for the preview of a mat")
    return MatShot(measures, checked_shot(body, preview.width, preview.height))
