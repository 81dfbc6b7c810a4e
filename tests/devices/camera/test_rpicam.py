"""The camera at the board's connector, against a program that stands for rpicam-still."""

from __future__ import annotations

import time
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest

from kiosk.devices.camera.child.faults import UnreadablePicture
from kiosk.devices.camera.child.rpicam import EXPOSURE_REUSE_S, Exposure, RpicamSource, parse_exposure
from kiosk.devices.camera.process import ChildCamera
from kiosk.devices.camera.settings import CameraSettings
from kiosk.devices.ports import CameraFault
from kiosk.photo.arrays import BgrImage
from kiosk.photo.codec import metadata_markers
from tests.devices.camera import rpicam_still

WIDTH, HEIGHT = 320, 240
SETTINGS = CameraSettings("rpicam", "0", WIDTH, HEIGHT)
PATIENT_S = 60.0
"""A loaded machine may need seconds to start a program."""


def picture(seed: int, sigma: float = 0.0, size: tuple[int, int] = (WIDTH, HEIGHT)) -> BgrImage:
    frame = np.full((size[1], size[0], 3), 110, np.float32)
    frame[60:180, 80:200] *= 0.3
    if sigma:
        frame = cv2.GaussianBlur(frame, (0, 0), sigma).astype(np.float32)
    noise = np.random.default_rng(seed).normal(0, 1, frame.shape)
    return np.clip(frame + noise, 0, 255).astype(np.uint8)


def lay(folder: Path, *frames: BgrImage) -> None:
    for number, frame in enumerate(frames):
        assert cv2.imwrite(str(folder / f"{number}.jpg"), frame, [cv2.IMWRITE_JPEG_QUALITY, 98])


def source(folder: Path, fault: str = "", patience_s: float = PATIENT_S) -> RpicamSource:
    return RpicamSource(SETTINGS, str(rpicam_still.put_on(folder, fault)), patience_s)


def fault_of(camera: RpicamSource) -> CameraFault:
    with pytest.raises(CameraFault) as caught:
        camera.shoot()
    return caught.value


