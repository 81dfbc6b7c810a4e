"""The USB camera adapter against a recording stand-in for OpenCV's capture."""

from __future__ import annotations

import errno
import logging
import struct
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from kiosk.devices.camera.child.v4l2 import CONTROL_LAG_FRAMES, Control, V4l2Source, steady_exposure
from kiosk.devices.camera.settings import CameraSettings
from kiosk.devices.ports import CameraFault
from kiosk.photo.arrays import BgrImage
from kiosk.photo.frame_check import tenengrad

WIDTH, HEIGHT = 320, 240
MJPG = cv2.VideoWriter.fourcc(*"MJPG")
YUYV = cv2.VideoWriter.fourcc(*"YUYV")
NAMES = {
    cv2.CAP_PROP_FOURCC: "fourcc",
    cv2.CAP_PROP_FRAME_WIDTH: "width",
    cv2.CAP_PROP_FRAME_HEIGHT: "height",
    cv2.CAP_PROP_FPS: "fps",
    cv2.CAP_PROP_BUFFERSIZE: "buffers",
}


@cache
def live(level: float = 110, sigma: float = 0, seed: int = 0, size: tuple[int, int] = (WIDTH, HEIGHT)) -> BgrImage:
    """A scene with something in it, lit to ``level``, with the noise of one moment."""
    rng = np.random.default_rng(seed)
    frame = np.full((size[1], size[0], 3), level, np.float32)
    frame[60:180, 80:200] *= 0.3
    if sigma:
        frame = cv2.GaussianBlur(frame, (0, 0), sigma).astype(np.float32)
    return np.clip(frame + rng.normal(0, 1, frame.shape), 0, 255).astype(np.uint8)


class RecordingCapture:
    """Writes down every call; gives what it was told, the last frame again when it runs out of them."""

    def __init__(self, frames: list[Any], opened: bool = True, answers: dict[int, float] | None = None) -> None:
        self.calls: list[tuple[str, float]] = []
        self._frames = iter(frames)
        self._opened = opened
        self._properties: dict[int, float] = {}
        self._answers = answers or {}

    def isOpened(self) -> bool:
        self.calls.append(("opened?", 0))
        return self._opened

    def set(self, prop: int, value: float, /) -> bool:
        self.calls.append((f"set {NAMES[prop]}", value))
        self._properties[prop] = value
        return True

    def get(self, prop: int, /) -> float:
        self.calls.append((f"get {NAMES[prop]}", 0))
        return self._answers.get(prop, self._properties.get(prop, 0))

    def grab(self) -> bool:
        self.calls.append(("grab", 0))
        return next(self._frames, None) is not None

    def read(self) -> tuple[bool, Any]:
        self.calls.append(("read", 0))
        frame = next(self._frames, None)
        return frame is not None, frame

    def release(self) -> None:
        self.calls.append(("release", 0))

    def names(self) -> list[str]:
        return [name for name, _ in self.calls]

    def reads(self) -> int:
        return self.names().count("read")


@pytest.fixture
def device(tmp_path: Path) -> Path:
    path = tmp_path / "usb-camera"
    path.touch()
    return path


class FakeControls:
    """The controls of a camera, as its driver keeps them; ``refused`` are those that it answers with an error."""

    def __init__(self, exposure: int = 156, refused: dict[Control, int] | None = None) -> None:
        self.values: dict[Control, int] = dict.fromkeys(Control, 0)
        self.values[Control.EXPOSURE_ABSOLUTE] = exposure
        self.refused = refused or {}
        self.asked: list[tuple[Control, int]] = []

    def __call__(self, fd: int, request: int, arg: bytearray, mutate_flag: bool, /) -> int:
        number, value = struct.unpack("=Ii", arg)
        control = Control(number)
        assert mutate_flag and fd > 2
        if request == 0xC008561C:
            self.asked.append((control, value))
        if control in self.refused:
            raise OSError(self.refused[control], "refused")
        if request == 0xC008561C:
            self.values[control] = value
        else:
            assert request == 0xC008561B
            arg[:] = struct.pack("=Ii", number, self.values[control])
        return 0


