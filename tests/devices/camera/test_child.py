"""The child's side: its loop, and pictures from files."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from kiosk.devices.camera.child.__main__ import make_source
from kiosk.devices.camera.child.image_file import ImageFileSource
from kiosk.devices.camera.child.server import serve
from kiosk.devices.camera.child.v4l2 import V4l2Source
from kiosk.devices.camera.settings import CameraSettings
from kiosk.devices.camera.wire import PREFIX, ShotRefused, ShotRequest, ShotTaken, pack, unpack_answer, unpack_prefix
from kiosk.devices.ports import CameraFault
from kiosk.photo.arrays import BgrImage


def picture(seed: int = 0, level: int = 255) -> BgrImage:
    return np.random.default_rng(seed).integers(0, level, (60, 80, 3)).astype(np.uint8)


class FakeSource:
    """Gives or raises what it was told, in order."""

    def __init__(self, *outcomes: BgrImage | Exception) -> None:
        self._outcomes = iter(outcomes)

    def shoot(self) -> BgrImage:
        outcome = next(self._outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def close(self) -> None:
        """Nothing to free."""


class Trickle(io.BytesIO):
    """A pipe that takes only a little at a time."""

    def write(self, data: object, /) -> int:
        return super().write(memoryview(data)[:100])  # type: ignore[arg-type]


def converse(source: FakeSource, requests: bytes) -> tuple[list[tuple[ShotTaken | ShotRefused, bytes]], list[float]]:
    alarms: list[float] = []
    answers = Trickle()
    serve(source, io.BytesIO(requests), answers, alarms.append)
    answers.seek(0)
    said = []
    while prefix := answers.read(PREFIX.size):
        head, body = unpack_prefix(prefix)
        said.append((unpack_answer(answers.read(head)), answers.read(body)))
    return said, alarms


def test_pictures_and_faults_are_answered_in_order_each_under_its_own_alarm() -> None:
    requests = pack(ShotRequest(1, 2.0)) + pack(ShotRequest(2, 3.0)) + pack(ShotRequest(3, 4.0))
    source = FakeSource(picture(), CameraFault("black", "take off the cap"), MemoryError("no room"))
    said, alarms = converse(source, requests)
    assert said[0][0] == ShotTaken(1, 80, 60)
    assert said[0][1].startswith(b"\xff\xd8")
    assert said[1] == (ShotRefused(2, "black", "take off the cap"), b"")
    assert isinstance(said[2][0], ShotRefused)
    assert said[2][0].code == "broken"
    assert "MemoryError: no room" in said[2][0].message
    assert alarms == [3.0, 0, 4.0, 0, 5.0, 0]


def test_endless_messages_and_invented_codes_are_brought_into_bounds() -> None:
    said, _ = converse(FakeSource(CameraFault("tired", "x" * 5_000)), pack(ShotRequest(1, 1.0)))
    assert said == [(ShotRefused(1, "broken", "x" * 800), b"")]


@pytest.mark.parametrize(
    "garbage", [b"", b"abc", bytes(8), b"\xff" * 40, PREFIX.pack(4, 0) + b"{}  ", PREFIX.pack(2, 1)]
)
def test_the_child_leaves_when_the_station_is_gone_or_talks_nonsense(garbage: bytes) -> None:
    assert converse(FakeSource(), garbage) == ([], [])


def test_a_hanging_source_is_ended_by_the_kernel_when_no_station_is_left_to_do_it() -> None:
    script = """
import sys, time
from kiosk.devices.camera.child import server
class Hangs:
    def shoot(self): time.sleep(600)
    def close(self): pass
server._GRACE_S = 0.2
server.serve(Hangs(), sys.stdin.buffer, sys.stdout.buffer)
"""
    run = subprocess.run(
        [sys.executable, "-c", script], input=pack(ShotRequest(1, 0.1)), capture_output=True, timeout=30, check=False
    )
    assert run.returncode == -signal.SIGALRM


def test_wrong_use_of_the_child_is_one_clear_line() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "kiosk.devices.camera.child"], capture_output=True, timeout=30, check=False, text=True
    )
    assert run.returncode == 1
    assert run.stderr.count("\n") == 1
    assert "usage" in run.stderr


def test_settings_choose_the_adapter() -> None:
    assert isinstance(make_source(CameraSettings("v4l2", "/dev/video0")), V4l2Source)
    assert isinstance(make_source(CameraSettings("file", "/x.jpg")), ImageFileSource)
    with pytest.raises(ValueError, match="none"):
        make_source(CameraSettings("none", ""))


def save(path: Path, image: BgrImage) -> Path:
    assert cv2.imwrite(str(path), image)
    return path


def fault(path: Path) -> CameraFault:
    with pytest.raises(CameraFault) as caught:
        ImageFileSource(str(path)).shoot()
    return caught.value


def test_a_file_is_read_anew_for_each_shot(tmp_path: Path) -> None:
    file = save(tmp_path / "scene.png", picture(1))
    source = ImageFileSource(str(file))
    assert np.array_equal(source.shoot(), picture(1))
    save(file, picture(2))
    assert np.array_equal(source.shoot(), picture(2))


def test_the_newest_image_of_a_directory_is_taken(tmp_path: Path) -> None:
    for seed, (name, stamp) in enumerate([("a.png", 100), ("b.PNG", 300), ("c.png", 200), ("notes.txt", 900)]):
        file = tmp_path / name
        file.write_bytes(b"") if name.endswith("txt") else file.write_bytes(cv2.imencode(".png", picture(seed))[1])
        os.utime(file, (stamp, stamp))
    (tmp_path / "folder.jpg").mkdir()
    assert np.array_equal(ImageFileSource(str(tmp_path)).shoot(), picture(1))


def test_nothing_there_is_a_missing_camera(tmp_path: Path) -> None:
    for path in (tmp_path / "none.jpg", tmp_path):
        gone = fault(path)
        assert gone.code == "missing"
        assert str(path) in str(gone)


def test_a_pipe_under_the_name_is_missing_and_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "scene.jpg")
    assert fault(tmp_path / "scene.jpg").code == "missing"


def test_a_half_written_file_is_refused(tmp_path: Path) -> None:
    file = save(tmp_path / "scene.jpg", picture())
    file.write_bytes(file.read_bytes()[:-40])
    refused = fault(file)
    assert refused.code == "format"
    assert "not fully written" in str(refused)


def test_black_and_flat_files_are_refused(tmp_path: Path) -> None:
    assert fault(save(tmp_path / "black.png", picture(level=4))).code == "black"
    assert fault(save(tmp_path / "flat.png", np.full((60, 80, 3), 130, np.uint8))).code == "broken"
