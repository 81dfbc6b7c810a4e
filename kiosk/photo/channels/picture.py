"""A channel's picture from a cut of the goods, or every reason why there is none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import cv2
import numpy as np

from kiosk.photo.arrays import BgrImage
from kiosk.photo.channels.layout import (
    FAR_PX,
    WHITE,
    ChannelLayout,
    box_in,
    box_of,
    clear_white_mask,
    lay_out_natural,
    lay_out_white,
    lowest,
)
from kiosk.photo.channels.rules import ChannelRule
from kiosk.photo.codec import JPEG_QUALITY, decode_picture, encode_jpeg

MIN_QUALITY, MAX_QUALITY = 70, 100  # Below 70 the blocks of JPEG are seen on a smooth skin
MAX_ENCODINGS: Final = 8
# Percent: beyond it a picture looks soft beside those of other sellers. A master as it should be needs 118 at most.
MAX_ENLARGED_PERCENT: Final = 150


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
    laid_out = lay_out_natural(cut, rule) if rule.cut == "natural" else _on_white(cut, rule)
    findings = [*_too_enlarged(laid_out), *_out_of_frame(laid_out, rule)]
    data, quality = _encode(laid_out.picture, rule)
    findings += [*_out_of_bytes(data, rule), *_not_white(data, laid_out, rule)]
    if findings:
        raise ChannelRefused(rule.channel, tuple(findings))
    width, height = rule.size_px
    return ChannelPicture(data, width, height, quality)


def make_picture_from_jpeg(jpeg: bytes, rule: ChannelRule) -> ChannelPicture:
    """As ``make_picture``, of a cut that comes as a file. Raises PictureRefused also, for a file that is no picture."""
    return make_picture(decode_picture(jpeg), rule)


def _on_white(cut: BgrImage, rule: ChannelRule) -> ChannelLayout:
    edge = int(min(line.min() for line in (cut[0], cut[-1], cut[:, 0], cut[:, -1])))
    if edge < WHITE:
        raise ChannelRefused(rule.channel, (ChannelFinding(ChannelReason.NOT_ON_WHITE, edge, WHITE),))
    box = box_in(cut)
    if box is None:
        raise ChannelRefused(rule.channel, (ChannelFinding(ChannelReason.NO_GOODS, 0, max(1, rule.least_goods_px)),))
    return lay_out_white(cut, box, rule)


def _too_enlarged(laid_out: ChannelLayout) -> Iterator[ChannelFinding]:
    percent = round(laid_out.enlarged * 100)
    if percent > MAX_ENLARGED_PERCENT:
        yield ChannelFinding(ChannelReason.ENLARGED, percent, MAX_ENLARGED_PERCENT)


def _out_of_frame(laid_out: ChannelLayout, rule: ChannelRule) -> Iterator[ChannelFinding]:
    if rule.margin_px is None:
        return
    box = box_of(laid_out.goods)
    longer, margin = (box.longer, box.margin(rule.size_px)) if box else (0, min(rule.size_px) // 2)
    if longer < rule.least_goods_px:
        yield ChannelFinding(ChannelReason.GOODS_SMALL, longer, rule.least_goods_px)
    if margin < rule.margin_px[0]:
        yield ChannelFinding(ChannelReason.MARGIN_SMALL, margin, rule.margin_px[0])
    if margin > rule.margin_px[1]:
        yield ChannelFinding(ChannelReason.MARGIN_LARGE, margin, rule.margin_px[1])


def _encode(picture: BgrImage, rule: ChannelRule) -> tuple[bytes, int]:
    """The file and its quality: the usual one, else the nearest to it with which the bytes are right.

    At most MOST_ENCODINGS tries, as a search by halves takes 6 of the 31 qualities. When none is right, the outermost.
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
    """Judged on the pixels that others will decode."""
    if rule.background != "white":
        return
    shown = np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), np.uint8)
    far = lowest(shown, clear_white_mask(laid_out.goods, FAR_PX))
    if far < WHITE:
        yield ChannelFinding(ChannelReason.NOT_ON_WHITE, far, WHITE)
