"""From a shot to its verdict, and the pictures that are kept."""

from __future__ import annotations

import io
from dataclasses import replace

import cv2
import numpy as np
import pytest
from PIL import Image

from kiosk.domain.verdict import Reason
from kiosk.photo.arrays import BgrImage
from kiosk.photo.channels.picture import box_in
from kiosk.photo.codec import encode_jpeg
from kiosk.photo.faces import DetectedFace
from kiosk.photo.mat import INTERIOR, PATCHES, VERSION_MARKER, Box
from kiosk.photo.pictures import likeness
from kiosk.photo.pipeline import Inspection, inspect, inspect_bytes
from kiosk.simulators.camera.goods.layout import GoodsLayout
from kiosk.simulators.camera.goods.produce import Arrangement
from kiosk.simulators.camera.simulator import SceneView, draw_view
from kiosk.simulators.camera.stage import draw_frame
from kiosk.station.counter.listings import NEAR_BITS
from tests.depth import TORTURE, many
from tests.photo.scenes import bits_apart
from tests.photo.stage import Array, Lump, Plan, Stage, draw, fruit, overlap, random_plan
from tests.simulators.camera.plans import plan_of

APPLE = fruit("apple", (-40.0, 0.0), (45.0, 10.0), size=72.0)
SKIN = (128, 160, 205)
MIDDLE = (INTERIOR.left + INTERIOR.width / 2, INTERIOR.top + INTERIOR.height / 2)


class NoFaces:
    """A detector that sees nobody: looking for people is not what most of these tests are about."""

    def find(self, frame: BgrImage) -> tuple[DetectedFace, ...]:
        return ()


def judge(plan: Plan) -> Inspection:
    return inspect(draw(plan).frame, faces=NoFaces())


def reasons(inspection: Inspection) -> set[Reason]:
    return {finding.reason for finding in inspection.verdict.findings}


@pytest.fixture(scope="module")
def stage() -> Stage:
    return draw(APPLE)


@pytest.fixture(scope="module")
def good(stage: Stage) -> Inspection:
    return inspect(stage.frame)


def test_a_good_shot_is_accepted_and_measured(stage: Stage, good: Inspection) -> None:
    assert good.verdict.accepted
    assert good.measures is not None and good.cutout is not None
    assert good.cutout.shape == (1200, 1680)
    assert overlap(good.cutout, stage.mask) >= 0.95
    assert good.measures.pieces == 2
    assert good.measures.coverage_bp == pytest.approx(10_000 * np.mean(stage.mask > 0), rel=0.05)
    assert all(isinstance(value, float | int) for value in good.metrics.values())


def test_the_master_is_on_white_and_fills_its_square(good: Inspection) -> None:
    master = good.master
    assert master is not None and master.shape == (832, 832, 3)
    assert (master[:40] == 255).all() and (master[:, :50] == 255).all()
    there = np.argwhere((master < 200).any(axis=2))
    sides = there.max(axis=0) - there.min(axis=0) + 1
    assert max(sides) == pytest.approx(0.85 * 832, rel=0.02)
    assert there.mean(axis=0) == pytest.approx((416, 416), abs=30)


def test_the_natural_picture_keeps_the_grey_and_the_shadow(good: Inspection) -> None:
    natural = good.natural
    assert natural is not None and natural.shape == (832, 832, 3)
    assert (natural[:20] == 119).all()
    ground = natural[(natural[..., 0] == natural[..., 1]) & (natural[..., 1] == natural[..., 2])]
    assert ground.min() < 100, "there is a shadow"


def test_an_upside_down_mat_gives_the_same_picture(good: Inspection) -> None:
    turned = judge(replace(APPLE, roll_deg=180.0))
    assert turned.verdict.accepted
    assert turned.master is not None and good.master is not None
    first, second = (_goods_of(one) for one in (turned.master, good.master))
    assert np.abs(first.astype(int) - second).mean() < 8
    assert bits_apart(likeness(turned.master), likeness(good.master)) <= NEAR_BITS


