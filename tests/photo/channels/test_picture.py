"""Every channel's picture is judged as the channel would: from its bytes, beside the goods that were drawn."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from functools import cache, lru_cache

import cv2
import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.photo.channels import picture as module
from kiosk.photo.channels.picture import (
    MAX_ENCODINGS,
    MIN_QUALITY,
    ChannelPicture,
    ChannelReason,
    ChannelRefused,
    make_picture,
    make_picture_from_jpeg,
)
from kiosk.photo.channels.rules import ChannelRule, shipped_rules
from kiosk.photo.codec import encode_jpeg
from kiosk.photo.picture_header import PictureRefused, jpeg_segments, read_header
from tests.depth import TORTURE, many
from tests.photo.channels.goods import SHAPES, Goods, goods, painted, tiny

DAY = date(2026, 12, 1)
CHANNELS = shipped_rules().channels
FAR_PX = 20


def seen_on(channels: Iterable[str]) -> list[tuple[str, str]]:
    """Each channel with every third shape, with others from channel to channel; in torture with each."""
    turns = list(CHANNELS)
    return [
        (channel, shape)
        for channel in channels
        for number, shape in enumerate(SHAPES)
        if TORTURE or (turns.index(channel) + number) % 3 == 0
    ]


def rule(channel: str, **changes: object) -> ChannelRule:
    return msgspec.structs.replace(shipped_rules().on(channel, DAY), **changes)


@cache
def drawn(shape: str) -> Goods:
    return goods(shape)


@cache
def made(channel: str, shape: str) -> tuple[ChannelPicture, ChannelRule]:
    """The picture, and the rule with the frame that it ought to have."""
    wanted, here = rule(channel), drawn(shape)
    picture = make_picture(here.natural if wanted.cut == "natural" else here.master, wanted)
    wanted = framed(wanted, here)
    assert picture.width == pytest.approx(wanted.size_px[0], abs=3)
    return picture, msgspec.structs.replace(wanted, size_px=(picture.width, picture.height))


def framed(wanted: ChannelRule, here: Goods) -> ChannelRule:
    """Smaller where the goods would be enlarged, which only the small ones are, and only in the largest frames."""
    share = 1 / aimed_scale(here, wanted) if wanted.cut == "white" else 1.0
    if share >= 1 or wanted.least_px >= wanted.size_px:
        return wanted
    side = -int(-max(wanted.size_px[0] * share, wanted.least_px[0]) // 1)
    assert wanted.margin_px is not None
    margin = int(wanted.margin_px[0] * share), -int(-wanted.margin_px[1] * share // 1)
    return msgspec.structs.replace(wanted, size_px=(side, side), margin_px=margin)


@lru_cache(maxsize=2)
def pixels(data: bytes) -> np.ndarray:
    shown = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert shown is not None
    return shown


def darkest(shown: np.ndarray) -> np.ndarray:
    """Of the three values of each pixel."""
    return np.minimum(np.minimum(shown[..., 0], shown[..., 1]), shown[..., 2])


def aimed_scale(here: Goods, wanted: ChannelRule) -> float:
    _, _, width, height = here.box
    free = 2 * wanted.aimed_margin_px
    return min((wanted.size_px[0] - free) / width, (wanted.size_px[1] - free) / height)


def expected_cover(here: Goods, wanted: ChannelRule) -> np.ndarray:
    """The goods that were drawn, centered and enlarged for this frame."""
    scale = aimed_scale(here, wanted)
    left, top, width, height = here.box
    turn = np.float32(
        [
            [scale, 0, wanted.size_px[0] / 2 - (left + width / 2) * scale],
            [0, scale, wanted.size_px[1] / 2 - (top + height / 2) * scale],
        ]
    )
    return cv2.warpAffine(here.cover, turn, wanted.size_px, flags=cv2.INTER_AREA)


def shown_box(picture: ChannelPicture) -> tuple[int, int, int, int]:
    """Left, top, width and height of what is seen; single pixels are what JPEG leaves beside an edge."""
    inked = (darkest(pixels(picture.data)) < 245).astype(np.uint8)
    left, top, width, height = cv2.boundingRect(cv2.medianBlur(inked, 3))
    return left, top, width, height


def found(channel: str, cut: np.ndarray, **changes: object) -> dict[ChannelReason, tuple[int, int]]:
    with pytest.raises(ChannelRefused) as refused:
        make_picture(cut, rule(channel, **changes))
    assert refused.value.channel == channel
    return {row.reason: (row.value, row.limit) for row in refused.value.findings}


def test_size_format_and_bytes_are_the_channel_s(subtests: pytest.Subtests) -> None:
    for channel, shape in seen_on(CHANNELS):
        with subtests.test(channel=channel, shape=shape):
            picture, wanted = made(channel, shape)
            header = read_header(picture.data)
            assert header.kind == "jpeg"
            assert (header.width, header.height) == (picture.width, picture.height) == wanted.size_px
            assert wanted.least_bytes <= len(picture.data) <= wanted.most_bytes
            assert all(least <= side <= most for least, side, most in zip(
                wanted.least_px, wanted.size_px, wanted.most_px, strict=True))  # fmt: skip
            markers = {segment.marker for segment in jpeg_segments(picture.data)}
            assert markers & {*range(0xE1, 0xF0), 0xFE} == set(), "it tells more than the picture"


def test_far_from_the_goods_white_is_exactly_white(subtests: pytest.Subtests) -> None:
    for channel, shape in seen_on(c for c in CHANNELS if rule(c).background == "white"):
        with subtests.test(channel=channel, shape=shape):
            picture, wanted = made(channel, shape)
            goods_there = (expected_cover(drawn(shape), wanted) > 5).astype(np.uint8)
            far = cv2.distanceTransform(1 - goods_there, cv2.DIST_L2, cv2.DIST_MASK_PRECISE) >= FAR_PX
            shown = pixels(picture.data)
            assert darkest(shown)[far].min(initial=255) == 255
            assert far.any() or (channel, shape) == ("jd", "filling"), "there is none in that one alone"


def test_goods_are_centered_whole_unstretched_and_have_their_margin(subtests: pytest.Subtests) -> None:
    for channel, shape in seen_on(c for c in CHANNELS if rule(c).cut == "white"):
        with subtests.test(channel=channel, shape=shape):
            picture, wanted = made(channel, shape)
            assert wanted.margin_px is not None
            left, top, width, height = shown_box(picture)
            right, bottom = picture.width - left - width, picture.height - top - height
            assert abs(left - right) <= 4
            assert abs(top - bottom) <= 4
            assert wanted.margin_px[0] <= min(left, top, right, bottom) <= wanted.margin_px[1]
            scale, (_, _, wide, high) = aimed_scale(drawn(shape), wanted), drawn(shape).box
            assert abs(width - wide * scale) <= 5
            assert abs(height - high * scale) <= 5
            assert max(width, height) >= wanted.least_goods_px


def test_what_the_goods_look_like_does_not_change(subtests: pytest.Subtests) -> None:
    for shape in SHAPES:
        with subtests.test(shape=shape):
            picture, wanted = made("generic", shape)
            there = expected_cover(drawn(shape), wanted) > 252
            here = drawn(shape).cover > 252
            before = drawn(shape).master[here].mean(axis=0)
            assert np.abs(pixels(picture.data)[there].mean(axis=0) - before).max() < 2.5


def test_jd_has_its_longer_side_at_most_10_px_from_the_edge() -> None:
    for shape in SHAPES:
        left, top, width, height = shown_box(made("jd", shape)[0])
        assert max(width, height) >= 780, shape
        assert min(left, top) <= 10, shape


def test_the_natural_cut_stays_as_it_is() -> None:
    picture, wanted = made("pinduoduo_detail", "round")
    small = cv2.resize(drawn("round").natural, wanted.size_px, interpolation=cv2.INTER_AREA)
    assert np.abs(pixels(picture.data).astype(int) - small).mean() < 2


def test_a_frame_that_is_no_square_has_white_beside_the_natural_cut() -> None:
    wide = rule("pinduoduo_detail", size_px=(1200, 800))
    shown = pixels(make_picture(drawn("round").natural, wide).data)
    assert shown.shape == (800, 1200, 3)
    assert shown[:, :180].min() == shown[:, -180:].min() == 255
    assert shown[:, 220:980].min(axis=2).mean() < 200
    high = rule("pinduoduo_detail", size_px=(800, 1200))
    assert pixels(make_picture(drawn("round").natural, high).data)[:180].min() == 255


def test_a_master_that_was_a_jpeg_gives_the_same_picture() -> None:
    """The sorting center has nothing but the file."""
    for shape in ("leaves", "white", "pieces"):
        again = encode_jpeg(drawn(shape).master)
        for channel in ("taobao_white", "jd", "pinduoduo_home", "google_merchant"):
            first, second = made(channel, shape)[0], make_picture_from_jpeg(again, rule(channel))
            assert np.abs(pixels(first.data).astype(int) - pixels(second.data)).mean() < 1.5, (shape, channel)


def test_a_master_that_is_no_picture_is_refused() -> None:
    with pytest.raises(PictureRefused):
        make_picture_from_jpeg(b"no picture", rule("jd"))


def test_a_file_that_is_too_small_is_written_better_and_never_more_than_needed() -> None:
    smooth = painted(_disc(), (200, 60, 40), noise=0.0).master
    wanted = rule("taobao_white")
    picture = make_picture(smooth, wanted)
    assert picture.quality > 92
    assert len(picture.data) >= wanted.least_bytes
    assert len(encode_jpeg(pixels_before(smooth, wanted), picture.quality - 1, full_color=True)) < wanted.least_bytes


def pixels_before(cut: np.ndarray, wanted: ChannelRule) -> np.ndarray:
    from kiosk.photo.channels.picture import box_of, goods_mask, lay_out_white

    box = box_of(goods_mask(cut))
    assert box is not None
    return lay_out_white(cut, box, wanted).picture


def _disc() -> np.ndarray:
    mask = np.zeros((1600, 1600), np.uint8)
    return cv2.circle(mask, (800, 800), 680, 255, -1, cv2.LINE_AA)


def test_a_file_that_is_too_large_is_written_less_well_and_never_less_than_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried: list[int] = []

    def counted(image: np.ndarray, quality: int, full_color: bool) -> bytes:
        tried.append(quality)
        return encode_jpeg(image, quality, full_color)

    monkeypatch.setattr(module, "encode_jpeg", counted)
    wanted = rule("generic", most_bytes=160_000)
    picture = make_picture(drawn("filling").master, wanted)
    assert MIN_QUALITY <= picture.quality < 92
    assert len(picture.data) <= 160_000
    assert len(tried) <= MAX_ENCODINGS
    again = encode_jpeg(pixels_before(drawn("filling").master, wanted), picture.quality + 1, full_color=True)
    assert len(again) > 160_000


def test_bytes_that_cannot_be_kept_are_a_reason() -> None:
    few = found("generic", drawn("round").master, least_bytes=3_000_000, most_bytes=4_000_000)
    assert few[ChannelReason.BYTES_FEW][1] == 3_000_000
    many = found("generic", drawn("filling").master, most_bytes=20_000)
    assert many[ChannelReason.BYTES_MANY][0] > many[ChannelReason.BYTES_MANY][1] == 20_000


def test_every_reason_is_given_at_once() -> None:
    reasons = found("taobao_white", tiny().master, least_bytes=290_000)
    assert set(reasons) == {ChannelReason.ENLARGED, ChannelReason.GOODS_SMALL, ChannelReason.BYTES_FEW}
    percent, limit = reasons[ChannelReason.ENLARGED]
    assert 500 < percent < 600
    assert limit == 200


@settings(max_examples=many(20, torture=300), deadline=None)
@given(st.integers(180, 700), st.sampled_from([one for one in CHANNELS if rule(one).cut == "white"]))
def test_goods_are_never_enlarged(longer: int, channel: str) -> None:
    """They fill less of the least frame that the channel takes; half of their part at least."""
    master = np.full((800, 800, 3), 255, np.uint8)
    cv2.ellipse(master, (400, 400), (longer // 2, longer // 3), 0, 0, 360, (40, 60, 200), -1)
    wanted = rule(channel)
    try:
        picture = make_picture(master, wanted)
    except ChannelRefused as refused:
        reasons = {row.reason for row in refused.findings}
        assert ChannelReason.ENLARGED in reasons or reasons <= {ChannelReason.BYTES_FEW, ChannelReason.GOODS_SMALL}
        return
    _, _, width, _ = shown_box(picture)
    assert width <= longer + 6
    size = (picture.width, picture.height)
    assert all(least <= side <= usual for least, side, usual in zip(wanted.least_px, size, wanted.size_px, strict=True))
    if size > wanted.least_px:
        assert width >= 0.85 * min(longer, picture.width * 0.8), "the frame is no larger than it has to be"


def test_nothing_and_what_is_not_on_white_have_no_picture() -> None:
    assert found("jd", np.full((1600, 1600, 3), 255, np.uint8)) == {ChannelReason.NO_GOODS: (0, 1)}
    assert ChannelReason.NOT_ON_WHITE in found("jd", drawn("round").natural)
    touching = drawn("round").master.copy()
    touching[:40, 700:900] = 90
    assert found("generic", touching) == {ChannelReason.NOT_ON_WHITE: (90, 255)}


def test_goods_that_are_too_small_or_too_near_to_the_edge_are_a_reason() -> None:
    assert ChannelReason.GOODS_SMALL in found("taobao_white", drawn("round").master, least_goods_px=790)
    assert ChannelReason.MARGIN_SMALL in found("jd", drawn("round").master, margin_px=(100, 20))
    assert ChannelReason.MARGIN_LARGE in found("jd", drawn("round").master, margin_px=(100, 20))


def test_a_refusal_reads_well() -> None:
    with pytest.raises(ChannelRefused, match=r"^jd: no_goods: 0, limit 1$"):
        make_picture(np.full((1600, 1600, 3), 255, np.uint8), rule("jd"))
