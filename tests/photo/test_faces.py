"""Somebody in the frame is seen, wherever and however small; goods are nobody."""

from __future__ import annotations

import pytest

from kiosk.photo.faces import HaarFaces, haar_faces
from kiosk.simulators.camera.simulator import SceneView, draw_view
from tests.photo.stage import Array, Plan, draw, fruit


@pytest.fixture(scope="module")
def visitor() -> Array:
    return draw_view(SceneView("empty", face=True))


def test_a_face_beside_the_mat_is_found_where_it_is(visitor: Array) -> None:
    (face,) = (one for one in haar_faces().find(visitor) if not one.profile)
    assert abs(face.left + face.side / 2 - 1794) < 60 and abs(face.top + face.side / 2 - 360) < 80


def test_a_face_cut_by_the_edge_of_the_frame_is_found(visitor: Array) -> None:
    assert haar_faces().find(visitor[:, :1885])


def test_a_face_that_lies_on_another_side_of_the_frame_is_found(visitor: Array) -> None:
    assert haar_faces().find(visitor[:, ::-1].copy())


def test_goods_and_the_mat_have_no_faces() -> None:
    for plan in (Plan(), fruit("walnut", (-60.0, 0.0), (60.0, 10.0)), fruit("egg", (-60.0, 0.0), (60.0, 10.0))):
        assert not haar_faces().find(draw(plan).frame)


def test_a_frame_too_small_for_a_face_has_none(visitor: Array) -> None:
    assert haar_faces().find(visitor[:10, :12]) == ()


def test_the_cascades_are_read_once() -> None:
    assert haar_faces() is haar_faces()
    assert isinstance(haar_faces(), HaarFaces)
