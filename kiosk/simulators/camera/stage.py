"""A shot whose truth is known, because it was drawn: the frame, what is goods in it, and what a verdict must say.

Nothing here uses what the product measures with: the mask is what the goods were drawn with.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache, lru_cache

import numpy as np

from kiosk.domain.verdict import Reason
from kiosk.photo.mat import CORNER_MARKERS, INTERIOR, MIN_CORNER_MARKERS, SHEET
from kiosk.photo.mat import PX_PER_MM as MASK_PX_PER_MM
from kiosk.simulators.camera.goods.layout import EMPTY, GoodsLayout, lay_out
from kiosk.simulators.camera.goods.pieces import PX_PER_MM, Field, Piece, Plane, generator, noise
from kiosk.simulators.camera.goods.produce import FLAT
from kiosk.simulators.camera.people import Face, Hand, draw_face, draw_hand
from kiosk.simulators.camera.pose import HEIGHT, WIDTH, Matrix, Pose, frame_to_sheet, project, sheet_to_frame
from kiosk.simulators.camera.shared.mat import Picture, draw_mat

_NOISE_MARGIN = 97


@dataclass(frozen=True, slots=True)
class Light:
    """What reaches the sensor, as shares of an exposure that shows the mat as it is printed."""

    level: float = 1.0
    cast: tuple[float, float, float] = (1.0, 1.0, 1.0)  # Gains of blue, green and red
    # How much brighter the right and the lower edge of the frame are than its middle.
    gradient: tuple[float, float] = (0.0, 0.0)
    vignette: float = 0.14  # How much of the light is lost in the corners of the frame
    banding: float = 0.0  # Depth of the stripes that a lamp on 50 Hz and a rolling shutter make
    stripes: float = 3.3  # In one frame: 100 flashes a second, read out in a thirtieth of a second
    phase: float = 0.0
    lamp: int = 0  # Of `LAMPS`: where the shadows fall


@dataclass(frozen=True, slots=True)
class Sensor:
    blur_px: float = 0.5  # Standard deviation of the blur of the lens
    noise: float = 1.6  # Standard deviation in grey levels
    quality: int = 92  # Of the camera's own JPEG


def illuminate(picture: Picture, light: Light) -> Field:
    """Return the picture in linear light, 1 = white, under this lamp."""
    import cv2

    gains = np.array(light.cast, np.float32) * np.float32(light.level)
    table = (_linear()[:, None] * gains).reshape(1, 256, 3).astype(np.float32)
    lit: Field = cv2.LUT(picture, table).astype(np.float32, copy=False)
    cv2.multiply(lit, _field(light), dst=lit)
    return lit


def _field(light: Light) -> Field:
    """Return the share of the light at each pixel, the same in all three channels."""
    import cv2

    y, x = np.mgrid[-1:1:135j, -1:1:240j].astype(np.float32)
    corner = (x * x * WIDTH**2 + y * y * HEIGHT**2) / (WIDTH**2 + HEIGHT**2)
    smooth = (1 + light.gradient[0] * x + light.gradient[1] * y) * (1 - light.vignette * corner)
    field: Field = cv2.resize(cv2.merge([smooth] * 3), (WIDTH, HEIGHT)).astype(np.float32, copy=False)
    if light.banding:
        # A lamp on alternating current goes nearly dark twice a period: the stripes are narrow and dark.
        wave = np.abs(np.sin(np.pi * (light.stripes * np.arange(HEIGHT) / HEIGHT + light.phase)))
        rows = field.reshape(HEIGHT, -1)
        rows *= (1 - light.banding * (1 - wave**0.7)).astype(np.float32)[:, None]
    return field


def sense(lit: Field, sensor: Sensor, rng: np.random.Generator) -> Picture:
    """Simulate the sensor: blur, noise and JPEG, as the camera delivers the frame."""
    import cv2

    if sensor.blur_px:
        lit = cv2.GaussianBlur(lit, (0, 0), sensor.blur_px, borderType=cv2.BORDER_REPLICATE).astype(
            np.float32, copy=False
        )
    # A frame is 25 megabytes: in place, in as few passes as can be. Of sRGB only the power is taken; its straight foot,
    # below ten levels, is nothing that a camera keeps to.
    cv2.threshold(lit, 1.0, 1.0, cv2.THRESH_TRUNC, dst=lit)
    cv2.pow(lit, 1 / 2.4, dst=lit)
    x, y = rng.integers(0, _NOISE_MARGIN, 2)
    noise = _noise()[y : y + HEIGHT, x : x + WIDTH]
    frame = cv2.addWeighted(lit, 255 * 1.055, noise, sensor.noise, -255 * 0.055, dtype=cv2.CV_8U)
    _, coded = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, sensor.quality])
    seen = cv2.imdecode(coded, cv2.IMREAD_COLOR)
    if seen is None:
        raise OSError("OpenCV could not decode its own picture")
    return seen.astype(np.uint8, copy=False)


@cache
def _linear() -> Field:
    srgb = np.arange(256) / 255
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4).astype(np.float32)


@cache
def _noise() -> Field:
    """Make noise larger than the frame, which takes a random part of it. The color filter makes neighbours alike."""
    import cv2

    rng = generator("sensor")
    shape = (HEIGHT + _NOISE_MARGIN, WIDTH + _NOISE_MARGIN, 3)
    grain = cv2.GaussianBlur(rng.standard_normal(shape, dtype=np.float32), (3, 3), 0.45)
    return (grain / grain.std()).astype(np.float32)


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
    covered: tuple[int, ...] = ()  # Corner markers that are covered by a sheet of paper
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
    faults: frozenset[Reason]  # What a verdict must name; it must accept when this is empty
    coverage: float  # Share of the interior that the goods cover
    sizes_mm: tuple[float, float] | None  # Length and width of a single flat object, else None
    sheet_to_frame: Matrix  # From millimetres of the sheet to pixels of the frame, before the lens bends lines


def draw_stage(plan: StagePlan) -> Stage:
    """Draw the plan; raises KeyError for unknown goods, OSError for a file that is no picture."""
    import cv2

    canvas = _canvas(plan.goods, plan.light.lamp)
    mask = cv2.threshold(_interior(canvas.cover), 127, 255, cv2.THRESH_BINARY)[1].astype(np.uint8, copy=False)
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
    """Draw only the frame, 1920 x 1080; raises as ``draw_stage``."""
    return _frame(plan, _canvas(plan.goods, plan.light.lamp), sheet_to_frame(plan.pose))


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
    """Return the lamp's light that the goods mirror into the camera, linear; above white at its strongest."""
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
    """Judge place and amount of the goods: empty, too small, too large or too near to the edge."""
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
    """Count corner markers that are in the frame with the white around them, and are not covered."""
    seen = 0
    for marker in CORNER_MARKERS:
        corners = project(homography, marker.box.grown(marker.quiet / 2))
        inside = (corners.min() >= 0) and bool((corners.max(axis=0) <= (WIDTH - 1, HEIGHT - 1)).all())
        seen += int(inside and marker.number not in plan.covered)
    return seen


