"""Goods laid out in a channel's frame: centered, whole, never stretched, the rest white."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.photo.arrays import BgrImage
from kiosk.photo.channels.rules import ChannelRule

Mask: TypeAlias = NDArray[np.uint8]  # Rows x columns, 255 where it is so, else 0

WHITE: Final = 255
# A pixel with a channel below this belongs to the goods. JPEG leaves 237 to 254 in the white right beside them.
GOODS_BELOW: Final = 245
# Nothing that belongs to the goods is farther from GOODS_BELOW; what is left there is of JPEG or of a shadow.
_CLEARED_PX: Final = 4
# Along rows and columns, as every pixel is that is 20 or more away as the crow flies. A block of JPEG, which spreads
# what an edge leaves, is 8 pixels wide in full color: it cannot reach there from what _CLEARED_PX has left.
FAR_PX: Final = 15
_REACHED: Final = 128
_LIGHT, _LIGHTEST = np.full(3, GOODS_BELOW), np.full(3, WHITE)
# Of the cut-out, outside the box of the goods: lighter than GOODS_BELOW, and it belongs to them.
_SOFT_EDGE_PX: Final = 6


@dataclass(frozen=True, slots=True)
class GoodsBox:
    """The upright rectangle around the goods, in pixels."""

    left: int
    top: int
    width: int
    height: int

    @property
    def longer(self) -> int:
        return max(self.width, self.height)

    def margin(self, size: tuple[int, int]) -> int:
        """White between the goods and the nearest edge of a picture of that width and height."""
        right, bottom = size[0] - self.left - self.width, size[1] - self.top - self.height
        return min(self.left, self.top, right, bottom)


@dataclass(frozen=True, slots=True, eq=False)
class ChannelLayout:
    """A frame with the goods in it, where they are, and by how much they were enlarged; below 1: made smaller."""

    picture: BgrImage
    goods: Mask
    enlarged: float


def goods_mask(picture: BgrImage) -> Mask:
    return np.asarray(cv2.bitwise_not(cv2.inRange(picture, _LIGHT, _LIGHTEST)), np.uint8)


def box_of(goods: Mask) -> GoodsBox | None:
    """The box around them, None when there are none."""
    left, top, width, height = cv2.boundingRect(goods)
    return GoodsBox(left, top, width, height) if width and height else None


def box_in(picture: BgrImage) -> GoodsBox | None:
    """The box around the goods of a picture on white; what ``box_of`` says of their mask, and quicker."""
    rows, columns = picture.shape[:2]
    channels = np.ascontiguousarray(picture).reshape(rows, columns * 3)
    below = cv2.threshold(channels, GOODS_BELOW - 1, 255, cv2.THRESH_BINARY_INV)[1]
    left, top, width, height = cv2.boundingRect(below)
    if not width or not height:
        return None
    return GoodsBox(left // 3, top, -(-(left + width) // 3) - left // 3, height)


def clear_white_mask(goods: Mask, min_distance_px: int) -> Mask:
    """Where no pixel of the goods is nearer than that, in rows and columns.

    A light spot inside white goods is none of it: it is not reached from outside.
    """
    reach = 2 * min_distance_px - 1
    near = cv2.dilate(goods, np.ones((reach, reach), np.uint8))
    framed = cv2.copyMakeBorder(near, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=[0])
    cv2.floodFill(framed, None, (0, 0), [_REACHED])
    return np.asarray(cv2.inRange(framed[1:-1, 1:-1], np.array(_REACHED), np.array(_REACHED)), np.uint8)


def lowest(picture: BgrImage, where: Mask) -> int:
    """The lowest value of any channel in these places; 255 when there are none."""
    rows, columns = where.shape
    inside = cv2.merge([where, where, where]).reshape(rows, columns * 3)
    if not cv2.countNonZero(where):
        return WHITE
    return int(cv2.minMaxLoc(picture.reshape(rows, columns * 3), inside)[0])


def lay_out_white(cut: BgrImage, box: GoodsBox, rule: ChannelRule) -> ChannelLayout:
    """The goods in the middle, as large as the aimed margin leaves, on pure white."""
    width, height = rule.size_px
    room = width - 2 * rule.aimed_margin_px, height - 2 * rule.aimed_margin_px
    scale = min(room[0] / box.width, room[1] / box.height)
    soft = min(_SOFT_EDGE_PX, int(rule.aimed_margin_px / scale))
    left, top = max(0, box.left - soft), max(0, box.top - soft)
    part = _scaled(cut[top : box.top + box.height + soft, left : box.left + box.width + soft], scale, rule.size_px)
    at = (width - box.width * scale) / 2, (height - box.height * scale) / 2
    picture = _placed(part, (at[0] - (box.left - left) * scale, at[1] - (box.top - top) * scale), rule.size_px)
    goods = goods_mask(picture)
    around = clear_white_mask(goods, _CLEARED_PX + 1)
    cv2.bitwise_or(picture, cv2.merge([around, around, around]), dst=picture)
    return ChannelLayout(picture, goods, scale)


def lay_out_natural(cut: BgrImage, rule: ChannelRule) -> ChannelLayout:
    """The whole cut in the middle, as large as the frame takes it, white where the frame is wider or higher."""
    (width, height), (rows, columns) = rule.size_px, cut.shape[:2]
    scale = min(width / columns, height / rows)
    part = _scaled(cut, scale, rule.size_px)
    at = (width - part.shape[1]) / 2, (height - part.shape[0]) / 2
    picture = _placed(part, at, rule.size_px)
    return ChannelLayout(picture, goods_mask(picture), scale)


def _scaled(part: BgrImage, scale: float, max_size: tuple[int, int]) -> BgrImage:
    rows, columns = part.shape[:2]
    size = min(max(1, round(columns * scale)), max_size[0]), min(max(1, round(rows * scale)), max_size[1])
    while part.shape[1] >= 2 * size[0] and part.shape[0] >= 2 * size[1]:
        # Quick by halves, as an even number of pixels is; from there on a pixel is made of its neighbors.
        half = part.shape[1] // 2, part.shape[0] // 2
        part = np.asarray(cv2.resize(part[: 2 * half[1], : 2 * half[0]], half, interpolation=cv2.INTER_AREA), np.uint8)
    way = cv2.INTER_LINEAR if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(part, size, interpolation=way), np.uint8)


def _placed(part: BgrImage, at: tuple[float, float], size: tuple[int, int]) -> BgrImage:
    rows, columns = part.shape[:2]
    left, top = min(max(0, round(at[0])), size[0] - columns), min(max(0, round(at[1])), size[1] - rows)
    picture = np.full((size[1], size[0], 3), WHITE, np.uint8)
    picture[top : top + rows, left : left + columns] = part
    return picture
