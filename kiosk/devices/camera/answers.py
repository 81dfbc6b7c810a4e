"""From the child's answers to what the station may use: checked, for the child may be lying. All raise WireError."""

from __future__ import annotations

import hashlib

from kiosk.devices.camera import wire
from kiosk.devices.ports import LIVE_VIEW_REASONS, GoodsShot, LiveViewFrame, MatShot, Shot
from kiosk.domain.mat_measures import MatMeasures, MatQuality
from kiosk.domain.verdict import Reason, Verdict

JPEG_START, JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"
_MARKERS_ONLY = (MatQuality.MARKERS,)


def checked_shot(jpeg: bytes, width: int, height: int) -> Shot:
    if not (jpeg.startswith(JPEG_START) and jpeg.endswith(JPEG_END)):
        raise wire.WireError("a picture that is no JPEG")
    return Shot(jpeg, hashlib.sha256(jpeg).hexdigest(), width, height)


def goods_shot(answer: wire.GoodsInspected, body: bytes) -> GoodsShot:
    """Refuses above all a picture of a shot that nobody may keep, a person in view for example."""
    verdict, measures = Verdict(answer.findings), answer.measures
    if len({finding.reason for finding in verdict.findings}) != len(verdict.findings):
        raise wire.WireError("a reason that is said twice")
    if any(wire.bounded(finding) != finding for finding in verdict.findings):
        raise wire.WireError("a finding out of bounds")
    parts = (measures, answer.master, answer.natural)
    if not (verdict.accepted or verdict.may_be_overruled):
        if body or answer.likeness or any(part is not None for part in parts):
            raise wire.WireError("a picture of a shot that nobody may keep")
        return GoodsShot(verdict)
    master, natural = answer.master, answer.natural
    if measures is None or master is None or natural is None or not answer.likeness:
        raise wire.WireError("a shot that may be kept, without its pictures, measures or likeness")
    if wire.bounded_measures(measures) != measures:
        raise wire.WireError("measures out of bounds")
    if len(body) != master.size_bytes + natural.size_bytes:
        raise wire.WireError(f"{len(body)} bytes for pictures of {master.size_bytes} and {natural.size_bytes}")
    first = checked_shot(body[: master.size_bytes], master.width, master.height)
    second = checked_shot(body[master.size_bytes :], natural.width, natural.height)
    return GoodsShot(verdict, measures, first, second, likeness=answer.likeness)


def live_view_frame(answer: wire.WireLiveView, body: bytes) -> LiveViewFrame:
    """Refuses a picture without a mat or of another size, and lights that no look may have."""
    lights, picture = answer.lights, answer.picture
    if len(set(lights)) != len(lights) or not set(lights) <= set(LIVE_VIEW_REASONS):
        raise wire.WireError("lights that are not those of a look")
    if Reason.MAT in lights:
        if body or picture is not None or answer.still:
            raise wire.WireError("a picture without a mat")
        return LiveViewFrame(lights)
    if picture is None or not picture.size_bytes == len(body) <= wire.MAX_LIVE_VIEW_BYTES:
        raise wire.WireError(f"{len(body)} bytes for the picture of a look")
    if max(picture.width, picture.height) > wire.LIVE_VIEW_SIDE_PX:
        raise wire.WireError(f"a look of {picture.width} x {picture.height} pixels")
    return LiveViewFrame(lights, answer.still, checked_shot(body, picture.width, picture.height))


def mat_shot(answer: wire.MatMeasured, body: bytes) -> MatShot:
    """Refuses a preview without a mat, and measures that are not those of a mat."""
    measures, preview = MatMeasures(answer.measures), answer.preview
    if tuple(row.quality for row in measures.rows) not in (_MARKERS_ONLY, tuple(MatQuality)):
        raise wire.WireError("measures that are not those of a mat")
    if any(wire.bounded(row) != row for row in measures.rows):
        raise wire.WireError("a measure out of bounds")
    if not measures.is_mat_found:
        if body or preview is not None:
            raise wire.WireError("a preview without a mat")
        return MatShot(measures)
    if preview is None or not preview.size_bytes == len(body) <= wire.MAX_PREVIEW:
        raise wire.WireError(f"{len(body)} bytes for the preview of a mat")
    return MatShot(measures, checked_shot(body, preview.width, preview.height))


def detected_codes(answer: wire.CodesDetected, body: bytes) -> tuple[str, ...]:
    if body:
        raise wire.WireError("codes with a picture")
    return answer.codes
