"""A channel's picture from a cut of the goods, or every reason why it cannot be made."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, TypeAlias

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from kiosk.photo.arrays import BgrImage
from kiosk.photo.channels.rules import ChannelRule
from kiosk.photo.codec import JPEG_QUALITY, decode_picture, encode_jpeg

MIN_QUALITY, MAX_QUALITY = 70, 100  # Below 70 the blocks of JPEG are seen on a smooth skin
MAX_ENCODINGS: Final = 8
# Percent to which goods would have to be enlarged to fill their part of the least frame. They are not: a master is
# already enlarged as far as it may be. They fill less of it, but not less than half.
MAX_ENLARGED_PERCENT: Final = 200


class ChannelReason(StrEnum):
    """Why there is no picture; in brackets the unit of value and limit."""

    NO_GOODS = "no_goods"  # The cut shows nothing but white (pixels of the longer side)
    # The cut has something else than white at its own edge, or far from the goods (lowest value of a channel).
    NOT_ON_WHITE = "not_on_white"
    ENLARGED = "enlarged"  # The goods are too small in the cut (percent)
    GOODS_SMALL = "goods_small"  # The goods are too small in the picture (pixels of the longer side)
    MARGIN_SMALL = "margin_small"  # Too little white around the goods (pixels)
    MARGIN_LARGE = "margin_large"  # Too much white around the goods (pixels)
    BYTES_FEW = "bytes_few"  # The file is too small even at the best quality (bytes)
    BYTES_MANY = "bytes_many"  # The file is too large even at the least quality (bytes)


@dataclass(frozen=True, slots=True)
class ChannelFinding:
    """One reason with what was measured and its limit."""

    reason: ChannelReason
    value: int
    limit: int

    def __str__(self) -> str:
        return f"{self.reason}: {self.value}, limit {self.limit}"


class ChannelRefused(ValueError):
    """There is no picture for this channel; ``findings`` has every reason."""

    def __init__(self, channel: str, findings: tuple[ChannelFinding, ...]) -> None:
        super().__init__(f"{channel}: {'; '.join(map(str, findings))}")
        self.channel = channel
        self.findings = findings


@dataclass(frozen=True, slots=True)
class ChannelPicture:
    """A JPEG without metadata that keeps the channel's rule; the quality it was written with."""

    data: bytes = field(repr=False)
    width: int
    height: int
    quality: int


def make_picture(cut: BgrImage, rule: ChannelRule) -> ChannelPicture:
    """Lay out, encode and check. ``cut`` is the square master where ``rule.cut`` is white, else the natural cut.

    Raises ChannelRefused.
    """
    natural = rule.cut == "natural"
    box = GoodsBox(0, 0, cut.shape[1], cut.shape[0]) if natural else _box_on_white(cut, rule)
    rule = fit_frame(rule, box)
    laid_out = lay_out_natural(cut, rule) if natural else lay_out_white(cut, box, rule)
    percent = round(laid_out.enlarged * 100)
    findings = list(_out_of_frame(laid_out, rule))
    if percent > MAX_ENLARGED_PERCENT:
        findings.insert(0, ChannelFinding(ChannelReason.ENLARGED, percent, MAX_ENLARGED_PERCENT))
    data, quality = _encode(laid_out.picture, rule)
    findings += [*_out_of_bytes(data, rule), *_not_white(data, laid_out, rule)]
    if findings:
        raise ChannelRefused(rule.channel, tuple(findings))
    return ChannelPicture(data, *rule.size_px, quality)


def make_picture_from_jpeg(jpeg: bytes, rule: ChannelRule) -> ChannelPicture:
    """Do ``make_picture`` for a cut that is a JPEG. Raises PictureRefused when the file is no picture."""
    return make_picture(decode_picture(jpeg), rule)


def _box_on_white(cut: BgrImage, rule: ChannelRule) -> GoodsBox:
    edge = int(min(line.min() for line in (cut[0], cut[-1], cut[:, 0], cut[:, -1])))
    if edge < WHITE:
        raise ChannelRefused(rule.channel, (ChannelFinding(ChannelReason.NOT_ON_WHITE, edge, WHITE),))
    box = box_in(cut)
    if box is None:
        raise ChannelRefused(rule.channel, (ChannelFinding(ChannelReason.NO_GOODS, 0, max(1, rule.least_goods_px)),))
    return box


