"""A camera with a known distortion, its lens calibrated by the real child, and goods measured through it afterwards."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import cv2

from kiosk.devices.camera.process import ChildCamera
from kiosk.devices.camera.settings import CameraSettings
from kiosk.domain.lens import LensRefusal
from kiosk.simulators.camera.goods.layout import Goods
from kiosk.simulators.camera.goods.produce import Way
from kiosk.simulators.camera.pose import Pose
from kiosk.simulators.camera.simulator import CameraSimulator
from kiosk.simulators.camera.stage import StagePlan, draw_frame
from kiosk.station.photos.lens_calibration import LensCalibration, Phase
from kiosk.station.photos.lens_file import LensFile, LensWord
from tests.depth import TORTURE

PATIENT_S = 60.0
CARD_MM = (150, 100)


def lying(k1: float) -> tuple[Pose, ...]:
    """As the technician is asked to lay the mat."""
    return (
        Pose(k1=k1),
        Pose(k1=k1, tilt_deg=12, tilt_toward_deg=90),
        Pose(k1=k1, tilt_deg=12, tilt_toward_deg=270),
        Pose(k1=k1, tilt_deg=12, tilt_toward_deg=0),
        Pose(k1=k1, tilt_deg=12, tilt_toward_deg=180),
        Pose(k1=k1, roll_deg=180, shift_x=0.08),
    )


def size_of_the_lid(camera: ChildCamera, path: Path, k1: float) -> tuple[int, int]:
    plan = StagePlan(goods=Goods("box-lid", Way.ONE), pose=Pose(k1=k1))
    assert cv2.imwrite(str(path), draw_frame(plan))
    shot = camera.inspect(PATIENT_S)
    assert shot.measures is not None
    return shot.measures.length_mm, shot.measures.width_mm


LENSES = [(-0.12, Phase.KEPT)]
if TORTURE:  # that a straight one is refused is told by tests/photo and by tests/station
    LENSES.insert(0, (0.0, Phase.FAILED))


def test_a_lens_is_calibrated_and_goods_are_measured_through_it(tmp_path: Path) -> None:
    """A bent one; `make torture` sees a straight one left alone as well."""
    simulator = CameraSimulator(tmp_path / "camera", scene="empty")
    settings = CameraSettings("file", str(simulator.path))
    file = LensFile(tmp_path, settings)
    with closing(ChildCamera(settings, lens=file.known)) as camera:
        lens = LensCalibration(camera, file, lambda: "2026-11-28")
        for k1, phase in LENSES:
            before = size_of_the_lid(camera, simulator.path, k1)
            lens.begin()
            for number, pose in enumerate(lying(k1), 1):
                simulator.lay(pose)
                lens.shoot(number)
                assert lens.view().refused in ("", LensRefusal.STRAIGHT), number
            assert lens.view().phase is phase
            after = size_of_the_lid(camera, simulator.path, k1)
            off = [
                max(abs(side - true) / true for side, true in zip(size, CARD_MM, strict=True))
                for size in (before, after)
            ]
            assert off[1] <= 0.01, (k1, after)
            if k1:
                assert off[0] > 0.01, before
            else:
                assert (after, file.look().word) == (before, LensWord.NONE)
