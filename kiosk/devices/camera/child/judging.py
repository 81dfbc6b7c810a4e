"""A frame, judged: what the child tells the station of it, and the two pictures that may leave the child."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

from kiosk.devices.camera.child.content import UnreadablePicture
from kiosk.devices.camera.child.image_file import read_kept
from kiosk.devices.camera.child.ports import Burst, Inspect, Inspection, PictureSource
from kiosk.devices.camera.wire import (
    MAX_COVERAGE_BP,
    MAX_MEASURE,
    MAX_PICTURE,
    MAX_TILT_MILLIDEG,
    MAX_VALUE,
    GoodsInspected,
    WireFinding,
    WireMeasures,
    WirePicture,
)
from kiosk.devices.ports import CameraFault
from kiosk.domain.verdict import Finding, Measures, Reason, Verdict
from kiosk.photo.arrays import BgrImage
from kiosk.photo.codec import encode_jpeg

Judged = tuple[GoodsInspected, bytes]
_REASON_OF_FAULT: Final = {"frozen": Reason.FROZEN}
"""What a hand may mend by taking the shot again; every other fault of a camera stays one."""


class Judge:
    """Pictures of goods through the pipeline. Raises CameraFault where there is no frame to judge."""

    def __init__(self, source: PictureSource, inspect: Inspect) -> None:
        self._source, self._inspect = source, inspect

    def shot(self, number: int) -> Judged:
        """A burst of now."""
        return self._judge(number, self._source.burst)

    def file(self, number: int, path: str) -> Judged:
        """A picture that was kept."""
        return self._judge(number, lambda: Burst(read_kept(Path(path))))

    def _judge(self, number: int, take: Callable[[], Burst]) -> Judged:
        try:
            burst = take()
        except UnreadablePicture:
            return _without_frame(number, Reason.UNREADABLE)
        except CameraFault as fault:
            if (reason := _REASON_OF_FAULT.get(fault.code)) is None:
                raise
            return _without_frame(number, reason)
        return _told(number, self._inspect(burst.frame, others=burst.others), _digest(burst.frame))


def _without_frame(number: int, reason: Reason) -> Judged:
    return GoodsInspected(number, (WireFinding(reason, 0, 0),)), b""


def _told(number: int, inspection: Inspection, frame_sha256: str) -> Judged:
    findings = tuple(_finding(one) for one in inspection.verdict.findings)
    if not _may_be_kept(inspection.verdict):
        return GoodsInspected(number, findings, frame_sha256=frame_sha256), b""
    if inspection.measures is None or inspection.master is None or inspection.natural is None:
        raise CameraFault("broken", "The goods could not be cut out of the picture: take it again.")
    master, natural = _encoded(inspection.master), _encoded(inspection.natural)
    answer = GoodsInspected(
        number,
        findings,
        _measures(inspection.measures),
        _picture(inspection.master, master),
        _picture(inspection.natural, natural),
        frame_sha256,
    )
    return answer, master + natural


def _may_be_kept(verdict: Verdict) -> bool:
    return verdict.accepted or verdict.may_be_overruled


def _encoded(picture: BgrImage) -> bytes:
    jpeg = encode_jpeg(picture)
    if len(jpeg) > MAX_PICTURE:
        raise CameraFault("format", f"A picture of the goods is {len(jpeg)} bytes large: set a smaller picture size.")
    return jpeg


def _picture(picture: BgrImage, jpeg: bytes) -> WirePicture:
    height, width = picture.shape[:2]
    return WirePicture(len(jpeg), width, height)


def _finding(finding: Finding) -> WireFinding:
    return WireFinding(finding.reason, _within(finding.value, MAX_VALUE), _within(finding.limit, MAX_VALUE))


def _measures(m: Measures) -> WireMeasures:
    return WireMeasures(
        coverage_bp=_within(m.coverage_bp, MAX_COVERAGE_BP),
        length_mm=_within(m.length_mm),
        width_mm=_within(m.width_mm),
        pieces=_within(m.pieces),
        edge_rise_millipx=_within(m.edge_rise_millipx),
        tilt_millideg=_within(m.tilt_millideg, MAX_TILT_MILLIDEG),
        px_per_m=_within(m.px_per_m),
    )


def _within(value: int, most: int = MAX_MEASURE) -> int:
    return min(max(0, value), most)


def _digest(frame: BgrImage) -> str:
    return hashlib.sha256(frame.tobytes()).hexdigest()
