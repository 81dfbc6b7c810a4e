"""A shot whose truth is known, because it was drawn: the frame, what is goods in it, and what a verdict must say.

Nothing here uses what the product measures with: the mask is what the goods were drawn with.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from kiosk.domain.verdict import Reason
from kiosk.photo.mat import CORNER_MARKERS, INTERIOR, MIN_CORNER_MARKERS
from kiosk.photo.mat import PX_PER_MM as MASK_PX_PER_MM
from kiosk.simulators.camera.canvas import Canvas
from kiosk.simulators.camera.goods.layout import EMPTY, GoodsLayout, lay_out
from kiosk.simulators.camera.goods.pieces import PX_PER_MM, Field, Plane
from kiosk.simulators.camera.goods.produce import FLAT
from kiosk.simulators.camera.hand import Hand, draw_hand
from kiosk.simulators.camera.light import Light, Sensor, illuminate, sense
from kiosk.simulators.camera.people import Face, draw_face
from kiosk.simulators.camera.pose import HEIGHT, WIDTH, Matrix, Pose, frame_to_sheet, project, sheet_to_frame
from kiosk.simulators.camera.shared.mat import Picture
from kiosk.simulators.camera.table import table_under

# Standard deviation of a blur at which a marker's edge rises over three pixels; 0.5 makes 1.8 of it, 1.5 makes 4.7.
BLURRED_PX = 0.9
ASKEW_DEG = 25.0
DARK_LEVEL, BRIGHT_LEVEL = 0.2, 1.5
LOST_CHANNEL = 12.0  # With one channel so much weaker than another, one is burnt out or the other is lost in noise
STRIPED = 0.10
MIN_COVER, MAX_COVER, EDGE_MM = 0.04, 0.75, 8.0


@dataclass(frozen=True, slots=True)
class StagePlan:
    """All that is drawn. Equal plans give equal stages."""

    goods: GoodsLayout = field(default_factory=lambda: GoodsLayout(EMPTY))
    light: Light = field(default_factory=Light)
    pose: Pose = field(default_factory=Pose)
    sensor: Sensor = field(default_factory=Sensor)
    table: int = 0
    covered: tuple[int, ...] = ()  # Corner markers that a sheet of paper lies on
    hand: Hand | None = None
    face: Face | None = None
    glare: float = 0.0  # Share of the goods in which a lamp is mirrored
    seed: int = 0  # Of the sensor's noise: another seed is another frame of the same stage


@dataclass(frozen=True, slots=True)
class Stage:
    """A drawn plan and what is true of it."""

    frame: Picture  # 1920 x 1080, as the camera gives it
    mask: Plane  # 255 where goods lie in the interior of the mat, else 0; 1680 x 1200, 6 pixels a millimetre
    true_color: Picture  # The interior under neutral, even light, at the scale of the mask
    faults: frozenset[Reason]  # What a verdict must name; it must accept when there is none
    coverage: float  # Share of the interior that the goods cover
    sizes_mm: tuple[float, float] | None  # Length and width of a single flat object, else None
    sheet_to_frame: Matrix  # From millimetres of the sheet to pixels of the frame, before the lens bends lines


def draw_stage(plan: StagePlan) -> Stage:
    """Draw it; raises KeyError for goods that are not in the list, OSError for a file that is no picture."""
    canvas = _canvas(plan.goods, plan.light.lamp)
    mask = _mask(canvas)
    homography = sheet_to_frame(plan.pose)
    flat = FLAT.get(plan.goods.name)
    return Stage(
        frame=_frame(plan, canvas, homography),
        mask=mask,
        true_color=_interior(canvas.picture),
        faults=frozenset(_faults(plan, mask, homography)),
        coverage=float(np.count_nonzero(mask)) / mask.size,
        sizes_mm=(flat.length, flat.width) if flat else None,
        sheet_to_frame=homography,
    )


def draw_frame(plan: StagePlan) -> Picture:
    """The frame alone, 1920 x 1080; raises as ``draw_stage``."""
    return _frame(plan, _canvas(plan.goods, plan.light.lamp), sheet_to_frame(plan.pose))


def next_shot(plan: StagePlan, moved_mm: tuple[float, float] = (0.0, 0.0)) -> StagePlan:
    """The plan of the next frame of a burst: other noise, the goods moved meanwhile."""
    x, y = plan.goods.nudged_mm
    goods = replace(plan.goods, nudged_mm=(x + moved_mm[0], y + moved_mm[1]))
    return replace(plan, goods=goods, seed=plan.seed + 1)


def lay_file(plan: StagePlan, path: Path, longer_side_mm: float) -> StagePlan:
    """The plan with a picture on the mat in place of goods; its alpha is its outline."""
    return replace(plan, goods=replace(plan.goods, file=path, reach_mm=longer_side_mm))


@lru_cache(maxsize=2)  # most of the time of a stage; faults and further frames leave the goods where they lie
def _canvas(goods: GoodsLayout, lamp: int) -> Canvas:
    canvas = Canvas()
    for laid in lay_out(goods, lamp):
        canvas.lay(laid.piece, laid.x, laid.y)
    return canvas


def _frame(plan: StagePlan, canvas: Canvas, homography: Matrix) -> Picture:
    import cv2

    places = frame_to_sheet(plan.pose, PX_PER_MM)
    sheet = _with_papers(canvas.picture, plan.covered)
    seen = table_under(homography, plan.table)
    cv2.remap(sheet, *places, cv2.INTER_LINEAR, dst=seen, borderMode=cv2.BORDER_TRANSPARENT)
    if plan.hand is not None:
        draw_hand(seen, plan.hand, homography)
    if plan.face is not None:
        draw_face(seen, plan.face)
    lit = illuminate(seen, plan.light)
    if plan.glare:
        spots = cv2.remap(_mirrored(canvas, plan.glare), *places, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        cv2.add(lit, cv2.merge([spots] * 3), dst=lit)
    return sense(lit, plan.sensor, np.random.default_rng([plan.seed, 1]))


def _mirrored(canvas: Canvas, share: float) -> Field:
    """Light of the lamp that the goods throw into the camera, in linear light: more than white where it is worst."""
    import cv2

    goods = canvas.mirror[canvas.cover >= 128]
    threshold = float(np.quantile(goods, 1 - share)) if goods.size else 255.0
    spots = np.where(canvas.cover >= 128, np.clip((canvas.mirror - threshold) / 2.0 + 0.5, 0, 1), 0).astype(np.float32)
    return (cv2.GaussianBlur(spots, (0, 0), 1.6) * 2.2 + cv2.GaussianBlur(spots, (0, 0), 14) * 0.25).astype(np.float32)


def _with_papers(sheet: Picture, covered: tuple[int, ...]) -> Picture:
    if not covered:
        return sheet
    import cv2

    papers = sheet.copy()
    for marker in CORNER_MARKERS:
        if marker.number in covered:
            corners = np.array([(x * 1.06 - 8, y * 1.04 - 4) for x, y in marker.box.grown(4).corners]) * PX_PER_MM
            cv2.fillConvexPoly(papers, np.rint(corners).astype(np.int32), (214, 232, 238), cv2.LINE_AA)
    return papers


def _interior(sheet: Picture) -> Picture:
    import cv2

    rows, columns = (
        slice(round(low * PX_PER_MM), round(high * PX_PER_MM))
        for low, high in ((INTERIOR.top, INTERIOR.bottom), (INTERIOR.left, INTERIOR.right))
    )
    size = (round(INTERIOR.width * MASK_PX_PER_MM), round(INTERIOR.height * MASK_PX_PER_MM))
    return cv2.resize(sheet[rows, columns], size, interpolation=cv2.INTER_LINEAR).astype(np.uint8, copy=False)


def _mask(canvas: Canvas) -> Plane:
    import cv2

    return cv2.threshold(_interior(canvas.cover), 127, 255, cv2.THRESH_BINARY)[1].astype(np.uint8, copy=False)


def _faults(plan: StagePlan, mask: Plane, homography: Matrix) -> set[Reason]:
    light = plan.light
    conditions = {
        Reason.FACE: plan.face is not None,
        Reason.HAND: plan.hand is not None,
        Reason.GLARE: plan.glare > 0,
        Reason.MAT: _markers_seen(plan, homography) < MIN_CORNER_MARKERS or light.level == 0,
        Reason.TILT: plan.pose.tilt_deg > ASKEW_DEG,
        Reason.BLUR: plan.sensor.blur_px > BLURRED_PX,
        Reason.DARK: light.level < DARK_LEVEL,
        Reason.BRIGHT: light.level > BRIGHT_LEVEL,
        Reason.CAST: max(light.cast) > LOST_CHANNEL * min(light.cast),
        Reason.BANDING: light.banding > STRIPED,
    }
    return {reason for reason, holds in conditions.items() if holds} | _framing(mask)


def _framing(mask: Plane) -> set[Reason]:
    """What is wrong with where the goods lie and how much they are."""
    cover = np.count_nonzero(mask) / mask.size
    if cover == 0:
        return {Reason.EMPTY}
    edge = round(EDGE_MM * MASK_PX_PER_MM)
    inner = np.count_nonzero(mask[edge:-edge, edge:-edge])
    found = {Reason.SMALL} if cover < MIN_COVER else set()
    if cover > MAX_COVER or inner < np.count_nonzero(mask):
        found.add(Reason.FRAMING)
    return found


def _markers_seen(plan: StagePlan, homography: Matrix) -> int:
    """Corner markers that are in the frame with the white around them, and that nothing lies on."""
    seen = 0
    for marker in CORNER_MARKERS:
        corners = project(homography, marker.box.grown(marker.quiet / 2))
        inside = (corners.min() >= 0) and bool((corners.max(axis=0) <= (WIDTH - 1, HEIGHT - 1)).all())
        seen += int(inside and marker.number not in plan.covered)
    return seen