SOURCES: list[V4l2Source] = []


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """No descriptor is left open."""
    yield
    while SOURCES:
        SOURCES.pop().close()


NO_CONTROLS = dict.fromkeys(Control, errno.ENOTTY)


def source(
    device: Path,
    *captures: RecordingCapture,
    clock: Callable[[], float] = lambda: 0.0,
    controls: FakeControls | None = None,
) -> V4l2Source:
    waiting = iter(captures)
    settings = CameraSettings("v4l2", str(device), WIDTH, HEIGHT)
    camera = V4l2Source(settings, lambda _: next(waiting), clock, controls or FakeControls(refused=NO_CONTROLS))
    SOURCES.append(camera)
    return camera


def steady(count: int) -> list[BgrImage]:
    return [live(seed=seed) for seed in range(count)]


def fault(camera: V4l2Source) -> CameraFault:
    with pytest.raises(CameraFault) as caught:
        camera.shoot()
    return caught.value


def test_the_format_is_asked_for_before_the_size_and_read_back_before_a_frame(device: Path) -> None:
    capture = RecordingCapture(steady(12))
    source(device, capture).shoot()
    assert capture.calls[:6] == [
        ("opened?", 0),
        ("set fourcc", MJPG),
        ("set width", WIDTH),
        ("set height", HEIGHT),
        ("set fps", 30),
        ("set buffers", 1),
    ]
    assert capture.names()[6:10] == ["get fourcc", "get width", "get height", "read"]
    assert set(capture.names()[9:]) == {"read"}


def test_a_steady_camera_is_read_once_for_shape_eight_times_to_settle_and_three_times_to_choose(device: Path) -> None:
    capture = RecordingCapture(steady(12))
    frame = source(device, capture).shoot()
    assert capture.reads() == 1 + 8 + 3
    assert frame.shape == (HEIGHT, WIDTH, 3)


def test_settling_goes_on_while_the_exposure_moves(device: Path) -> None:
    ramp = [live(level) for level in range(20, 110, 6)]
    capture = RecordingCapture([ramp[0], *ramp, *steady(10)])
    frame = source(device, capture).shoot()
    assert capture.reads() == 1 + len(ramp) + 3 + 3
    assert frame.mean() > 85


def test_settling_gives_up_after_two_seconds_and_takes_the_picture(device: Path) -> None:
    def flicker() -> Iterator[BgrImage]:
        for seed in range(10_000):
            yield live(90 + 30 * (seed % 2), seed=seed)

    ticks = iter(range(10_000))
    capture = RecordingCapture([])
    capture._frames = flicker()
    assert source(device, capture, clock=lambda: next(ticks) / 30).shoot() is not None
    assert 55 <= capture.reads() <= 65


def test_the_sharpest_of_the_burst_is_kept(device: Path) -> None:
    burst = [live(sigma=4, seed=50), live(sigma=0, seed=51), live(sigma=2, seed=52)]
    capture = RecordingCapture([*steady(9), *burst])
    frame = source(device, capture).shoot()
    assert np.array_equal(frame, burst[1])
    assert tenengrad(frame) > tenengrad(burst[2])


def test_the_whole_burst_is_for_the_judges_the_sharpest_first(device: Path) -> None:
    shots = [live(sigma=4, seed=50), live(sigma=0, seed=51), live(sigma=2, seed=52)]
    burst = source(device, RecordingCapture([*steady(9), *shots])).burst()
    assert np.array_equal(burst.frame, shots[1])
    assert [np.array_equal(*pair) for pair in zip(burst.others, (shots[0], shots[2]), strict=True)] == [True, True]


@pytest.mark.parametrize("level", [0, 128])
def test_what_a_covered_lens_gives_is_left_to_the_judges(device: Path, level: int) -> None:
    burst = source(device, RecordingCapture([np.full((HEIGHT, WIDTH, 3), level, np.uint8)] * 12)).burst()
    assert int(burst.frame.mean()) == level


