"""The simulated camera, seen through the real adapter."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from kiosk.devices.camera.child.image_file import ImageFileSource
from kiosk.devices.camera.process import ChildCamera
from kiosk.devices.camera.settings import CameraSettings
from kiosk.devices.ports import CameraFault
from kiosk.photo.arrays import BgrImage
from kiosk.photo.codec import metadata_markers
from kiosk.photo.frame_check import tenengrad
from kiosk.simulators.camera.shared.mat import draw_mat
from kiosk.simulators.camera.simulator import SCENES, SPOILS, CameraSimulator, SceneView, draw_view
from kiosk.simulators.shared.faults import FAULT_WORDS, BadFaultWord
from tests.depth import TORTURE
from tests.simulators.camera.looks import faces, markers, rectify

PATCH_COLUMNS, PATCH_TOPS, PATCH_GREYS = (10.0, 390.0), (75.0, 100.0, 125.0, 150.0), (243, 188, 94, 40)

WARM = ("badam", "walnut", "jujube", "raisin", "apricot", "honey", "orange")
SEEN = SCENES if TORTURE else (*WARM, "greens", "pepper", "aubergine", "garlic", "empty")
PRODUCE = tuple(name for name in SEEN if name != "empty")


def look(camera: CameraSimulator) -> BgrImage:
    return ImageFileSource(str(camera.path)).shoot()


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, BgrImage]:
    """Each scene that is told of by name once, in torture all: drawing takes most of the time of these tests."""
    camera = CameraSimulator(tmp_path_factory.mktemp("camera"), scene="empty")
    seen = {}
    for scene in SEEN:
        camera.command(f"scene {scene}")
        seen[scene] = look(camera)
    return seen


@pytest.fixture
def camera(tmp_path: Path) -> CameraSimulator:
    return CameraSimulator(tmp_path, scene="empty")


@pytest.fixture(scope="module")
def found(pictures: dict[str, BgrImage]) -> dict[str, dict[int, Any]]:
    """The markers in each."""
    return {scene: markers(picture) for scene, picture in pictures.items()}


def test_every_scene_is_a_full_picture_with_all_markers(
    subtests: pytest.Subtests, pictures: dict[str, BgrImage], found: dict[str, dict[int, Any]]
) -> None:
    for scene in SEEN:
        with subtests.test(scene=scene):
            assert pictures[scene].shape == (1080, 1920, 3)
            assert set(found[scene]) == {0, 1, 2, 3, 10}


def test_goods_lie_in_the_interior_well_inside_its_edge(
    pictures: dict[str, BgrImage], found: dict[str, dict[int, Any]]
) -> None:
    # mat.md: the interior is x 70..350, y 48.5..248.5 mm; goods cover 5 to 75 % of it, 8 mm from its edge.
    px_per_mm = 2

    def interior(scene: str) -> Any:
        sheet = rectify(pictures[scene], found[scene], px_per_mm)[97:497, 140:700]
        return cv2.GaussianBlur(sheet, (0, 0), 1).astype(np.int16)

    empty = interior("empty")
    for scene in PRODUCE:
        goods = np.abs(interior(scene) - empty).max(axis=2) > 25
        assert 0.05 < goods.mean() < 0.75, scene
        rows, columns = np.nonzero(goods)
        assert min(rows.min(), columns.min()) > 8 * px_per_mm, scene
        assert rows.max() < (200 - 8) * px_per_mm and columns.max() < (280 - 8) * px_per_mm, scene


def test_the_mat_measures_what_its_page_says(pictures: dict[str, BgrImage], found: dict[str, dict[int, Any]]) -> None:
    sheet = rectify(pictures["empty"], found["empty"], 6)
    for left in PATCH_COLUMNS:
        for top, grey in zip(PATCH_TOPS, PATCH_GREYS, strict=True):
            patch = sheet[round(top * 6) + 20 : round(top * 6) + 100, round(left * 6) + 20 : round(left * 6) + 100]
            assert abs(float(patch.mean()) - grey) < 12
    assert abs(float(sheet[800:1000, 1000:1400].mean()) - 119) < 6
    dark = np.nonzero(sheet[round(281.5 * 6), 900:1620].max(axis=1) < 60)[0]
    assert abs((dark.max() - dark.min() + 1) / 6 - 100) < 1


def test_the_sheet_is_drawn_to_the_pixel() -> None:
    sheet = draw_mat(6)
    assert sheet.shape == (1782, 2520, 3)
    assert (sheet[0, 0] == 119).all()
    assert (sheet[30, 30] == 255).all() and (sheet[60, 60] == 0).all()
    assert (sheet[29, 30] == 119).all()
    assert (sheet[75 * 6, 10 * 6] == 243).all() and (sheet[150 * 6, 390 * 6] == 40).all()
    assert (sheet[280 * 6 + 9, 160 * 6 + 3] == 0).all() and (sheet[280 * 6 + 9, 260 * 6 + 5] == 119).all()


def test_scenes_differ_and_are_colored_like_their_goods(pictures: dict[str, BgrImage]) -> None:
    middle = {name: picture[440:640, 860:1060].mean(axis=(0, 1)) for name, picture in pictures.items()}
    for name in WARM:
        blue, green, red = middle[name]
        assert red > green > blue, name
    blue, green, red = middle["greens"]
    assert green > 1.3 * max(red, blue)
    assert middle["pepper"][2] > 2 * middle["pepper"][:2].max()
    assert middle["aubergine"].mean() < 90 < 140 < middle["garlic"].mean()
    assert middle["jujube"][2] > 2.5 * middle["jujube"][1], "red"
    assert middle["raisin"][2] < 1.5 * middle["raisin"][1], "yellow-green"
    assert len({tuple(color.round()) for color in middle.values()}) == len(SEEN)


def test_the_same_seed_draws_the_same_picture_and_another_seed_another() -> None:
    first, second, other = (draw_view(SceneView("walnut"), seed) for seed in (5, 5, 6))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_blur_dark_and_face_add_up_and_a_scene_word_heals(camera: CameraSimulator) -> None:
    sharp = look(camera)
    camera.command("blur")
    assert tenengrad(look(camera)) < tenengrad(sharp) / 3
    camera.command("dark")
    assert camera.state == "empty blur dark"
    assert 10 < look(camera).mean() < 40
    camera.command("scene empty")
    assert camera.state == "empty"
    assert np.array_equal(look(camera), sharp)


def test_somebody_looks_into_the_picture(camera: CameraSimulator) -> None:
    assert faces(look(camera)) == 0
    camera.command("face")
    assert faces(look(camera)) == 1
    assert set(markers(look(camera))) == {0, 1, 2, 3, 10}, "the face is the only thing wrong"


def test_words_that_spoil_a_picture_change_it_and_are_told(subtests: pytest.Subtests, camera: CameraSimulator) -> None:
    for word in SPOILS:
        with subtests.test(word=word):
            camera.command("scene honey")
            before = camera.path.read_bytes()
            camera.command(word)
            assert camera.path.read_bytes() != before
            assert camera.state == f"honey {word}"


def test_a_lens_cap_is_a_black_picture(camera: CameraSimulator) -> None:
    camera.command("black")
    with pytest.raises(CameraFault) as caught:
        look(camera)
    assert caught.value.code == "black"


def test_unplugged_there_is_no_picture_until_a_scene_word(camera: CameraSimulator) -> None:
    camera.command("unplug")
    camera.command("unplug")
    camera.command("blur")
    assert camera.state == "unplugged"
    with pytest.raises(CameraFault) as caught:
        look(camera)
    assert caught.value.code == "missing"
    camera.command("scene honey")
    assert camera.state == "honey"
    assert look(camera).shape == (1080, 1920, 3)


def test_a_frozen_camera_shows_one_frame_until_it_is_unplugged(camera: CameraSimulator) -> None:
    before = camera.path.read_bytes()
    camera.command("freeze")
    camera.command("scene walnut")
    assert camera.path.read_bytes() == before
    assert camera.state == "walnut frozen"
    camera.command("unplug")
    camera.command("scene walnut")
    assert camera.state == "walnut"
    assert camera.path.read_bytes() != before


@pytest.mark.parametrize("words", ["", "scene", "scene nothing", "scene ../../etc", "blur more", "jam", "SCENE badam"])
def test_unknown_words_are_refused_and_change_nothing(camera: CameraSimulator, words: str) -> None:
    before = camera.path.read_bytes()
    with pytest.raises(BadFaultWord):
        camera.command(words)
    assert camera.path.read_bytes() == before
    assert camera.state == "empty"


def test_every_camera_word_of_the_list_is_understood(camera: CameraSimulator) -> None:
    for row in FAULT_WORDS:
        if row.device == "camera":
            camera.command(f"{row.word} {row.argument}".strip())


def test_an_unknown_first_scene_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadFaultWord, match="badam, walnut"):
        CameraSimulator(tmp_path, scene="cat")


def test_the_picture_is_whole_whenever_it_is_read(
    camera: CameraSimulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = camera.path.read_bytes()
    write_bytes: Callable[[Path, bytes], int] = Path.write_bytes

    def torn(path: Path, data: bytes) -> int:
        write_bytes(path, data[:100])
        raise OSError("disk full")

    monkeypatch.setattr(Path, "write_bytes", torn)
    with pytest.raises(OSError, match="disk full"):
        camera.command("blur")
    assert camera.path.read_bytes() == whole
    assert ImageFileSource(str(tmp_path)).shoot().shape == (1080, 1920, 3), "the torn part is no image"


def test_the_file_carries_no_metadata(camera: CameraSimulator) -> None:
    assert metadata_markers(camera.path.read_bytes()) == ()


def test_importing_the_simulator_loads_no_opencv() -> None:
    script = "import sys, kiosk.simulators.camera.simulator; sys.exit('cv2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_the_station_sees_the_simulator_through_its_own_child_process(camera: CameraSimulator) -> None:
    station = ChildCamera(CameraSettings("file", str(camera.path)))
    codes = []
    try:
        shot = station.shoot(60)
        for word in ("black", "unplug"):
            camera.command(word)
            with pytest.raises(CameraFault) as caught:
                station.shoot(60)
            codes.append(caught.value.code)
        camera.command("scene empty")
        again = station.shoot(60)
    finally:
        station.close()
    assert codes == ["black", "missing"]
    assert (shot.width, shot.height) == (1920, 1080)
    assert again.sha256 == shot.sha256
