"""The mat on paper: drawn by a program of another family, and measured with a ruler."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from playwright.sync_api import Browser, Playwright

from kiosk.cli.kiosk import main
from kiosk.domain.verdict import Reason
from kiosk.photo.arrays import BgrImage
from kiosk.photo.mat import CORNER_MARKERS, FIELD_GREY, INTERIOR, PATCHES, SCALE_BAR, VERSION_MARKER, Box
from kiosk.photo.pipeline import inspect
from tests.cli.photo.paper import PX_PER_MM, Paper, drawn, viewer

WITHIN_MM = 0.2
A3, A4 = (420.0, 297.0), (210.0, 297.0)
LEFT_OF_HALVES = 5.0
"""The halves begin 5 mm from the edge of the sheet, and meet at half its width."""


@pytest.fixture(scope="module")
def browser(driver: Playwright) -> Iterator[Browser]:
    with viewer(driver) as browser:
        yield browser


def written(folder: Path, paper: str) -> Path:
    path = folder / f"{paper}.pdf"
    done = CliRunner().invoke(main, ["photo", "mat", "--out", str(path), "--paper", paper])
    assert (done.exit_code, done.output) == (0, "")
    return path


def glued(left: Paper, right: Paper) -> Paper:
    """The right half is cut along the seam, 5 mm from its edge, and laid on the line of the left one."""
    cut = round(LEFT_OF_HALVES * PX_PER_MM)
    return Paper(np.hstack([left.grey[:, : left.grey.shape[1] - cut], right.grey[:, cut:]]))


def markers(paper: Paper) -> dict[int, np.ndarray]:
    """Number and corners in millimeters of the paper of every marker that is found."""
    detector = cv2.aruco.ArucoDetector(cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_4X4_50))
    detector.setDetectorParameters(_refined())
    table = 20  # pixels: a sheet does not end where the picture does
    corners, numbers, _ = detector.detectMarkers(
        cv2.copyMakeBorder(paper.grey, *[table] * 4, cv2.BORDER_CONSTANT, value=90)
    )
    assert numbers is not None
    return {int(number[0]): paper.mm(square[0] - table) for number, square in zip(numbers, corners, strict=True)}


def _refined() -> cv2.aruco.DetectorParameters:
    parameters = cv2.aruco.DetectorParameters()
    parameters.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_SUBPIX
    return parameters


def level(paper: Paper, box: Box, left: float) -> float:
    """Mean gray of a place of the sheet."""
    inner = box.grown(-1.5)
    rows = slice(round(inner.top * PX_PER_MM), round(inner.bottom * PX_PER_MM))
    columns = slice(round((inner.left - left) * PX_PER_MM), round((inner.right - left) * PX_PER_MM))
    return float(paper.grey[rows, columns].mean())


def bar_ends(paper: Paper) -> tuple[float, float]:
    """Where the scale bar begins and ends, in millimeters of the paper: half of a pixel that is half black counts."""
    row = paper.grey[round((SCALE_BAR.top + SCALE_BAR.height / 2) * PX_PER_MM)].astype(float)
    ink = np.clip((FIELD_GREY - row) / FIELD_GREY, 0, 1)
    middle = len(ink) // 2
    reach = round(70 * PX_PER_MM)
    part = ink[middle - reach : middle + reach]
    first, last = np.flatnonzero(part > 0.98)[[0, -1]]
    start, stop = first - part[first - 1], last + 1 + part[last + 1]
    return (middle - reach + start) / PX_PER_MM, (middle - reach + stop) / PX_PER_MM


def judge(paper: Paper, left: float) -> None:
    """Everything that is measured stands within 0.2 mm; ``left`` is where the paper begins on the sheet."""
    found = markers(paper)
    assert set(found) == {0, 1, 2, 3, 10}
    for marker in (*CORNER_MARKERS, VERSION_MARKER):
        expected = np.array(marker.box.corners) - (left, 0)
        worst = np.abs(found[marker.number] - expected).max()
        assert worst <= WITHIN_MM, f"marker {marker.number} is {worst:.2f} mm away"
    start, stop = bar_ends(paper)
    assert abs(stop - start - SCALE_BAR.width) <= WITHIN_MM
    assert abs(start + left - SCALE_BAR.left) <= WITHIN_MM
    for patch in PATCHES:
        assert abs(level(paper, patch.box, left) - patch.grey) <= 1
    inside = paper.grey[
        round(INTERIOR.top * PX_PER_MM) : round(INTERIOR.bottom * PX_PER_MM),
        round((INTERIOR.left - left) * PX_PER_MM) : round((INTERIOR.right - left) * PX_PER_MM),
    ]
    assert (inside.min(), inside.max()) == (FIELD_GREY, FIELD_GREY), "nothing is printed where goods lie"


def shot_of(paper: Paper, goods: bool) -> BgrImage:
    """The sheet on a table under a good lamp, as a camera of 1920 x 1080 sees it."""
    frame = np.full((1080, 1920, 3), (90, 120, 150), np.uint8)
    scale = 1040 / paper.grey.shape[0]
    sheet = cv2.resize(paper.grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    top, left = (1080 - sheet.shape[0]) // 2, (1920 - sheet.shape[1]) // 2
    frame[top : top + sheet.shape[0], left : left + sheet.shape[1]] = sheet[..., None]
    if goods:
        cv2.ellipse(frame, (960, 540), (190, 150), 20, 0, 360, (40, 50, 180), -1, cv2.LINE_AA)
    noise = np.random.default_rng(1).normal(0, 1.6, frame.shape)
    return np.clip(cv2.GaussianBlur(frame, (0, 0), 0.6) * 0.9 + noise, 0, 255).astype(np.uint8)


def works(paper: Paper) -> None:
    """Nothing that is printed on it is taken for light, goods or a hand."""
    assert inspect(shot_of(paper, goods=True)).verdict.findings == ()
    (nothing,) = inspect(shot_of(paper, goods=False)).verdict.findings
    assert nothing.reason is Reason.EMPTY


def test_a3_is_to_scale(browser: Browser, tmp_path: Path) -> None:
    sheet = drawn(browser, written(tmp_path, "a3"), 1, A3)
    judge(sheet, 0.0)
    works(sheet)


def test_two_halves_of_a4_make_the_sheet(browser: Browser, tmp_path: Path) -> None:
    path = written(tmp_path, "a4")
    sheet = glued(drawn(browser, path, 1, A4), drawn(browser, path, 2, A4))
    judge(sheet, LEFT_OF_HALVES)
    works(sheet)


def test_a_viewer_is_told_not_to_scale_and_the_file_is_the_same_each_time(tmp_path: Path) -> None:
    first, again = (written(tmp_path, "a3").read_bytes() for _ in range(2))
    assert first == again
    assert b"/PrintScaling /None" in first
    assert b"/MediaBox [0 0 1190.55 841.89]" in first
    assert (tmp_path / "a3.pdf").stat().st_size < 200_000


def test_a_file_that_cannot_be_written_is_wrong_usage(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["photo", "mat", "--out", str(tmp_path / "none" / "a3.pdf")])
    assert done.exit_code == 2
    assert done.stderr.startswith("Error: cannot write ")
    assert len(done.stderr.splitlines()) == 1