def test_a_look_is_the_newest_frame_and_settles_only_when_the_device_is_opened(device: Path) -> None:
    waited, now = live(90), live(120, seed=1)
    capture = RecordingCapture([*steady(9), *[waited] * CONTROL_LAG_FRAMES, now, *[waited] * CONTROL_LAG_FRAMES, now])
    camera = source(device, capture)
    assert np.array_equal(camera.live_frame(), now)
    reads = capture.reads()
    assert np.array_equal(camera.live_frame(), now)
    assert (capture.reads() - reads, capture.names().count("grab"), capture.names().count("opened?")) == (
        1,
        2 * CONTROL_LAG_FRAMES,
        1,
    )
    with pytest.raises(CameraFault):
        camera.live_frame()
    assert capture.names()[-1] == "release"


def test_a_frozen_burst_closes_the_device(device: Path) -> None:
    capture = RecordingCapture([live()] * 12)
    with pytest.raises(CameraFault) as caught:
        source(device, capture).burst()
    assert (caught.value.code, capture.names()[-1]) == ("frozen", "release")


def test_the_device_stays_open_between_shots(device: Path) -> None:
    capture = RecordingCapture(steady(40))
    camera = source(device, capture)
    camera.shoot()
    camera.shoot()
    assert capture.names().count("opened?") == 1
    assert capture.reads() == 1 + 8 + 3 + 8 + 3
    camera.close()
    camera.close()
    assert capture.names().count("release") == 1


def test_a_missing_device_is_never_opened(tmp_path: Path) -> None:
    gone = fault(source(tmp_path / "unplugged"))
    assert gone.code == "missing"
    assert str(tmp_path / "unplugged") in str(gone) and "plug it in" in str(gone)


def test_a_device_in_use_is_missing_and_released(device: Path) -> None:
    capture = RecordingCapture([], opened=False)
    assert fault(source(device, capture)).code == "missing"
    assert capture.names() == ["opened?", "release"]


@pytest.mark.parametrize(
    ("answers", "shown"),
    [
        ({cv2.CAP_PROP_FOURCC: float(YUYV)}, "YUYV 320 x 240"),
        ({cv2.CAP_PROP_FOURCC: 0.0}, r"\?\?\?\? 320"),
        ({cv2.CAP_PROP_FRAME_WIDTH: 640.0}, "MJPG 640 x 240"),
        ({cv2.CAP_PROP_FRAME_HEIGHT: 480.0}, "MJPG 320 x 480"),
    ],
)
def test_a_set_that_did_nothing_is_found_by_reading_back(device: Path, answers: dict[int, float], shown: str) -> None:
    capture = RecordingCapture(steady(20), answers=answers)
    with pytest.raises(CameraFault, match=shown) as caught:
        source(device, capture).shoot()
    assert caught.value.code == "format"
    assert "instead of MJPG 320 x 240" in str(caught.value)
    assert capture.reads() == 0
    assert capture.names()[-1] == "release"


@pytest.mark.parametrize("first", [live(size=(640, 480)), live()[..., 0], np.zeros((HEIGHT, WIDTH, 2), np.uint8)])
def test_a_first_frame_of_another_shape_is_refused(device: Path, first: Any) -> None:
    capture = RecordingCapture([first, *steady(20)])
    assert fault(source(device, capture)).code == "format"
    assert capture.reads() == 1
    assert capture.names()[-1] == "release"


def test_a_damaged_first_frame_is_read_over(device: Path) -> None:
    capture = RecordingCapture([None, *steady(12)])
    capture._frames = iter([None, *steady(12)])
    assert source(device, capture).shoot().shape == (HEIGHT, WIDTH, 3)


def test_a_camera_that_sends_nothing_is_broken(device: Path) -> None:
    capture = RecordingCapture([])
    broken = fault(source(device, capture))
    assert broken.code == "broken"
    assert capture.names()[-1] == "release"


def test_a_camera_pulled_out_while_streaming_is_missing_and_comes_back(device: Path) -> None:
    def pulled() -> Iterator[BgrImage | None]:
        yield from steady(5)
        device.unlink()
        while True:
            yield None

    torn = RecordingCapture([])
    torn._frames = pulled()
    camera = source(device, torn, RecordingCapture(steady(12)))
    assert fault(camera).code == "missing"
    assert torn.names()[-1] == "release"
    device.touch()
    assert camera.shoot().shape == (HEIGHT, WIDTH, 3)