def _goods_of(master: Array) -> Array:
    """In one size, for the camera stands higher over one of them."""
    box = box_in(master)
    assert box is not None
    part = master[box.top : box.top + box.height, box.left : box.left + box.width]
    return cv2.resize(part, (400, 200), interpolation=cv2.INTER_AREA)


WRONG = [
    (Reason.TILT, replace(APPLE, tilt_deg=31.0), False),
    (Reason.BLUR, replace(APPLE, blur=2.2), False),
    (Reason.BANDING, replace(APPLE, stripes=0.25), False),
    (Reason.DARK, replace(APPLE, light=0.1), True),
    (Reason.BRIGHT, replace(APPLE, light=2.6), False),
    (Reason.CAST, replace(APPLE, light=1.0, cast=(0.03, 0.4, 1.2)), False),
    (Reason.EMPTY, Plan(), True),
    (Reason.SMALL, fruit("apple", size=38.0), True),
    (Reason.FRAMING, fruit("apple", (-104.0, 0.0), size=70.0), True),
    (Reason.HAND, replace(APPLE, covers=((Box(200, 180, 60, 117), SKIN),)), False),
    (Reason.MAT, replace(APPLE, shift=(900.0, 0.0)), True),
]
IN_OTHER_WAYS = [
    (Reason.CAST, replace(APPLE, covers=tuple((patch.box.grown(2), (20, 30, 190)) for patch in PATCHES)), False),
    (Reason.FRAMING, replace(fruit("apple"), lumps=(Lump(*MIDDLE, 262, 182, (40, 60, 170), flat=True),)), False),
    (Reason.HAND, replace(APPLE, covers=((Box(300, 130, 120, 40), (40, 40, 160)),)), False),
]


def test_what_is_wrong_is_named_with_its_value(subtests: pytest.Subtests) -> None:
    for reason, plan, below in [*WRONG, *(IN_OTHER_WAYS if TORTURE else ())]:
        with subtests.test(reason=reason, plan=plan, below=below):
            inspection = judge(plan)
            finding = next((one for one in inspection.verdict.findings if one.reason is reason), None)
            assert finding is not None, str(inspection.verdict)
            assert finding.value < finding.limit if below else finding.value > finding.limit
            kept = inspection.master is not None
            assert kept == inspection.verdict.may_be_overruled


def test_all_reasons_are_named_at_once() -> None:
    inspection = judge(replace(fruit("apple", (-104.0, 0.0)), blur=2.2, tilt_deg=30.0))
    assert {Reason.BLUR, Reason.TILT, Reason.FRAMING} <= reasons(inspection)


FIRST = [
    (SceneView("badam", hand=True), Reason.HAND),
    (SceneView("badam", hand=True, banding=True), Reason.HAND),
    (SceneView("badam", blur=True), Reason.BLUR),
    (SceneView("badam", black=True), Reason.DARK),
    (SceneView("badam", dark=True, blur=True), Reason.DARK),
    (SceneView("empty", bright=True, tilt=True), Reason.EMPTY),
    (SceneView("badam", banding=True), Reason.BANDING),
]


def test_what_must_be_done_first_is_named_first(subtests: pytest.Subtests) -> None:
    for view, first in FIRST:
        with subtests.test(view=view, first=first):
            inspection = inspect(draw_view(view), faces=NoFaces())
            assert inspection.verdict.findings[0].reason is first, inspection.verdict
            if view.hand:
                assert Reason.BANDING not in reasons(inspection), "its edge and its shadow pass for stripes"


def test_a_person_and_a_hand_come_before_everything_else() -> None:
    found = inspect(draw_view(SceneView("badam", hand=True, face=True))).verdict.findings
    assert [one.reason for one in found[:2]] == [Reason.FACE, Reason.HAND]


def test_a_mat_of_which_nothing_is_seen_is_put_there_before_the_lens_is_wiped() -> None:
    frame = cv2.GaussianBlur(draw_view(SceneView("badam")), (0, 0), 12)
    frame[:300], frame[-300:], frame[:, :500], frame[:, -500:] = 120, 120, 120, 120
    found = [one.reason for one in inspect(frame, faces=NoFaces()).verdict.findings]
    assert found == [Reason.MAT, Reason.BLUR]


