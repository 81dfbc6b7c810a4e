"""What the mat lies on."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from kiosk.photo.mat import SHEET
from kiosk.simulators.camera.goods.pieces import generator, noise
from kiosk.simulators.camera.pose import HEIGHT, WIDTH, Matrix, project
from kiosk.simulators.camera.shared.mat import Picture

# Fresh boards, old boards, pale boards, weathered grey ones.
_WOODS = ((72, 112, 152), (54, 82, 112), (126, 152, 176), (96, 104, 108))
TABLES = len(_WOODS)
_SHADED = round(255 * 0.55)  # Of the light, right beside the sheet


def table_under(sheet_to_frame: Matrix, number: int) -> Picture:
    """Boards with the shadow of the sheet's edge, to draw the sheet on."""
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
    """Wooden boards from left to right."""
    rng = generator("table", number)
    shape = (HEIGHT, WIDTH)
    grain = noise(rng, shape, 900, 5) * 0.10 + noise(rng, shape, 300, 2.5) * 0.05 + noise(rng, shape, 700, 120) * 0.10
    boards = np.arange(HEIGHT) // 216
    tone = 1 + 0.08 * rng.uniform(-1, 1, boards.max() + 1)[boards]
    gap = np.where(np.arange(HEIGHT) % 216 < 3, 0.45, 1.0)
    color = np.array(_WOODS[number], np.float32) * ((tone * gap)[:, None] * (1 + grain))[..., None]
    boarded: Picture = np.clip(color, 0, 255).astype(np.uint8)
    return boarded