def fit_frame(rule: ChannelRule, box: GoodsBox) -> ChannelRule:
    """Shrink frame and margins until the goods need not be enlarged, down to the channel's least size."""
    smallest = (side / usual for side, usual in zip(rule.least_px, rule.size_px, strict=True))
    share = max(*smallest, 1 / _fill_scale(rule, box))
    if share >= 1:
        return rule
    width, height = (math.ceil(side * share) for side in rule.size_px)
    margin = rule.margin_px and (math.floor(rule.margin_px[0] * share), math.ceil(rule.margin_px[1] * share))
    return msgspec.structs.replace(rule, size_px=(width, height), margin_px=margin)


def _fill_scale(rule: ChannelRule, box: GoodsBox) -> float:
    width, height = (side - 2 * rule.aimed_margin_px for side in rule.size_px)
    return min(width / box.width, height / box.height)


def _out_of_frame(laid_out: ChannelLayout, rule: ChannelRule) -> Iterator[ChannelFinding]:
    if rule.margin_px is None:
        return
    box = box_of(laid_out.goods)
    longer, margin = (box.longer, box.margin(rule.size_px)) if box else (0, min(rule.size_px) // 2)
    if longer < rule.least_goods_px:
        yield ChannelFinding(ChannelReason.GOODS_SMALL, longer, rule.least_goods_px)
    if margin < rule.margin_px[0]:
        yield ChannelFinding(ChannelReason.MARGIN_SMALL, margin, rule.margin_px[0])
    if margin > rule.margin_px[1] and laid_out.enlarged <= 1:
        yield ChannelFinding(ChannelReason.MARGIN_LARGE, margin, rule.margin_px[1])


def _encode(picture: BgrImage, rule: ChannelRule) -> tuple[bytes, int]:
    """Return file and quality: the usual quality, else the nearest at which the file size is right.

    Try at most MAX_ENCODINGS; bisecting takes 6 of the 31 qualities. When no size is right, take the outermost quality.
    """
    usual = encode_jpeg(picture, JPEG_QUALITY, full_color=True)
    if rule.least_bytes <= len(usual) <= rule.most_bytes:
        return usual, JPEG_QUALITY
    few = len(usual) < rule.least_bytes
    # From the end where the bytes are right, if they are anywhere, towards the usual quality.
    good = MAX_QUALITY if few else MIN_QUALITY
    best, bad = encode_jpeg(picture, good, full_color=True), JPEG_QUALITY
    for _ in range(MAX_ENCODINGS - 2):
        middle = (good + bad) // 2
        if middle in (good, bad):
            break
        data = encode_jpeg(picture, middle, full_color=True)
        right = len(data) >= rule.least_bytes if few else len(data) <= rule.most_bytes
        if right:
            best, good = data, middle
        else:
            bad = middle
    return best, good


def _out_of_bytes(data: bytes, rule: ChannelRule) -> Iterator[ChannelFinding]:
    if len(data) < rule.least_bytes:
        yield ChannelFinding(ChannelReason.BYTES_FEW, len(data), rule.least_bytes)
    if len(data) > rule.most_bytes:
        yield ChannelFinding(ChannelReason.BYTES_MANY, len(data), rule.most_bytes)


def _not_white(data: bytes, laid_out: ChannelLayout, rule: ChannelRule) -> Iterator[ChannelFinding]:
    """Check the decoded JPEG, which is what others will see."""
    if rule.background != "white":
        return
    shown = np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), np.uint8)
    far = lowest(shown, clear_white_mask(laid_out.goods, FAR_PX))
    if far < WHITE:
        yield ChannelFinding(ChannelReason.NOT_ON_WHITE, far, WHITE)


Mask: TypeAlias = NDArray[np.uint8]  # Rows x columns, 255 where it is so, else 0
WHITE: Final = 255
# A pixel with a channel below this belongs to the goods. JPEG leaves 237 to 254 in the white right beside them.
GOODS_BELOW: Final = 245
# No part of the goods is farther from GOODS_BELOW; what remains there is from JPEG or a shadow.
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
        """Return the white between the goods and the nearest edge of a picture of this width and height."""
        right, bottom = size[0] - self.left - self.width, size[1] - self.top - self.height
        return min(self.left, self.top, right, bottom)


