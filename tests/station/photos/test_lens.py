"""The lens of the camera: what is kept of it, and the act that measures it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kiosk.devices.camera.settings import CameraSettings
from kiosk.devices.ports import CameraFault, LensShot
from kiosk.domain.lens import LensFit, LensRefusal, LensRefused
from kiosk.station.photos.lens_calibration import (
    SHOTS,
    WAYS,
    CalibrationRefused,
    LensCalibration,
    Phase,
)
from kiosk.station.photos.lens_file import LensFile, LensWord

CAMERA = CameraSettings("v4l2", "/dev/v4l/by-id/usb-cam")
FIT = LensFit(-0.12, 0.01, 0.83, 1920, 1080, 0.2, 2.4, 0.8)


class FakeLensCamera:
    """Every shot counts, unless ``faults`` holds what comes instead."""

    def __init__(self) -> None:
        self.faults: list[Exception | None] = []
        self.views, self.renewed = 0, 0
        self.fit: LensFit | Exception = FIT

    def lens_shot(self, deadline_s: float, *, first: bool) -> LensShot:
        if self.faults and (fault := self.faults.pop(0)) is not None:
            raise fault
        self.views = 1 if first else self.views + 1
        return LensShot(self.views, 0.7)

    def fit_lens(self, deadline_s: float) -> LensFit:
        if isinstance(self.fit, Exception):
            raise self.fit
        return self.fit

    def renew(self) -> None:
        self.renewed += 1
        self.views = 0


@pytest.fixture
def camera() -> FakeLensCamera:
    return FakeLensCamera()


@pytest.fixture
def file(tmp_path: Path) -> LensFile:
    return LensFile(tmp_path, CAMERA)


@pytest.fixture
def lens(camera: FakeLensCamera, file: LensFile) -> LensCalibration:
    return LensCalibration(camera, file, lambda: "2026-11-28")


def test_a_calibration_holds_for_its_own_camera_and_size_alone(
    tmp_path: Path, file: LensFile, caplog: pytest.LogCaptureFixture
) -> None:
    assert (file.look().word, file.known()) == (LensWord.NONE, None)
    file.keep(FIT, "2026-11-28")
    found = file.look()
    assert (found.word, found.fit, found.day, file.known()) == (LensWord.KNOWN, FIT, "2026-11-28", FIT)
    for other in (
        CameraSettings("v4l2", "/dev/v4l/by-id/usb-other"),
        CameraSettings("rpicam", "0"),
        replace(CAMERA, width=1280, height=720),
    ):
        caplog.clear()
        strange = LensFile(tmp_path, other)
        assert (strange.look().word, strange.look().fit, strange.known()) == (LensWord.OTHER, None, None)
        assert "usb-cam" in caplog.text
        assert str(file.place) in caplog.text
    picture = CameraSettings("file", str(tmp_path / "scene.jpg"), 640, 480)
    own = LensFile(tmp_path, picture)
    own.keep(FIT, "2026-11-28")
    assert own.known() == FIT, "an image file keeps its own size"
    own.forget()
    own.forget()
    assert own.look().word is LensWord.NONE


def test_whatever_is_damaged_is_named_and_left_aside(file: LensFile, caplog: pytest.LogCaptureFixture) -> None:
    file.keep(FIT, "2026-11-28")
    good = file.place.read_bytes()
    texts = [good[:cut] for cut in range(0, len(good) - 2, 7)]
    texts += [b"null", b"[" * 4000, b" " * 5000 + good, good.replace(b'"form": 1', b'"form": 2')]
    texts += [good.replace(b"-0.12", number) for number in (b"NaN", b"1e999", b"9" * 400, b"-3.5", b'"x"')]
    texts += [good.replace(b"2026-11-28", b"x" * 11)]
    for text in texts:
        caplog.clear()
        file.place.write_bytes(text)
        assert (file.look().word, file.known()) == (LensWord.DAMAGED, None), text
        assert str(file.place) in caplog.text
    file.place.unlink()
    file.place.mkdir()
    assert file.look().word is LensWord.DAMAGED


def test_a_lens_is_no_lens_with_a_number_that_is_none() -> None:
    for wrong in (
        {"k1": float("nan")},
        {"k2": 1.5},
        {"focal": 0.1},
        {"width": 0},
        {"coverage": 1.2},
        {"error_px": 2.4},
        {"error_px": -0.1},
    ):
        with pytest.raises(ValueError, match="lens"):
            replace(FIT, **wrong)  # type: ignore[arg-type]


def take(lens: LensCalibration, until: int = SHOTS) -> None:
    lens.begin()
    for number in range(1, until + 1):
        view = lens.view()
        assert (view.phase, view.number, view.lying) == (Phase.SHOOTING, number, WAYS[number - 1])
        lens.shoot(number)


def test_six_shots_and_the_fit_is_kept_and_used(lens: LensCalibration, camera: FakeLensCamera, file: LensFile) -> None:
    assert lens.view().phase is Phase.IDLE
    take(lens)
    view = lens.view()
    assert (view.phase, view.known.fit, view.known.day) == (Phase.KEPT, FIT, "2026-11-28")
    assert (file.known(), camera.renewed) == (FIT, 1)
    lens.forget()
    assert (lens.view().phase, file.known(), camera.renewed) == (Phase.IDLE, None, 2)


def test_a_shot_that_does_not_count_is_asked_for_again(lens: LensCalibration, camera: FakeLensCamera) -> None:
    take(lens, 2)
    camera.faults = [LensRefused(LensRefusal.MOVING), CameraFault("missing", ""), CameraFault("timeout", "")]
    lens.shoot(3)
    assert (lens.view().number, lens.view().refused) == (3, "moving")
    for code in ("camera_missing", "camera_failed"):
        with pytest.raises(CalibrationRefused) as caught:
            lens.shoot(3)
        assert (caught.value.code, lens.view().number) == (code, 3)
    lens.shoot(3)
    assert (lens.view().number, lens.view().refused) == (4, "")
    for stale in (3, 5, 0):
        lens.shoot(stale)
    assert lens.view().number == 4, "a second press takes no second shot"


def test_a_child_that_has_forgotten_its_corners_begins_anew(lens: LensCalibration, camera: FakeLensCamera) -> None:
    take(lens, 3)
    camera.views = 0
    lens.shoot(4)
    assert (lens.view().phase, lens.view().number, lens.view().refused) == (Phase.SHOOTING, 1, "lost")


def test_without_a_gain_what_was_known_stays(lens: LensCalibration, camera: FakeLensCamera, file: LensFile) -> None:
    file.keep(FIT, "2026-01-01")
    for why in (LensRefusal.BENT, LensRefusal.COVERAGE, LensRefusal.ALIKE):
        camera.fit = LensRefused(why)
        take(lens)
        assert (lens.view().phase, lens.view().refused, file.known()) == (Phase.FAILED, why.value, FIT)
    camera.fit = CameraFault("timeout", "")
    with pytest.raises(CalibrationRefused):
        take(lens)
    assert (lens.view().phase, lens.view().refused, file.known()) == (Phase.FAILED, "lost", FIT)
    camera.fit = LensRefused(LensRefusal.STRAIGHT)
    take(lens)
    assert (lens.view().refused, file.known()) == ("straight", None), "it was that of another lens"


def test_what_cannot_be_kept_is_said(lens: LensCalibration, file: LensFile) -> None:
    file.place.with_name(f".{file.place.name}.new").mkdir()
    take(lens)
    assert (lens.view().phase, lens.view().refused, file.known()) == (Phase.FAILED, "not_kept", None)
    lens.end()
    assert lens.view().phase is Phase.IDLE
