"""The mat in a frame: found where it lies, or not at all."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from kiosk.photo.markers import DetectedMat, detect_markers, find_mat
from kiosk.photo.mat import CORNER_MARKERS, INTERIOR, VERSION_MARKER, Box
from tests.photo.stage import Array, Plan, Stage, draw

PAPER = (230, 236, 240)


@pytest.fixture(scope="module")
def bare() -> Stage:
    return draw(Plan(tilt_deg=8.0, roll_deg=2.0))


def covering(*numbers: int) -> Plan:
    """Sheets of paper over corner markers."""
    boxes = [marker.box.grown(-4) for marker in CORNER_MARKERS if marker.number in numbers]
    return Plan(covers=tuple((box, PAPER) for box in boxes))


def seen(frame: Array) -> DetectedMat:
    mat = find_mat(frame)
    assert mat is not None
    return mat


def away_mm(mat: DetectedMat, stage: Stage) -> float:
    """How far, at most, a corner of the interior is taken for another place."""
    places = np.array(INTERIOR.corners).reshape(-1, 1, 2)
    true = cv2.perspectiveTransform(places, stage.to_frame).reshape(-1, 2)
    return float(np.linalg.norm(mat.place(INTERIOR.corners) - true, axis=1).max()) / mat.px_per_mm


def test_the_sheet_is_found_to_a_third_of_a_millimetre(bare: Stage) -> None:
    mat = seen(bare.frame)
    assert sorted(mat.markers) == [0, 1, 2, 3]
    assert away_mm(mat, bare) < 0.35
    assert mat.tilt_deg == pytest.approx(8.0, abs=1.0)


def test_three_markers_are_enough(subtests: pytest.Subtests) -> None:
    for number in [0, 1, 2, 3]:
        with subtests.test(number=number):
            stage = draw(covering(number))
            mat = seen(stage.frame)
            assert sorted(mat.markers) == sorted({0, 1, 2, 3} - {number})
            assert away_mm(mat, stage) < 1.0


def test_two_are_not_enough() -> None:
    frame = draw(covering(1, 3)).frame
    assert find_mat(frame) is None
    assert detect_markers(frame).corner_markers == 2


def test_a_mat_upside_down_is_read_upright() -> None:
    stage = draw(Plan(roll_deg=180.0))
    assert away_mm(seen(stage.frame), stage) < 0.35


def test_a_mirrored_picture_shows_no_mat(bare: Stage) -> None:
    assert find_mat(np.ascontiguousarray(bare.frame[:, ::-1])) is None


def test_a_mat_half_out_of_the_frame_is_not_found() -> None:
    assert find_mat(draw(Plan(shift=(900.0, 0.0))).frame) is None


def test_of_two_prints_of_a_marker_the_one_that_fits_is_taken(bare: Stage) -> None:
    frame = bare.frame.copy()
    x, y = bare_corner(bare, 0)
    marker = frame[y - 90 : y + 90, x - 90 : x + 90]
    frame[460:640, 860:1040] = marker
    mat = seen(frame)
    assert sorted(mat.markers) == [0, 1, 2, 3]
    assert away_mm(mat, bare) < 0.35


def bare_corner(stage: Stage, number: int) -> tuple[int, int]:
    """The middle of a corner marker in the frame."""
    box = CORNER_MARKERS[number].box
    middle = np.array([[[(box.left + box.right) / 2, (box.top + box.bottom) / 2]]])
    x, y = cv2.perspectiveTransform(middle, stage.to_frame).ravel()
    return round(float(x)), round(float(y))


def test_markers_that_do_not_fit_together_are_no_mat(bare: Stage) -> None:
    frame = bare.frame.copy()
    places = [bare_corner(bare, number) for number in (0, 1)]
    parts = [frame[y - 90 : y + 90, x - 90 : x + 90].copy() for x, y in places]
    for (x, y), part in zip(reversed(places), parts, strict=True):
        frame[y - 90 : y + 90, x - 90 : x + 90] = part
    assert find_mat(frame) is None
    assert detect_markers(frame).corner_markers == 4


def test_another_version_is_another_mat(bare: Stage) -> None:
    frame = bare.frame.copy()
    box = VERSION_MARKER.box
    corners = cv2.perspectiveTransform(np.array(box.corners).reshape(-1, 1, 2), bare.to_frame).astype(np.float32)
    drawn = cv2.aruco.generateImageMarker(cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_4X4_50), 11, 120)
    flat = np.array([(0, 0), (120, 0), (120, 120), (0, 120)], np.float32)
    way = cv2.getPerspectiveTransform(flat, corners.reshape(4, 2))
    cv2.warpPerspective(
        cv2.merge((drawn, drawn, drawn)), way, (1920, 1080), dst=frame, borderMode=cv2.BORDER_TRANSPARENT
    )
    assert {number for number, _ in detect_markers(frame).prints} == {0, 1, 2, 3, 11}
    assert find_mat(frame) is None


def test_edges_rise_over_as_many_pixels_as_the_lens_blurs() -> None:
    rises = [seen(draw(Plan(blur=blur)).frame).edge_rise_px for blur in (0.5, 1.0, 1.7, 3.0)]
    assert rises == sorted(rises)
    assert rises[0] < 2.6 < rises[1] < rises[2]
    assert rises[2] > 4
    assert rises[3] == pytest.approx(2.56 * 3.0, rel=0.25)


def test_motion_in_one_direction_is_seen() -> None:
    frame = draw(Plan()).frame
    dragged = cv2.blur(frame, (9, 1))
    assert seen(dragged).edge_rise_px > 2 * seen(frame).edge_rise_px


def test_noise_and_nothing_show_no_mat() -> None:
    rng = np.random.default_rng(1)
    assert find_mat(rng.integers(0, 256, (540, 960, 3), np.uint8)) is None
    assert find_mat(np.zeros((1, 1, 3), np.uint8)) is None
    assert find_mat(np.full((40, 3000, 3), 255, np.uint8)) is None


def test_what_the_frame_does_not_show_is_known(bare: Stage) -> None:
    mat = seen(bare.frame)
    assert mat.shows(INTERIOR, 1920, 1080)
    assert not mat.shows(INTERIOR, 1300, 1080)
    assert not mat.shows(Box(-200, -200, 10, 10), 1920, 1080)


def test_a_larger_picture_has_more_pixels_a_millimetre(bare: Stage) -> None:
    large = draw(replace(Plan(), frame_size=(2560, 1440)))
    assert seen(large.frame).px_per_mm == pytest.approx(seen(bare.frame).px_per_mm * 4 / 3, rel=0.1)