def test_a_lamp_mirrored_in_the_goods_is_glare(stage: Stage) -> None:
    frame = stage.frame.copy()
    cv2.circle(frame, (830, 530), 16, (255, 255, 255), -1, cv2.LINE_AA)
    assert reasons(inspect(frame, faces=NoFaces())) == {Reason.GLARE}


def test_a_lamp_that_breaks_up_on_the_skin_of_a_single_fruit_is_glare() -> None:
    for seed in (6, 7, 12)[: many(1, torture=3)]:
        plan = plan_of(seed)
        one = replace(
            plan,
            goods=GoodsLayout("orange", Arrangement.ONE, turn=plan.goods.turn, place=plan.goods.place, number=seed),
        )
        assert inspect(draw_frame(one), faces=NoFaces()).verdict.accepted, seed
        assert reasons(inspect(draw_frame(replace(one, glare=0.05)), faces=NoFaces())) == {Reason.GLARE}, seed


def test_a_white_label_in_good_light_is_no_glare() -> None:
    for seed in (20, 0, 4)[: many(1, torture=3)]:
        plan = plan_of(seed)
        jar = GoodsLayout("honey", Arrangement.ONE, turn=plan.goods.turn, place=plan.goods.place, number=seed)
        frame = draw_frame(replace(plan, goods=jar, light=replace(plan.light, level=1.0)))
        assert inspect(frame, faces=NoFaces()).verdict.accepted, seed


def test_one_covered_patch_or_marker_spoils_nothing() -> None:
    for box in (PATCHES[1].box, Box(12, 12, 36, 36), VERSION_MARKER.box):
        assert judge(replace(APPLE, covers=((box, (200, 220, 230)),))).verdict.accepted


def test_what_the_mat_stands_for_is_never_outside_the_frame() -> None:
    inspection = judge(replace(APPLE, shift=(0.0, 270.0)))
    assert reasons(inspection) & {Reason.MAT}
    assert inspection.master is None


def test_a_face_anywhere_leaves_no_picture() -> None:
    inspection = inspect(draw_view(SceneView("walnut", face=True)))
    assert reasons(inspection) == {Reason.FACE}
    assert inspection.master is None and inspection.natural is None and inspection.cutout is None


def test_a_face_is_looked_for_without_a_mat_too() -> None:
    frame = draw_view(SceneView("empty", face=True))
    frame[:, :1500] = 90
    inspection = inspect(frame)
    assert reasons(inspection) == {Reason.FACE, Reason.MAT}


def test_of_a_burst_the_sharpest_is_judged(stage: Stage) -> None:
    soft = cv2.GaussianBlur(stage.frame, (0, 0), 3).astype(np.uint8)
    assert Reason.BLUR in reasons(inspect(soft, faces=NoFaces()))
    burst = inspect(soft, others=[stage.frame, np.zeros((5, 5, 3), np.uint8)], faces=NoFaces())
    assert burst.verdict.accepted
    assert burst.metrics["motion_levels"] < 2


def test_what_moves_between_two_frames_is_motion(stage: Stage) -> None:
    moved = draw(fruit("apple", (-20.0, 8.0), (65.0, 10.0), size=72.0)).frame
    assert Reason.MOTION in reasons(inspect(stage.frame, others=[moved], faces=NoFaces()))
    darker = cv2.convertScaleAbs(stage.frame, alpha=0.93).astype(np.uint8)
    assert inspect(stage.frame, others=[darker], faces=NoFaces()).verdict.accepted, "a lamp may change a little"


def shapes() -> list[Array]:
    rng = np.random.default_rng(3)
    return [
        np.zeros((0, 0, 3), np.uint8),
        np.zeros((1, 1, 3), np.uint8),
        np.zeros((1, 4000, 3), np.uint8),
        np.full((900, 2, 3), 200, np.uint8),
        np.zeros((480, 640, 3), np.uint8),
        np.full((480, 640, 3), 255, np.uint8),
        np.full((480, 640, 3), 119, np.uint8),
        rng.integers(0, 256, (270, 480, 3), np.uint8),
        rng.integers(0, 256, (5000, 8000, 3), np.uint8)[::4, ::4],
        np.full((5000, 8000, 3), 119, np.uint8),
    ]