def test_a_lens_cap_is_black_even_when_the_sensor_has_no_noise(device: Path) -> None:
    capture = RecordingCapture([np.zeros((HEIGHT, WIDTH, 3), np.uint8)] * 12)
    black = fault(source(device, capture))
    assert black.code == "black"
    assert "lens cap" in str(black)


def test_one_flat_color_is_broken(device: Path) -> None:
    capture = RecordingCapture([np.full((HEIGHT, WIDTH, 3), 128, np.uint8)] * 12)
    assert fault(source(device, capture)).code == "broken"


def test_a_frame_repeated_a_dozen_times_is_frozen(device: Path) -> None:
    capture = RecordingCapture([live()] * 12)
    frozen = fault(source(device, capture))
    assert frozen.code == "frozen"
    assert capture.names()[-1] == "release"


def test_an_error_inside_the_driver_closes_the_device(device: Path) -> None:
    capture = RecordingCapture([])

    def fail() -> tuple[bool, Any]:
        raise RuntimeError("driver")

    capture.read = fail  # type: ignore[method-assign]
    with pytest.raises(RuntimeError):
        source(device, capture).shoot()
    assert capture.names()[-1] == "release"


BEGUN = [(Control.POWER_LINE_FREQUENCY, 1), (Control.EXPOSURE_AUTO, 3), (Control.AUTO_WHITE_BALANCE, 1)]
FIXED = [(Control.EXPOSURE_AUTO, 1), (Control.EXPOSURE_ABSOLUTE, 200), (Control.AUTO_WHITE_BALANCE, 0)]
RELEASED = [(Control.EXPOSURE_AUTO, 3), (Control.AUTO_WHITE_BALANCE, 1)]


def test_a_burst_is_taken_with_what_the_automatics_found_in_whole_flickers_of_the_lamp(device: Path) -> None:
    """The camera was left fixed by somebody who was killed: it settles by itself all the same."""
    controls, capture = FakeControls(), RecordingCapture(steady(60))
    camera = source(device, capture, controls=controls)
    camera.shoot()
    assert controls.asked == [*BEGUN, *FIXED, *RELEASED]
    assert capture.reads() == 1 + 8 + 4 + 3, "frames that are on their way when a control is set are not the burst"
    controls.asked.clear()
    controls.values[Control.EXPOSURE_ABSOLUTE] = 156
    camera.shoot()
    assert controls.asked == [*FIXED, *RELEASED]
    camera.close()
    assert controls.asked == [*FIXED, *RELEASED, *RELEASED]


def test_a_camera_without_a_control_does_without_it_and_is_named_once(
    device: Path, caplog: pytest.LogCaptureFixture
) -> None:
    exposure, white = {Control.EXPOSURE_AUTO, Control.EXPOSURE_ABSOLUTE}, {Control.AUTO_WHITE_BALANCE}
    for missing, number, kept_out, name in (
        (Control.POWER_LINE_FREQUENCY, errno.EINVAL, set(), "power_line_frequency"),
        (Control.EXPOSURE_AUTO, errno.EINVAL, exposure, "auto_exposure"),
        (Control.EXPOSURE_ABSOLUTE, errno.ERANGE, exposure, "exposure_time_absolute"),
        (Control.AUTO_WHITE_BALANCE, errno.EACCES, white, "white_balance_automatic"),
    ):
        controls = FakeControls(refused={missing: number})
        camera = source(device, RecordingCapture(steady(60)), controls=controls)
        caplog.clear()
        for _ in range(2):
            assert camera.shoot().shape == (HEIGHT, WIDTH, 3), missing
        assert [name in line for line in caplog.messages] == [True], missing
        tries = [control for control, _ in controls.asked if control is missing]
        assert len(tries) <= 2, "a control that is not there is not asked for again and again"
        left = {control: controls.values[control] for control in exposure & kept_out - {missing}}
        assert left.get(Control.EXPOSURE_AUTO, 3) == 3, missing
        assert left.get(Control.EXPOSURE_ABSOLUTE, 156) == 156, missing
        camera.close()


