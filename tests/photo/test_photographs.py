"""Photographs of real people, fruit and things before the camera: somebody is seen, goods are nobody.

They are those of Debian's opencv-doc and of the wheel of scikit-image, taken out by scripts/setup.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from kiosk.domain.verdict import Reason
from kiosk.photo.faces import haar_faces
from kiosk.photo.pipeline import inspect
from kiosk.simulators.camera.stage import draw_frame
from tests.depth import TORTURE, many
from tests.photo.stage import Array
from tests.simulators.camera.files import lay_file
from tests.simulators.camera.plans import plan_of

PHOTOGRAPHS = Path(__file__).resolve().parents[2] / ".venv/photographs"
HEAD = np.s_[0:230, 115:345]
"""Of astronaut.png."""
STILL = ("apple.jpg", "orange.jpg", "fruits.jpg", "smarties.png", "stuff.jpg", "coffee.png", "coins.png", "rocket.jpg")
FRAMES = many(2, torture=20, quick=1)
CROWD = many(11, torture=100, quick=5)
FOUND = 0.9


def photograph(name: str) -> Array:
    picture = cv2.imread(str(PHOTOGRAPHS / name))
    assert picture is not None, f"{PHOTOGRAPHS / name} is missing: run scripts/setup test"
    return picture


@pytest.fixture(scope="module")
def frames() -> list[Array]:
    """Shots that are accepted."""
    return [draw_frame(plan_of(seed)) for seed in range(FRAMES)]


def beside(frame: Array, picture: Array, height: int, on_left: bool, top: int) -> Array:
    """The photograph stands at the edge of the frame, where people stand."""
    rows, columns = picture.shape[:2]
    size = (max(1, height * columns // rows), height)
    stands = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if height < rows else cv2.INTER_CUBIC)
    shown = frame.copy()
    left = 0 if on_left else frame.shape[1] - size[0]
    shown[top : top + height, left : left + size[0]] = stands[: frame.shape[0] - top]
    return shown


def faces() -> Iterator[Array]:
    """A hundred people, 25 x 25 pixels each."""
    for face in np.load(PHOTOGRAPHS / "lfw_subset.npy")[:CROWD]:
        yield cv2.cvtColor((face * 255).astype(np.uint8), cv2.COLOR_GRAY2BGR)


def test_nothing_leaves_of_a_shot_with_somebody_in_it(frames: list[Array]) -> None:
    head = photograph("astronaut.png")[HEAD]
    shots = [photograph("astronaut.png")]
    for number, frame in enumerate(frames):
        shots.append(beside(frame, head, (420, 300, 560)[number % 3], number % 2 == 0, 140 * (number % 5)))
    for number, shot in enumerate(shots):
        found = inspect(shot)
        assert Reason.FACE in {one.reason for one in found.verdict.findings}, number
        assert found.master is None and found.natural is None and found.cutout is None


def test_a_crowd_is_seen_one_by_one_at_the_edge_of_the_frame(frames: list[Array]) -> None:
    missed = [
        number
        for number, face in enumerate(faces())
        if not haar_faces().find(
            beside(frames[number % FRAMES], face, 180 + 37 * (number % 8), number % 2 == 0, 60 * (number % 9))
        )
    ]
    assert len(missed) <= (1 - FOUND) * CROWD, missed


def test_fruit_and_things_are_nobody(frames: list[Array]) -> None:
    """Beside the mat; alone every other one, in torture each."""
    for number, name in enumerate(STILL):
        if TORTURE or number % 2:
            assert not haar_faces().find(photograph(name)), name
        shown = beside(frames[number % FRAMES], photograph(name), 400, number % 2 == 0, 300)
        assert not haar_faces().find(shown), f"{name} beside the mat"


def test_a_photograph_of_fruit_on_the_mat_is_goods() -> None:
    for number, name in enumerate(STILL[:FRAMES]):
        found = inspect(draw_frame(lay_file(plan_of(number), PHOTOGRAPHS / name, 120.0)))
        assert Reason.FACE not in {one.reason for one in found.verdict.findings}, name
