"""Pictures of real goods from files, laid on the mat of the simulated stage; and the next frame of a burst."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path

import cv2
import numpy as np

from kiosk.simulators.camera.goods.pieces import PX_PER_MM, Direction, Piece, Relief, light
from kiosk.simulators.camera.shared.mat import Picture
from kiosk.simulators.camera.stage import StagePlan


def next_shot(plan: StagePlan, moved_mm: tuple[float, float] = (0.0, 0.0)) -> StagePlan:
    """The plan of the next frame of a burst: other noise, the goods moved meanwhile."""
    x, y = plan.goods.nudged_mm
    goods = replace(plan.goods, nudged_mm=(x + moved_mm[0], y + moved_mm[1]))
    return replace(plan, goods=goods, seed=plan.seed + 1)


def lay_file(plan: StagePlan, path: Path, longer_side_mm: float) -> StagePlan:
    """The plan with a picture on the mat in place of goods; its alpha is its outline."""
    return replace(plan, goods=replace(plan.goods, drawn=partial(draw_file, path, longer_side_mm)))


def draw_file(path: Path, length_mm: float, lamp: Direction, turn: float) -> Piece:
    """A picture file laid on the mat with its longer side ``length_mm`` long; its alpha is its outline, without one it
    is a rectangle. Raises OSError when it is no picture."""
    picture = _read(path)
    scale = length_mm * PX_PER_MM / max(picture.shape[:2])
    box = int(np.hypot(*picture.shape[:2]) * scale + 9) | 1
    middle = ((picture.shape[1] - 1) / 2, (picture.shape[0] - 1) / 2)
    move = cv2.getRotationMatrix2D(middle, -np.rad2deg(turn), scale)
    move[:, 2] += box // 2 - np.array(middle)
    # Made small with areas first: a photograph has more pixels than the mat can show.
    laid = cv2.warpAffine(_softened(picture, scale), move, (box, box), flags=cv2.INTER_LINEAR)
    alpha = (laid[..., 3] / 255).astype(np.float32)
    bare = laid[..., :3].astype(np.float32)
    # It brings its own light and shade: only its shadow on the mat is drawn.
    return replace(light(Relief(alpha * 2, bare, alpha, lift_px=2.0), lamp), color=laid[..., :3].astype(np.uint8))


def _softened(picture: Picture, scale: float) -> Picture:
    if scale >= 0.7:
        return picture
    return cv2.GaussianBlur(picture, (0, 0), 0.4 / scale).astype(np.uint8, copy=False)


@lru_cache(maxsize=4)
def _read(path: Path) -> Picture:
    data = path.read_bytes()
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) if data else None
    if picture is None or picture.dtype != np.uint8:
        raise OSError(f"{path} is no picture with 8 bits a channel")
    if picture.ndim == 2:
        return cv2.cvtColor(picture, cv2.COLOR_GRAY2BGRA).astype(np.uint8, copy=False)
    if picture.shape[2] == 3:
        return cv2.cvtColor(picture, cv2.COLOR_BGR2BGRA).astype(np.uint8, copy=False)
    return picture.astype(np.uint8, copy=False)
