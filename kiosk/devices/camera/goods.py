"""From the child's answer about a shot of goods to what the station may use: checked, for the child may be lying."""

from __future__ import annotations

import hashlib

from kiosk.devices.camera.wire import GoodsInspected, WireError, WirePicture
from kiosk.devices.ports import GoodsShot, Shot
from kiosk.domain.verdict import Finding, Measures, Verdict

JPEG_START, JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"


def checked_shot(jpeg: bytes, width: int, height: int) -> Shot:
    """Raises WireError when the bytes are no JPEG."""
    if not (jpeg.startswith(JPEG_START) and jpeg.endswith(JPEG_END)):
        raise WireError("a picture that is no JPEG")
    return Shot(jpeg, hashlib.sha256(jpeg).hexdigest(), width, height)


def goods_shot(answer: GoodsInspected, body: bytes) -> GoodsShot:
    """Raises WireError: above all for a picture of a shot that nobody may keep, a person in view for example."""
    verdict = Verdict(tuple(Finding(one.reason, one.value, one.limit) for one in answer.findings))
    if len({finding.reason for finding in verdict.findings}) != len(verdict.findings):
        raise WireError("a reason that is said twice")
    parts = (answer.measures, answer.master, answer.natural)
    if not (verdict.accepted or verdict.may_be_overruled):
        if body or answer.likeness or any(part is not None for part in parts):
            raise WireError("a picture of a shot that nobody may keep")
        return GoodsShot(verdict)
    if answer.measures is None or answer.master is None or answer.natural is None or not answer.likeness:
        raise WireError("a shot that may be kept, without its pictures, measures or likeness")
    master, natural = _split_pictures(body, answer.master, answer.natural)
    m = answer.measures
    return GoodsShot(
        verdict,
        Measures(m.coverage_bp, m.length_mm, m.width_mm, m.pieces, m.edge_rise_millipx, m.tilt_millideg, m.px_per_m),
        master,
        natural,
        likeness=answer.likeness,
    )


def _split_pictures(body: bytes, master: WirePicture, natural: WirePicture) -> tuple[Shot, Shot]:
    if len(body) != master.size_bytes + natural.size_bytes:
        raise WireError(f"{len(body)} bytes for pictures of {master.size_bytes} and {natural.size_bytes}")
    first, second = body[: master.size_bytes], body[master.size_bytes :]
    return checked_shot(first, master.width, master.height), checked_shot(second, natural.width, natural.height)