def test_a_driver_that_fails_is_asked_again_and_takes_pictures(device: Path, caplog: pytest.LogCaptureFixture) -> None:
    controls = FakeControls(refused=dict.fromkeys(Control, errno.EIO))
    capture = RecordingCapture(steady(60))
    camera = source(device, capture, controls=controls)
    camera.shoot()
    assert capture.reads() == 1 + 8 + 3
    assert caplog.messages == []
    controls.refused.clear()
    camera.shoot()
    assert controls.asked[-5:] == [*FIXED, *RELEASED]


def test_the_automatics_get_the_camera_back_when_a_shot_fails(device: Path) -> None:
    controls = FakeControls()
    capture = RecordingCapture(steady(13))
    assert fault(source(device, capture, controls=controls)).code == "broken"
    assert controls.asked == [*BEGUN, *FIXED, *RELEASED]
    assert capture.names()[-1] == "release"


def test_an_exposure_that_is_not_what_the_camera_says_is_given_back(
    device: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Some tell the exposure that was last set by hand while they choose another."""
    controls = FakeControls(exposure=20_000)
    dark = [live(20, seed=seed) for seed in range(4)]
    capture = RecordingCapture([*steady(9), *dark, *steady(11)])
    frame = source(device, capture, controls=controls).shoot()
    assert frame.mean() > 85
    assert controls.asked[-4:] == [*RELEASED, *RELEASED]
    assert capture.reads() == 1 + 8 + 4 + 8 + 3
    assert ["stays automatic" in line for line in caplog.messages] == [True]


def test_bright_light_keeps_its_short_exposure_and_is_told_once(device: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    controls = FakeControls(exposure=30)
    camera = source(device, RecordingCapture(steady(60)), controls=controls)
    camera.shoot()
    camera.shoot()
    assert (Control.EXPOSURE_ABSOLUTE, 30) in controls.asked
    assert ["3 ms" in line and "stripes" in line for line in caplog.messages] == [True]


def test_locked_on_the_bare_mat_it_stays_so_for_all_shots_until_it_is_unlocked(device: Path) -> None:
    controls = FakeControls()
    capture = RecordingCapture(steady(60))
    camera = source(device, capture, controls=controls)
    camera.fix_exposure()
    locked = list(controls.asked)
    assert locked == [*BEGUN, *RELEASED, *FIXED]
    reads = capture.reads()
    camera.burst()
    camera.shoot()
    assert controls.asked == locked
    assert capture.reads() == reads + 2 * (4 + 3)
    camera.release_exposure()
    assert controls.asked == [*locked, *RELEASED]
    camera.shoot()
    assert controls.asked[len(locked) + 2 :] == [
        (Control.EXPOSURE_AUTO, 1),
        (Control.EXPOSURE_ABSOLUTE, 200),
        (Control.AUTO_WHITE_BALANCE, 0),
        *RELEASED,
    ]


def test_a_fault_unlocks(device: Path) -> None:
    controls = FakeControls()
    camera = source(device, RecordingCapture(steady(13)), RecordingCapture(steady(40)), controls=controls)
    camera.fix_exposure()
    assert fault(camera).code == "broken"
    controls.asked.clear()
    camera.shoot()
    assert controls.asked[:3] == BEGUN


def test_what_exposures_are_taken_under_lamps_on_the_mains() -> None:
    for units, mean, hz, taken in (
        (100, 110, 50, 100),
        (140, 110, 50, 100),
        (156, 110, 50, 200),
        (333, 110, 50, 300),
        (333, 110, 60, 333),
        (80, 110, 60, 83),
        (160, 140, 50, 100),  # a step longer would burn out
        (80, 110, 50, 100),
        (50, 100, 50, 100),  # dim, whatever the camera thinks
        (50, 119, 50, 50),
        (1, 119, 50, 1),
        (10_000, 4, 50, 10_000),
    ):
        assert steady_exposure(units, mean, hz) == taken, (units, mean, hz)