_FINE_PX_PER_MM = 6


class Canvas:
    """Pictures of the whole sheet at ``PX_PER_MM``; goods are laid on it one above the other."""

    def __init__(self) -> None:
        self.picture: Picture = _bare_sheet().copy()
        self.cover: Plane = np.zeros(self.picture.shape[:2], np.uint8)  # 0 to 255: how much of the pixel is goods
        # Of the topmost goods: how nearly they mirror the lamp into the camera.
        self.mirror: Plane = np.zeros(self.picture.shape[:2], np.uint8)

    def lay(self, piece: Piece, x_mm: float, y_mm: float) -> None:
        """Put a piece with its middle there, on top of what is there; what is off the sheet is cut off."""
        import cv2

        left, top = (round(at * PX_PER_MM - piece.alpha.shape[0] / 2) for at in (x_mm, y_mm))
        self._shade(piece.shade, left - piece.margin, top - piece.margin)
        where = _overlap(self.cover, piece.alpha, left, top)
        if where is None:
            return
        on_sheet, of_piece = where
        alpha = np.divide(piece.alpha[of_piece], 255, dtype=np.float32)
        for under, paint in ((self.picture[on_sheet], piece.color), (self.mirror[on_sheet], piece.mirror)):
            cv2.blendLinear(paint[of_piece], under, alpha, 1 - alpha, dst=under)
        cover = self.cover[on_sheet]
        cover[:] = 255 - cv2.multiply(255 - cover, 255 - piece.alpha[of_piece], scale=1 / 255)

    def _shade(self, shade: Plane, left: int, top: int) -> None:
        import cv2

        where = _overlap(self.cover, shade, left, top)
        if where is not None:
            on_sheet, of_shade = where
            under = self.picture[on_sheet]
            transmitted = 255 - shade[of_shade]
            cv2.multiply(under, cv2.merge((transmitted, transmitted, transmitted)), dst=under, scale=1 / 255)