def words_of(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:  # it has just ended, or is another user's
        return []


def test_the_first_frame_settles_two_more_are_taken_with_its_exposure_and_the_sharpest_is_ahead(tmp_path: Path) -> None:
    lay(tmp_path, picture(0, sigma=4), picture(1), picture(2, sigma=2))
    burst = source(tmp_path).burst()
    assert len(burst.others) == 2
    assert np.abs(burst.frame.astype(int) - picture(1)).mean() < 2
    first, *locked = rpicam_still.runs(tmp_path)
    always = {"nopreview": "", "encoding": "jpg", "width": "320", "height": "240", "output": "-", "camera": "0"}
    for run in (first, *locked):
        assert always.items() <= run.items()
        assert run["flicker-period"] == "10000us"
    assert first["timeout"] == "1500" and "shutter" not in first
    for run in locked:
        assert (run["shutter"], run["gain"], run["awbgains"]) == ("20000", "1.2500", "1.8123,1.6346")
        assert "immediate" in run and "timeout" not in run


def test_locked_on_the_bare_mat_every_frame_has_that_exposure_until_it_is_unlocked(tmp_path: Path) -> None:
    lay(tmp_path, picture(0), picture(1))
    camera = source(tmp_path)
    camera.fix_exposure()
    assert len(camera.burst().others) == 2
    camera.release_exposure()
    camera.shoot()
    assert ["shutter" in run for run in rpicam_still.runs(tmp_path)] == [False, True, True, True, False]
    assert {run["shutter"] for run in rpicam_still.runs(tmp_path)[1:4]} == {"20000"}


def test_a_look_is_one_run_that_need_not_settle_again_for_a_while(tmp_path: Path) -> None:
    lay(tmp_path, picture(0), picture(1))
    now = [100.0]
    camera = RpicamSource(SETTINGS, str(rpicam_still.put_on(tmp_path)), PATIENT_S, lambda: now[0])
    settled = []

    def look() -> None:
        before = len(rpicam_still.runs(tmp_path))
        assert camera.live_frame().shape == (HEIGHT, WIDTH, 3)
        (run,) = rpicam_still.runs(tmp_path)[before:]
        settled.append("timeout" in run)

    look()
    look()
    now[0] += EXPOSURE_REUSE_S
    look()
    (tmp_path / rpicam_still.FAULT).write_text("die")
    with pytest.raises(CameraFault):
        camera.live_frame()
    (tmp_path / rpicam_still.FAULT).write_text("")
    look()
    camera.fix_exposure()
    look()
    camera.release_exposure()
    look()
    assert settled == [True, False, True, True, False, True]
    (tmp_path / rpicam_still.FAULT).write_text("no-metadata")
    camera.release_exposure()
    look()
    look()
    assert settled[-2:] == [True, True], "without its exposure each look settles"
    assert camera.burst().others == (), "what a look has settled on is not that of a shot"


def test_without_its_exposure_there_is_one_frame_and_a_line_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lay(tmp_path, picture(0))
    assert source(tmp_path, "no-metadata").burst().others == ()
    assert ["does not tell its exposure" in line for line in caplog.messages] == [True]


def test_each_fault_of_the_program_has_its_code_and_says_what_to_do(tmp_path: Path) -> None:
    lay(tmp_path, picture(0))
    for fault, code, act in (
        ("no-camera", "missing", "check the ribbon cable"),
        ("in-use", "missing", "close other programs"),
        ("die", "broken", "bad_alloc"),
        ("garbage", "format", "take it again"),
        ("silent", "format", "take it again"),
        ("half", "format", "take it again"),
        ("endless", "format", "take it again"),
    ):
        refused = fault_of(source(tmp_path, fault))
        assert (refused.code, act in str(refused)) == (code, True), (fault, str(refused))
        assert isinstance(refused, UnreadablePicture) == (code == "format"), fault
    assert source(tmp_path, "chatter").shoot().shape == (HEIGHT, WIDTH, 3)
    lay(tmp_path, picture(0, size=(640, 480)))
    other = fault_of(source(tmp_path))
    assert (other.code, "640 x 480 instead of 320 x 240" in str(other)) == ("format", True)
    lay(tmp_path, np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    assert fault_of(source(tmp_path)).code == "black"
    assert source(tmp_path).burst().frame.mean() < 1, "the judges have a word for it"
    gone = fault_of(RpicamSource(SETTINGS, str(tmp_path / "nothing")))
    assert (gone.code, "install the package rpicam-apps" in str(gone)) == ("missing", True)


def test_a_program_that_hangs_is_killed_with_all_it_has_started(tmp_path: Path) -> None:
    lay(tmp_path, picture(0))
    began = time.monotonic()
    for fault in ("hang", "talks-on", "leaves-another"):
        hung = fault_of(source(tmp_path, fault, patience_s=0.5))
        assert (hung.code, "0.5 s" in str(hung)) == ("timeout", True), fault
    assert time.monotonic() - began < PATIENT_S
    assert [
        child for child in psutil.Process().children(recursive=True) if "rpicam-still" in " ".join(child.cmdline())
    ] == []


def test_one_frame_three_times_is_frozen(tmp_path: Path) -> None:
    lay(tmp_path, picture(0))
    with pytest.raises(CameraFault) as caught:
        source(tmp_path).burst()
    assert caught.value.code == "frozen"


def test_what_is_read_of_the_metadata() -> None:
    whole = '{ "ExposureTime": 9998, "AnalogueGain": 2.0, "ColourGains": [ 1.8, 1.6 ], "Rubbish": nan }'
    assert parse_exposure(whole) == Exposure(9998, 2.0, 1.8, 1.6)
    for cut in (
        "",
        whole[:30],
        whole.replace("9998", "0"),
        whole.replace("2.0", "-1"),
        whole.replace("1.8,", ""),
        "\0",
    ):
        assert parse_exposure(cut) is None, cut


def test_the_station_takes_a_picture_with_the_program_on_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay(tmp_path, picture(0))
    rpicam_still.put_on(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    camera = ChildCamera(SETTINGS)
    try:
        shot = camera.shoot(PATIENT_S)
    finally:
        camera.close()
    assert (shot.width, shot.height, metadata_markers(shot.jpeg)) == (WIDTH, HEIGHT, ())
