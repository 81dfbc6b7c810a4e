"""The camera at the board's connector, against a module that stands for picamera2."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from kiosk.devices.camera.child.picamera import SETTLE_FRAMES, PicameraSource
from kiosk.devices.camera.process import ChildCamera
from kiosk.devices.camera.settings import CameraSettings
from kiosk.devices.ports import CameraFault
from kiosk.photo.arrays import BgrImage
from tests.devices.camera.picamera import SimulatedPicamera, put_on

WIDTH, HEIGHT = 320, 240
SETTINGS = CameraSettings("picamera2", "0", WIDTH, HEIGHT, mains_hz=60)
PATIENT_S = 60.0
OFF = {"AeEnable": False, "AwbEnable": False, "ExposureTime": 20_000, "AnalogueGain": 1.25, "ColourGains": (1.8, 1.6)}
ON = {"AeEnable": True, "AwbEnable": True}
FLICKER = {"AeFlickerMode": 1, "AeFlickerPeriod": 8_333}


def picture(seed: int, sigma: float = 0.0) -> BgrImage:
    frame = np.full((HEIGHT, WIDTH, 3), 110, np.float32)
    frame[60:180, 80:200] *= 0.3
    if sigma:
        frame = cv2.GaussianBlur(frame, (0, 0), sigma).astype(np.float32)
    return np.clip(frame + np.random.default_rng(seed).normal(0, 1, frame.shape), 0, 255).astype(np.uint8)


def source(camera: SimulatedPicamera, clock: Callable[[], float] = lambda: 0.0) -> PicameraSource:
    return PicameraSource(SETTINGS, lambda number: camera, clock)


def fault_of(camera: PicameraSource) -> CameraFault:
    with pytest.raises(CameraFault) as caught:
        camera.shoot()
    return caught.value


def test_exposure_rests_is_kept_for_the_burst_and_given_back_and_the_sharpest_is_ahead() -> None:
    pictures = [picture(0, sigma=4), picture(1), picture(2, sigma=2)]
    camera = SimulatedPicamera(pictures)
    taken = source(camera)
    burst = taken.burst()
    assert np.array_equal(burst.frame, pictures[1])
    assert len(burst.others) == 2
    assert camera.asked == [FLICKER, OFF, ON]
    assert camera.calls == ["configure {'size': (320, 240), 'format': 'RGB888'}", "start"]
    assert len(camera.metadata) == 11 + 1 + 3, "until it says that exposure rests, one in force, the burst"
    taken.shoot()
    assert camera.asked == [FLICKER, OFF, ON, OFF, ON]
    taken.close()
    taken.close()
    assert camera.calls[2:] == ["stop", "close"]
    assert camera.held == 0


def test_a_sensor_that_never_says_that_it_rests_is_waited_for_no_longer_than_two_seconds() -> None:
    camera = SimulatedPicamera([picture(seed) for seed in range(4)])
    camera.locks_after = None
    ticks = iter(range(10_000))
    source(camera, clock=lambda: next(ticks) / 30).shoot()
    assert 55 <= len(camera.metadata) <= 75


def test_locked_on_the_bare_mat_it_stays_so_until_it_is_unlocked() -> None:
    camera = SimulatedPicamera([picture(seed) for seed in range(4)])
    taken = source(camera)
    taken.release_exposure()
    taken.fix_exposure()
    frames = len(camera.metadata)
    taken.burst()
    assert camera.asked == [FLICKER, OFF]
    assert len(camera.metadata) == frames + 3
    taken.release_exposure()
    assert camera.asked == [FLICKER, OFF, ON]


def test_a_look_is_the_next_frame_and_leaves_the_automatics_alone() -> None:
    pictures = [picture(seed) for seed in range(4)]
    camera = SimulatedPicamera(pictures)
    taken = source(camera)
    taken.live_frame()
    assert len(camera.metadata) == SETTLE_FRAMES + 1, "a camera that was just switched on"
    before = len(camera.metadata)
    assert taken.live_frame().shape == (HEIGHT, WIDTH, 3)
    assert (len(camera.metadata) - before, camera.held) == (2, 0), "the frame that waited, and one of now"
    assert camera.asked == [FLICKER]
    camera.ends_after = 0
    with pytest.raises(CameraFault):
        taken.live_frame()
    assert camera.calls[-2:] == ["stop", "close"]


def test_each_fault_has_its_code_and_the_camera_is_free_then() -> None:
    ended = SimulatedPicamera([picture(0)])
    ended.ends_after = 5
    for camera, code in (
        (ended, "timeout"),
        (SimulatedPicamera([picture(0)]), "frozen"),
        (SimulatedPicamera([np.zeros((HEIGHT, WIDTH, 3), np.uint8)]), "black"),
        (SimulatedPicamera([np.zeros((HEIGHT, WIDTH, 4), np.uint8)]), "format"),
    ):
        assert fault_of(source(camera)).code == code
        assert (camera.calls[-2:], camera.held) == (["stop", "close"], 0), code


def test_without_a_camera_or_the_module_it_says_what_to_do() -> None:
    def no_camera(number: int) -> SimulatedPicamera:
        return SimulatedPicamera([])

    gone = fault_of(PicameraSource(SETTINGS, no_camera))
    assert (gone.code, "check the ribbon cable" in str(gone)) == ("missing", True)
    unknown = fault_of(PicameraSource(SETTINGS))
    assert (unknown.code, "install the package python3-picamera2" in str(unknown)) == ("missing", True)


def test_the_child_finds_the_module_on_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in range(2):
        assert cv2.imwrite(str(tmp_path / f"{seed}.jpg"), picture(seed))
    put_on(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    camera = ChildCamera(SETTINGS)
    try:
        shot = camera.shoot(PATIENT_S)
    finally:
        camera.close()
    assert (shot.width, shot.height) == (WIDTH, HEIGHT)