@dataclass(frozen=True, slots=True, eq=False)
class ChannelLayout:
    """A frame with the goods in it, where they are, and by how much they would be enlarged to fill their part of it:
    above 1 they are as they were, below 1 they are made smaller."""

    picture: BgrImage
    goods: Mask
    enlarged: float


def goods_mask(picture: BgrImage) -> Mask:
    return np.asarray(cv2.bitwise_not(cv2.inRange(picture, _LIGHT, _LIGHTEST)), np.uint8)


def box_of(goods: Mask) -> GoodsBox | None:
    left, top, width, height = cv2.boundingRect(goods)
    return GoodsBox(left, top, width, height) if width and height else None


def box_in(picture: BgrImage) -> GoodsBox | None:
    """Return the box of the goods in a picture on white: the same as ``box_of`` their mask, but faster."""
    rows, columns = picture.shape[:2]
    channels = np.ascontiguousarray(picture).reshape(rows, columns * 3)
    below = cv2.threshold(channels, GOODS_BELOW - 1, 255, cv2.THRESH_BINARY_INV)[1]
    left, top, width, height = cv2.boundingRect(below)
    if not width or not height:
        return None
    return GoodsBox(left // 3, top, -(-(left + width) // 3) - left // 3, height)


def clear_white_mask(goods: Mask, min_distance_px: int) -> Mask:
    """Mark places that are at least this far from the goods, in rows and columns.

    A light spot inside white goods is not marked: it is not connected to the outside.
    """
    reach = 2 * min_distance_px - 1
    near = cv2.dilate(goods, np.ones((reach, reach), np.uint8))
    framed = cv2.copyMakeBorder(near, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=[0])
    cv2.floodFill(framed, None, (0, 0), [_REACHED])
    return np.asarray(cv2.inRange(framed[1:-1, 1:-1], np.array(_REACHED), np.array(_REACHED)), np.uint8)


def lowest(picture: BgrImage, where: Mask) -> int:
    """Return the lowest value of any channel in these places; 255 when there are none."""
    rows, columns = where.shape
    inside = cv2.merge([where, where, where]).reshape(rows, columns * 3)
    if not cv2.countNonZero(where):
        return WHITE
    return int(cv2.minMaxLoc(picture.reshape(rows, columns * 3), inside)[0])


def lay_out_white(cut: BgrImage, box: GoodsBox, rule: ChannelRule) -> ChannelLayout:
    """Center the goods on pure white, as large as the aimed margin allows, but never enlarged."""
    width, height = rule.size_px
    filling = _fill_scale(rule, box)
    scale = min(1.0, filling)
    soft = min(_SOFT_EDGE_PX, int(rule.aimed_margin_px / scale))
    left, top = max(0, box.left - soft), max(0, box.top - soft)
    part = _scaled(cut[top : box.top + box.height + soft, left : box.left + box.width + soft], scale, rule.size_px)
    at = (width - box.width * scale) / 2, (height - box.height * scale) / 2
    picture = _placed(part, (at[0] - (box.left - left) * scale, at[1] - (box.top - top) * scale), rule.size_px)
    goods = goods_mask(picture)
    around = clear_white_mask(goods, _CLEARED_PX + 1)
    cv2.bitwise_or(picture, cv2.merge([around, around, around]), dst=picture)
    return ChannelLayout(picture, goods, filling)


def lay_out_natural(cut: BgrImage, rule: ChannelRule) -> ChannelLayout:
    """Center the whole cut, as large as the frame allows, with white where the frame is wider or higher."""
    (width, height), (rows, columns) = rule.size_px, cut.shape[:2]
    scale = min(width / columns, height / rows)
    part = _scaled(cut, min(1.0, scale), rule.size_px)
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
    return np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_LINEAR), np.uint8)


def _placed(part: BgrImage, at: tuple[float, float], size: tuple[int, int]) -> BgrImage:
    rows, columns = part.shape[:2]
    left, top = min(max(0, round(at[0])), size[0] - columns), min(max(0, round(at[1])), size[1] - rows)
    picture = np.full((size[1], size[0], 3), WHITE, np.uint8)
    picture[top : top + rows, left : left + columns] = part
    return picture
