"""From a shot to its verdict and its pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.domain.verdict import Finding, Measures, Reason, Verdict
from kiosk.photo import checks
from kiosk.photo.arrays import BgrImage
from kiosk.photo.codec import decode_picture
from kiosk.photo.color import SHEET_WINDOW, Correction, find_correction, fit_light
from kiosk.photo.cutout import CUT_WINDOW, CutOut, Mask, cut_out
from kiosk.photo.faces import DetectedFace, HaarFaces, haar_faces
from kiosk.photo.frame_check import mean_luminance, sharpest_edge_px
from kiosk.photo.markers import DetectedMat, detect_markers, find_mat, fit_mat
from kiosk.photo.mat import INTERIOR, PX_PER_MM
from kiosk.photo.measures import (
    DetailLoss,
    HandMeasure,
    Outline,
    detail_loss,
    focus,
    hand_measure,
    motion,
    outline,
    stripes,
)
from kiosk.photo.picture_header import PictureRefused
from kiosk.photo.pictures import GoodsScene, crop_window, make_pictures
from kiosk.photo.rectify import detect_patches, flatten

Corners: TypeAlias = NDArray[np.float32]
# A larger frame is made smaller first: the mat then has 5 pixels a millimetre, and time and memory stay bounded.
MAX_SIDE_PX: Final = 2200
MAX_OTHERS: Final = 4  # Further frames of a burst that are looked at
_INTERIOR_SIZE = (round(INTERIOR.width * PX_PER_MM), round(INTERIOR.height * PX_PER_MM))


@dataclass(frozen=True, slots=True, eq=False)
class Inspection:
    """A verdict and what it rests on. The pictures are there when the verdict is good or may be overruled."""

    verdict: Verdict
    measures: Measures | None = None  # None when there is no mat, or nothing on it
    master: BgrImage | None = None
    natural: BgrImage | None = None
    detail: BgrImage | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)  # All that was measured, by name
    cutout: Mask | None = None  # 255 where goods are in the interior at 6 pixels a millimetre: 1200 rows of 1680


def inspect_bytes(data: bytes) -> Inspection:
    """Inspect an untrusted JPEG or PNG; the verdict is ``unreadable`` when it cannot or may not be decoded."""
    try:
        frame = decode_picture(data)
    except PictureRefused:
        return Inspection(_verdict(_unreadable()))
    return inspect(frame)


def inspect(frame: BgrImage, others: Sequence[BgrImage] = (), faces: HaarFaces | None = None) -> Inspection:
    """Judge the sharpest of a burst; a bad picture gives a verdict, never an error.

    ``others`` are further frames of the burst; those of another size are left out.
    """
    if min(frame.shape[:2]) < 1:
        return Inspection(_verdict(_unreadable()))
    full = [one for one in (frame, *others[:MAX_OTHERS]) if one.shape == frame.shape]
    burst = [limit_size(one) for one in full]
    seen = detect_markers(burst[0])
    mat = fit_mat(seen)
    moved = max((motion(burst[0], other, mat) for other in burst[1:]), default=0.0) if mat else 0.0
    if mat and len(burst) > 1:
        scores = focus(burst, mat)
        best = scores.index(max(scores))
        refit = find_mat(burst[best]) if best else None
        if refit is not None:
            mat, burst[0], full[0] = refit, burst[best], full[best]
    chosen = burst[0]
    del burst  # the other frames are as large as all that follows
    found = _count_faces((faces or haar_faces()).find(chosen), mat)
    if mat is None:
        return _without_mat(chosen, seen.corner_markers, found)
    return _inspection_of(_analyze(chosen, mat), np.ascontiguousarray(full[0]), found, moved)


def _unreadable() -> Finding:
    return Finding(Reason.UNREADABLE, 0, 0)


def _verdict(*findings: Finding | None) -> Verdict:
    return Verdict(tuple(finding for finding in findings if finding is not None))


def limit_size(frame: BgrImage) -> BgrImage:
    height, width = frame.shape[:2]
    share = MAX_SIDE_PX / max(height, width)
    if share >= 1:
        return np.ascontiguousarray(frame)
    size = (max(1, round(width * share)), max(1, round(height * share)))
    return np.asarray(cv2.resize(np.ascontiguousarray(frame), size, interpolation=cv2.INTER_AREA), np.uint8)


def _count_faces(faces: Sequence[DetectedFace], mat: DetectedMat | None) -> int:
    """Count faces, without profiles completely inside the interior: a head's body would reach in over the edge, but
    round goods in side light look like cheeks.
    """
    if mat is None:
        return len(faces)
    where = mat.place(INTERIOR.corners).astype(np.float32)
    return sum(not (face.profile and _inside(face, where)) for face in faces)


def _inside(face: DetectedFace, where: Corners) -> bool:
    corners = ((face.left + x * face.side, face.top + y * face.side) for x in (0, 1) for y in (0, 1))
    return all(cv2.pointPolygonTest(where, corner, False) >= 0 for corner in corners)


def _without_mat(frame: BgrImage, corner_markers: int, faces: int) -> Inspection:
    mean, edge = mean_luminance(frame), sharpest_edge_px(frame)
    blur, mat = checks.check_frame_blur(edge), checks.check_mat(None, corner_markers, whole=False)
    findings = (
        checks.check_face(faces),
        checks.check_frame_dark(mean),
        checks.check_frame_bright(mean),
        # If the mat is present but out of focus, some squares are seen; if none is seen, it may be absent.
        *((blur, mat) if corner_markers else (mat, blur)),
    )
    metrics = {"faces": faces, "corner_markers": corner_markers, "mean_level": mean}
    return Inspection(_verdict(*findings), metrics=metrics if edge is None else {**metrics, "sharpest_edge_px": edge})


@dataclass(frozen=True, slots=True, eq=False)
class _FrameAnalysis:
    """A frame with the mat, and the intermediate results for its verdict."""

    frame: BgrImage
    mat: DetectedMat
    whole: bool  # All of the interior is in the frame
    correction: Correction
    stripes: float
    hand: HandMeasure
    interior: BgrImage  # The CUT_WINDOW with true colors
    cut: CutOut
    goods: Outline | None
    detail: DetailLoss | None


def _analyze(frame: BgrImage, mat: DetectedMat) -> _FrameAnalysis:
    height, width = frame.shape[:2]
    sheet = flatten(frame, mat, SHEET_WINDOW)
    light = fit_light(sheet, mat, width, height)
    correction = find_correction(light, detect_patches(frame, mat))
    raw = flatten(frame, mat, CUT_WINDOW)
    interior = correction.apply(raw, CUT_WINDOW)
    cut = cut_out(interior)
    goods = outline(cut.mask)
    return _FrameAnalysis(
        frame=frame,
        mat=mat,
        whole=mat.shows(INTERIOR, width, height),
        correction=correction,
        stripes=stripes(sheet, light, mat),
        hand=hand_measure(correction.apply(sheet, SHEET_WINDOW)),
        interior=interior,
        cut=cut,
        goods=goods,
        detail=detail_loss(raw, cut.mask) if goods else None,
    )


def _inspection_of(analysis: _FrameAnalysis, full: BgrImage, faces: int, moved: float) -> Inspection:
    """Build the inspection. ``full`` is the frame before shrinking: the pictures are cut from it."""
    verdict = _verdict(*_findings(analysis, faces, moved))
    metrics = _metrics(analysis, faces, moved)
    if faces or not analysis.whole or analysis.goods is None:
        return Inspection(verdict, metrics=metrics)
    measures = _measures(analysis, analysis.goods)
    mask = cv2.resize(analysis.cut.mask, _INTERIOR_SIZE, interpolation=cv2.INTER_LINEAR)
    cutout = np.asarray(cv2.threshold(mask, 127, 255, cv2.THRESH_BINARY)[1], np.uint8)
    if not (verdict.accepted or verdict.may_be_overruled):
        return Inspection(verdict, measures, metrics=metrics, cutout=cutout)
    mat = analysis.mat.enlarged(full.shape[1] / analysis.frame.shape[1], full.shape[0] / analysis.frame.shape[0])
    window = crop_window(analysis.goods.box, mat.px_per_mm)
    scene = GoodsScene(full, mat, analysis.correction, analysis.interior, analysis.cut.mask)
    pictures = make_pictures(scene, window)
    crop = {"crop_left_mm": window.left, "crop_top_mm": window.top, "crop_px_per_mm": window.px_per_mm}
    shown = (pictures.master, pictures.natural, pictures.detail)
    return Inspection(verdict, measures, *shown, {**metrics, **crop}, cutout)


def _findings(analysis: _FrameAnalysis, faces: int, moved: float) -> list[Finding | None]:
    """Return the findings, those that a person must act on first at the beginning."""
    light, banding = analysis.correction.light, checks.check_banding(analysis.stripes)
    dark, cast = checks.check_dark(light, analysis.detail), checks.check_cast(analysis.correction)
    hand = checks.check_hand(analysis.hand.body, 0.0 if banding else analysis.hand.shadow) if analysis.whole else None
    of_the_shot = [
        checks.check_face(faces),
        hand,
        checks.check_empty(analysis.goods) if analysis.whole else None,
        dark,
        checks.check_blur(analysis.mat),
        checks.check_mat(analysis.mat, len(analysis.mat.markers), analysis.whole),
        checks.check_tilt(analysis.mat),
        checks.check_motion(moved),
        None if hand else banding,  # the edge of a hand and its shadow pass for stripes
        checks.check_bright(light, analysis.detail),
        cast,
    ]
    if not analysis.whole or dark or cast:  # noise counts as goods and goods as noise: their limits are unknown
        return of_the_shot
    return [
        *of_the_shot,
        checks.check_glare(analysis.detail) if analysis.detail else None,
        *checks.check_place(analysis.goods),
    ]


def _measures(analysis: _FrameAnalysis, goods: Outline) -> Measures:
    return Measures(
        coverage_bp=round(goods.coverage * 10_000),
        length_mm=round(goods.length),
        width_mm=round(goods.width),
        pieces=goods.pieces,
        edge_rise_millipx=round(analysis.mat.edge_rise_px * 1000),
        tilt_millideg=round(analysis.mat.tilt_deg * 1000),
        px_per_m=round(analysis.mat.px_per_mm * 1000),
    )


def _metrics(analysis: _FrameAnalysis, faces: int, moved: float) -> dict[str, float]:
    light = analysis.correction.light
    metrics = {
        "faces": faces,
        "corner_markers": len(analysis.mat.markers),
        "tilt_deg": analysis.mat.tilt_deg,
        "px_per_mm": analysis.mat.px_per_mm,
        "edge_rise_px": analysis.mat.edge_rise_px,
        "motion_levels": moved,
        "stripes_percent": analysis.stripes * 100,
        "light_ratio": light.ratio,
        "mat_chroma": light.color,
        "patches": analysis.correction.patches,
        "patch_difference": analysis.correction.patch_difference,
        "reach_percent": analysis.hand.body * 100,
        "shadow_percent": analysis.hand.shadow * 100,
        "unsure_percent": analysis.cut.unsure * 100,
        "grabcut": float(analysis.cut.grabcut),
        **checks.levels(light),
    }
    if analysis.goods:
        metrics |= {
            "coverage_percent": analysis.goods.coverage * 100,
            "edge_mm": analysis.goods.edge,
            "length_mm": analysis.goods.length,
            "width_mm": analysis.goods.width,
            "pieces": analysis.goods.pieces,
        }
    if analysis.detail:
        metrics |= {
            "burnt_percent": analysis.detail.burnt * 100,
            "lost_percent": analysis.detail.lost * 100,
            "glare_percent": analysis.detail.glare * 100,
            "largest_glare_percent": analysis.detail.largest_glare * 100,
        }
    return metrics