def test_no_picture_is_an_error() -> None:
    for frame in shapes():
        inspection = inspect(frame)
        assert not inspection.verdict.accepted, frame.shape
        assert inspection.master is None


def test_parts_of_a_good_shot_are_a_verdict_too(stage: Stage) -> None:
    rng = np.random.default_rng(11)
    for _ in range(many(8, torture=400, quick=2)):
        left, top = rng.integers(0, 1200), rng.integers(0, 700)
        frame = stage.frame[top : top + rng.integers(1, 1080), left : left + rng.integers(1, 1920)]
        inspect(frame, faces=NoFaces())
        inspect(np.ascontiguousarray(frame)[:, ::-1], faces=NoFaces())


def test_a_frame_is_judged_alike_however_it_lies_in_memory(stage: Stage, good: Inspection) -> None:
    wide = np.zeros((1080, 2000, 3), np.uint8)
    wide[:, 40:1960] = stage.frame
    again = inspect(wide[:, 40:1960])
    assert again.verdict == good.verdict and again.measures == good.measures
    assert again.master is not None and np.array_equal(again.master, good.master)


def test_a_small_picture_shows_too_little(stage: Stage) -> None:
    small = cv2.resize(stage.frame, (640, 360), interpolation=cv2.INTER_AREA).astype(np.uint8)
    assert Reason.BLUR in reasons(inspect(small, faces=NoFaces()))


def test_a_large_picture_is_as_good(stage: Stage) -> None:
    large = cv2.resize(stage.frame, (4800, 2700), interpolation=cv2.INTER_CUBIC).astype(np.uint8)
    assert inspect(large, faces=NoFaces()).verdict.accepted


def test_bytes_are_judged_like_pixels(stage: Stage, good: Inspection) -> None:
    inspection = inspect_bytes(encode_jpeg(stage.frame))
    assert inspection.verdict.accepted
    assert inspection.measures is not None and good.measures is not None
    assert inspection.measures.length_mm == pytest.approx(good.measures.length_mm, abs=1)


def saved(frame: Array, mode: str, **options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(frame[..., ::-1])).convert(mode).save(stream, "JPEG", quality=92, **options)
    return stream.getvalue()


def test_a_picture_that_lies_on_its_side_is_read_upright(stage: Stage) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    inspection = inspect_bytes(saved(np.rot90(stage.frame), "RGB", exif=exif))
    assert inspection.verdict.accepted


def test_grey_and_printers_colors_are_judged_not_refused(stage: Stage) -> None:
    assert Reason.UNREADABLE not in reasons(inspect_bytes(saved(stage.frame, "L")))
    assert Reason.UNREADABLE not in reasons(inspect_bytes(saved(stage.frame, "CMYK")))


def test_bytes_that_are_no_picture_are_unreadable(stage: Stage) -> None:
    jpeg = encode_jpeg(stage.frame)
    for data in (b"", b"GIF89a" + bytes(50), jpeg[: len(jpeg) // 2], jpeg[100:], b"\x89PNG\r\n\x1a\n" + bytes(99)):
        inspection = inspect_bytes(data)
        assert reasons(inspection) == {Reason.UNREADABLE}
        assert not inspection.verdict.may_be_overruled


def test_scenes_are_judged_right() -> None:
    """White and very dark goods, one piece and several, lamps and cameras as they may be."""
    overlaps, refused = [], []
    number = many(2, torture=500)
    for seed in range(number):
        stage = draw(random_plan(seed))
        inspection = inspect(stage.frame)
        if not inspection.verdict.accepted:
            refused.append((seed, inspection.verdict))
        elif inspection.cutout is not None:
            overlaps.append(overlap(inspection.cutout, stage.mask))
    assert len(refused) <= number * 0.05, str(refused)
    assert np.mean(overlaps) >= 0.95
    assert min(overlaps) >= 0.85
