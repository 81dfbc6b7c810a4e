"""From the child's answer about the mat to what the station may use: checked, for the child may be lying."""

from __future__ import annotations

from kiosk.devices.camera.goods import shot_of
from kiosk.devices.camera.wire import MAX_PREVIEW, MatMeasured, WireError
from kiosk.devices.ports import MatShot
from kiosk.domain.mat_measures import MatMeasure, MatMeasures, MatQuality

_ALONE = (MatQuality.MARKERS,)


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
