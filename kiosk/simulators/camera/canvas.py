"""The sheet with goods on it as it would look under neutral, even light, and which pixels goods cover."""

from __future__ import annotations

from functools import cache

import numpy as np

from kiosk.photo.mat import SHEET
from kiosk.simulators.camera.goods.pieces import PX_PER_MM, Piece, Plane, generator, noise
from kiosk.simulators.camera.shared.mat import Picture, draw_mat

_FINE_PX_PER_MM = 6


class Canvas:
    """Pictures of the whole sheet at ``PX_PER_MM``; goods are laid on it one above the other."""

    def __init__(self) -> None:
        self.picture: Picture = _bare_sheet().copy()
        self.cover: Plane = np.zeros(self.picture.shape[:2], np.uint8)  # 0 to 255: how much of the pixel is goods
        # Of the topmost goods: how nearly they mirror the lamp into the camera.
        self.mirror: Plane = np.zeros(self.picture.shape[:2], np.uint8)

    def lay(self, piece: Piece, x_mm: float, y_mm: float) -> None:
        """Put a piece with its middle there, on whatever lies there; what leaves the sheet is cut off."""
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
    """The printed mat on matte paper, with the little unevenness of ink."""
    import cv2

    fine = draw_mat(_FINE_PX_PER_MM)
    size = (round(SHEET.width * PX_PER_MM), round(SHEET.height * PX_PER_MM))
    sheet = cv2.resize(fine, size, interpolation=cv2.INTER_AREA)
    rng = generator("paper")
    shape = (size[1], size[0])
    ink = noise(rng, shape, 260, 260) * 0.7 + rng.standard_normal(shape, dtype=np.float32) * 0.8
    inked: Picture = np.clip(sheet + ink[..., None] + 0.5, 0, 255).astype(np.uint8)
    return inked