def _overlap(sheet: Plane, piece: Plane, left: int, top: int) -> tuple[tuple[slice, slice], tuple[slice, slice]] | None:
    height, width = piece.shape
    x0, y0 = max(0, -left), max(0, -top)
    x1, y1 = min(width, sheet.shape[1] - left), min(height, sheet.shape[0] - top)
    if x0 >= x1 or y0 >= y1:
        return None
    return (slice(top + y0, top + y1), slice(left + x0, left + x1)), (slice(y0, y1), slice(x0, x1))


@cache
def _bare_sheet() -> Picture:
    """Draw the printed mat on matte paper, with slightly uneven ink."""
    import cv2

    fine = draw_mat(_FINE_PX_PER_MM)
    size = (round(SHEET.width * PX_PER_MM), round(SHEET.height * PX_PER_MM))
    sheet = cv2.resize(fine, size, interpolation=cv2.INTER_AREA)
    rng = generator("paper")
    shape = (size[1], size[0])
    ink = noise(rng, shape, 260, 260) * 0.7 + rng.standard_normal(shape, dtype=np.float32) * 0.8
    inked: Picture = np.clip(sheet + ink[..., None] + 0.5, 0, 255).astype(np.uint8)
    return inked


# Fresh boards, old boards, pale boards, weathered grey ones.
_WOODS = ((72, 112, 152), (54, 82, 112), (126, 152, 176), (96, 104, 108))
TABLES = len(_WOODS)
_SHADED = round(255 * 0.55)  # Of the light, right beside the sheet


def table_under(sheet_to_frame: Matrix, number: int) -> Picture:
    """Draw boards with the shadow of the sheet's edge, to draw the sheet on."""
    import cv2

    corners = project(sheet_to_frame, SHEET) + 5
    shading = np.full((HEIGHT // 4, WIDTH // 4), 255, np.uint8)
    cv2.fillConvexPoly(shading, np.rint(np.clip(corners, -4000, 6000) / 4).astype(np.int32), (_SHADED,))
    shading = cv2.resize(cv2.merge([cv2.GaussianBlur(shading, (0, 0), 1.8)] * 3), (WIDTH, HEIGHT)).astype(
        np.uint8, copy=False
    )
    return cv2.multiply(_boards(number), shading, scale=1 / 255).astype(np.uint8, copy=False)


@lru_cache(maxsize=TABLES)
def _boards(number: int) -> Picture:
    """Draw wooden boards from left to right."""
    rng = generator("table", number)
    shape = (HEIGHT, WIDTH)
    grain = noise(rng, shape, 900, 5) * 0.10 + noise(rng, shape, 300, 2.5) * 0.05 + noise(rng, shape, 700, 120) * 0.10
    boards = np.arange(HEIGHT) // 216
    tone = 1 + 0.08 * rng.uniform(-1, 1, boards.max() + 1)[boards]
    gap = np.where(np.arange(HEIGHT) % 216 < 3, 0.45, 1.0)
    color = np.array(_WOODS[number], np.float32) * ((tone * gap)[:, None] * (1 + grain))[..., None]
    boarded: Picture = np.clip(color, 0, 255).astype(np.uint8)
    return boarded
