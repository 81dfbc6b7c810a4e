"""The child's side: its loop, and pictures from files."""

from __future__ import annotations

import hashlib
import io
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from kiosk.devices.camera.child.__main__ import make_source
from kiosk.devices.camera.child.faults import UnreadablePicture
from kiosk.devices.camera.child.image_file import ImageFileSource
from kiosk.devices.camera.child.picamera import PicameraSource
from kiosk.devices.camera.child.ports import Burst
from kiosk.devices.camera.child.rpicam import RpicamSource
from kiosk.devices.camera.child.server import EXPOSURE_FIXED_S, Judge, serve
from kiosk.devices.camera.child.v4l2 import V4l2Source
from kiosk.devices.camera.settings import CameraSettings
from kiosk.devices.camera.wire import (
    MAX_LIVE_VIEW_BYTES,
    PREFIX,
    Answer,
    GoodsInspected,
    MatMeasured,
    Request,
    ShotCaptured,
    ShotRefused,
    WireLiveView,
    pack,
    unpack_answer,
    unpack_prefix,
)
from kiosk.devices.ports import CameraFault
from kiosk.domain.mat_measures import MatMeasure, MatMeasures, MatQuality
from kiosk.domain.verdict import Finding, Measures, Reason, Verdict
from kiosk.photo.arrays import BgrImage
from kiosk.photo.codec import decode_picture, metadata_markers
from kiosk.photo.pictures import likeness
from kiosk.photo.pipeline import Inspection
from kiosk.photo.sheet.live_view import LiveViewAssessment
from kiosk.photo.sheet.mat_measurement import MeasuredMat


def picture(seed: int = 0, level: int = 255) -> BgrImage:
    return np.random.default_rng(seed).integers(0, level, (60, 80, 3)).astype(np.uint8)


class FakeSource:
    """Gives or raises what it was told, in order."""

    path = "/x"

    def __init__(self, *outcomes: BgrImage | Exception) -> None:
        self._outcomes = iter(outcomes)
        self.exposure: list[str] = []
        self.looks = 0

    def shoot(self) -> BgrImage:
        outcome = next(self._outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def burst(self) -> Burst:
        return Burst(self.shoot(), (picture(1), picture(2)))

    def live_frame(self) -> BgrImage:
        self.looks += 1
        return self.shoot()

    def fix_exposure(self) -> None:
        self.exposure.append("fixed")

    def release_exposure(self) -> None:
        self.exposure.append("released")

    def close(self) -> None:
        """Nothing to free."""


class Trickle(io.BytesIO):
    """A pipe that takes only a little at a time."""

    def write(self, data: object, /) -> int:
        return super().write(memoryview(data)[:100])  # type: ignore[arg-type]


MASTER, NATURAL = np.full((160, 160, 3), 255, np.uint8), np.full((160, 150, 3), 119, np.uint8)
MEASURES = Measures(2_400, 130, 90, 3, 2_100, 1_500, 3_200)


FOUND = MatMeasures(tuple(MatMeasure(one, 2_000, 3_000) for one in MatQuality))
NOT_FOUND = MatMeasures((MatMeasure(MatQuality.MARKERS, 1_000, 3_000),))
ACCEPTED = Inspection(Verdict(), MEASURES, MASTER, NATURAL)


def look(*lights: Reason, picture_of: BgrImage | None = NATURAL) -> LiveViewAssessment:
    return LiveViewAssessment(picture(7), lights, still=True, picture=picture_of)


class FakePipeline:
    """Says what it was told, and remembers what it was shown."""

    def __init__(
        self,
        said: Inspection | Exception = ACCEPTED,
        mat: MeasuredMat | None = None,
        looks: Sequence[LiveViewAssessment] = (),
    ) -> None:
        self.said = said
        self.mat = mat or MeasuredMat(FOUND, NATURAL)
        self.shown: list[tuple[BgrImage, Sequence[BgrImage]]] = []
        self.looks, self.befores = list(looks), list[BgrImage | None]()

    def assess_live_view(self, frame: BgrImage, before: BgrImage | None) -> LiveViewAssessment:
        self.befores.append(before)
        return self.looks.pop(0)

    def measure_mat(self, frame: BgrImage, others: Sequence[BgrImage]) -> MeasuredMat:
        self.shown.append((frame, others))
        return self.mat

    def inspect(self, frame: BgrImage, *, others: Sequence[BgrImage] = ()) -> Inspection:
        self.shown.append((frame, others))
        if isinstance(self.said, Exception):
            raise self.said
        return self.said


def converse(
    source: FakeSource, requests: bytes, inspect: FakePipeline | None = None
) -> tuple[list[tuple[Answer, bytes]], list[float]]:
    alarms: list[float] = []
    answers = Trickle()
    serve(source, io.BytesIO(requests), answers, inspect or FakePipeline(), alarms.append)
    answers.seek(0)
    said = []
    while prefix := answers.read(PREFIX.size):
        head, body = unpack_prefix(prefix)
        said.append((unpack_answer(answers.read(head)), answers.read(body)))
    return said, alarms


def test_pictures_and_faults_are_answered_in_order_each_under_its_own_alarm() -> None:
    requests = pack(Request("shoot", 1, 2.0)) + pack(Request("shoot", 2, 3.0)) + pack(Request("shoot", 3, 4.0))
    source = FakeSource(picture(), CameraFault("black", "take off the cap"), MemoryError("no room"))
    said, alarms = converse(source, requests)
    assert said[0][0] == ShotCaptured(1, 80, 60)
    assert said[0][1].startswith(b"\xff\xd8")
    assert said[1] == (ShotRefused(2, "black", "take off the cap"), b"")
    assert isinstance(said[2][0], ShotRefused)
    assert said[2][0].code == "broken"
    assert "MemoryError: no room" in said[2][0].message
    assert alarms == [3.0, 0, 4.0, 0, 5.0, 0]


def of_goods(source: FakeSource, said: Inspection | Exception = ACCEPTED) -> tuple[GoodsInspected | ShotRefused, bytes]:
    ((answer, body),), _ = converse(source, pack(Request("goods", 1, 2.0)), FakePipeline(said))
    assert isinstance(answer, GoodsInspected | ShotRefused)
    return answer, body


def told(source: FakeSource, said: Inspection) -> tuple[GoodsInspected, bytes]:
    answer, body = of_goods(source, said)
    assert isinstance(answer, GoodsInspected)
    return answer, body


def test_a_burst_of_goods_is_judged_and_only_the_two_pictures_leave() -> None:
    pipeline = FakePipeline()
    ((answer, body),), alarms = converse(FakeSource(picture()), pack(Request("goods", 1, 2.0)), pipeline)
    assert isinstance(answer, GoodsInspected)
    (shown,) = pipeline.shown
    assert np.array_equal(shown[0], picture())
    assert [np.array_equal(one, two) for one, two in zip(shown[1], (picture(1), picture(2)), strict=True)] == [True] * 2
    assert answer.findings == ()
    assert answer.measures == Measures(2_400, 130, 90, 3, 2_100, 1_500, 3_200)
    assert answer.frame_sha256 == hashlib.sha256(picture().tobytes()).hexdigest()
    assert answer.master is not None and answer.natural is not None
    assert (answer.master.width, answer.master.height) == (160, 160)
    assert (answer.natural.width, answer.natural.height) == (150, 160)
    assert len(body) == answer.master.size_bytes + answer.natural.size_bytes
    for jpeg, level in ((body[: answer.master.size_bytes], 255), (body[answer.master.size_bytes :], 119)):
        assert metadata_markers(jpeg) == ()
        assert abs(float(decode_picture(jpeg).mean()) - level) < 2
    assert answer.likeness == likeness(MASTER)
    assert alarms == [3.0, 0]


@pytest.mark.parametrize("reason", sorted({Reason.FACE, Reason.MAT, Reason.EMPTY, Reason.HAND}))
def test_of_a_shot_that_nobody_may_keep_no_picture_leaves_whatever_the_pipeline_gives(reason: Reason) -> None:
    verdict = Verdict((Finding(Reason.BLUR, 4, 3), Finding(reason, 1, 0)))
    answer, body = told(FakeSource(picture()), replace(ACCEPTED, verdict=verdict))
    assert answer.findings == (Finding(Reason.BLUR, 4, 3), Finding(reason, 1, 0))
    assert (answer.measures, answer.master, answer.natural, answer.likeness, body) == (None, None, None, "", b"")


def test_a_shot_that_a_clerk_may_overrule_has_its_pictures() -> None:
    answer, body = told(FakeSource(picture()), replace(ACCEPTED, verdict=Verdict((Finding(Reason.BLUR, 4, 3),))))
    assert answer.master is not None and body


def test_numbers_outside_the_bounds_are_brought_into_them() -> None:
    verdict = Verdict((Finding(Reason.BLUR, 2**40, -5),))
    answer, _ = told(
        FakeSource(picture()), replace(ACCEPTED, verdict=verdict, measures=Measures(20_000, -1, 2**40, 3, 4, 10**6, 5))
    )
    assert answer.findings == (Finding(Reason.BLUR, 2**31 - 1, 0),)
    assert answer.measures == Measures(10_000, 0, 1_000_000, 3, 4, 90_000, 5)


def test_an_unreadable_file_and_a_frozen_camera_are_reasons_and_other_faults_stay_faults() -> None:
    for fault, reason in (
        (UnreadablePicture("format", "torn"), Reason.UNREADABLE),
        (CameraFault("frozen", "repeats"), Reason.FROZEN),
    ):
        assert of_goods(FakeSource(fault)) == (GoodsInspected(1, (Finding(reason, 0, 0),)), b"")
    for code in ("missing", "format", "broken"):
        answer, _ = of_goods(FakeSource(CameraFault(code, "plug it in")))
        assert answer == ShotRefused(1, code, "plug it in")  # type: ignore[arg-type]


def test_a_pipeline_that_fails_or_gives_half_is_a_fault() -> None:
    for said in (ZeroDivisionError(), replace(ACCEPTED, master=None), replace(ACCEPTED, measures=None)):
        answer, body = of_goods(FakeSource(picture()), said)
        assert isinstance(answer, ShotRefused)
        assert (answer.code, body) == ("broken", b"")


def kept(folder: Path, content: bytes, name: str | None = None) -> Path:
    path = folder / (name or f"{hashlib.sha256(content).hexdigest()}.jpg")
    path.write_bytes(content)
    return path


def jpeg_of(image: BgrImage) -> bytes:
    return bytes(cv2.imencode(".jpg", image)[1].tobytes())


def measured(source: FakeSource, mat: MeasuredMat) -> tuple[Answer, bytes]:
    (told,), _ = converse(source, pack(Request("measure", 1, 2.0)), FakePipeline(mat=mat))
    return told


def test_the_mat_is_measured_in_a_burst_and_its_preview_leaves() -> None:
    answer, body = measured(FakeSource(picture()), MeasuredMat(FOUND, NATURAL))
    assert isinstance(answer, MatMeasured)
    assert answer.measures == tuple(MatMeasure(one, 2_000, 3_000) for one in MatQuality)
    assert answer.preview is not None
    assert (answer.preview.size_bytes, answer.preview.width, answer.preview.height) == (len(body), 150, 160)
    assert metadata_markers(body) == ()
    assert answer.frame_sha256 == hashlib.sha256(picture().tobytes()).hexdigest()


def test_without_the_mat_no_picture_leaves_and_a_lens_cap_is_a_fault() -> None:
    bare = MeasuredMat(NOT_FOUND, None)
    answer, body = measured(FakeSource(picture()), bare)
    assert isinstance(answer, MatMeasured)
    assert (answer.measures, answer.preview, body) == (
        (MatMeasure(MatQuality.MARKERS, 1_000, 3_000),),
        None,
        b"",
    )
    answer, body = measured(FakeSource(np.zeros((60, 80, 3), np.uint8)), bare)
    assert isinstance(answer, ShotRefused)
    assert (answer.code, body) == ("black", b"")
    answer, _ = measured(FakeSource(CameraFault("frozen", "repeats")), bare)
    assert answer == ShotRefused(1, "frozen", "repeats")


def test_a_look_shows_the_interior_alone_and_is_compared_with_the_one_before() -> None:
    looks = (
        look(),
        look(Reason.MAT, picture_of=None),
        look(Reason.EMPTY),
        look(),
    )
    pipeline = FakePipeline(looks=looks)
    outcomes = (picture(), picture(), picture(), CameraFault("missing", "gone"), picture())
    requests = b"".join(pack(Request("look", number, 1.0)) for number in range(1, 6))
    source = FakeSource(*outcomes)
    said, _ = converse(source, requests, pipeline)
    assert source.looks == 5, "a single frame each, no burst"
    answer, body = said[0]
    assert isinstance(answer, WireLiveView) and answer.picture is not None
    assert (answer.lights, answer.still, answer.picture.width, answer.picture.height) == ((), True, 150, 160)
    assert metadata_markers(body) == () and answer.picture.size_bytes == len(body) <= MAX_LIVE_VIEW_BYTES
    assert said[1] == (WireLiveView(2, (Reason.MAT,), still=False), b"")
    assert isinstance(said[3][0], ShotRefused)
    compared = [before is not None and np.array_equal(before, picture(7)) for before in pipeline.befores]
    assert compared == [False, True, True, False]  # after a fault there is nothing to compare with


def test_the_exposure_over_the_empty_mat_is_that_of_the_shot_and_ends_with_it() -> None:
    now, empty, goods = [0.0], look(Reason.EMPTY), look()
    lit_wrong = look(Reason.DARK, Reason.EMPTY)
    source = FakeSource(*(picture() for _ in range(8)), CameraFault("missing", "gone"))
    pipeline = FakePipeline(looks=[lit_wrong, empty, empty, goods, empty, goods, empty])
    judge = Judge(source, pipeline, lambda: now[0])
    for number in range(4):
        judge.live_view(number)
    assert source.exposure == ["fixed"]
    judge.judge_shot(4)
    assert source.exposure == ["fixed", "released"]
    judge.live_view(5)
    now[0] += EXPOSURE_FIXED_S
    judge.live_view(6)
    assert source.exposure == ["fixed", "released"] * 2, "whose light may have changed since"
    judge.live_view(7)
    with pytest.raises(CameraFault):
        judge.judge_shot(8)
    assert source.exposure == ["fixed", "released"] * 3


def test_a_look_stays_small_whatever_is_on_the_mat() -> None:
    wild = np.random.default_rng(5).integers(0, 255, (300, 420, 3)).astype(np.uint8)
    pipeline = FakePipeline(looks=[look(picture_of=wild)])
    ((answer, body),), _ = converse(FakeSource(picture()), pack(Request("look", 1, 1.0)), pipeline)
    assert isinstance(answer, WireLiveView)
    assert 0 < len(body) <= MAX_LIVE_VIEW_BYTES


def test_measures_outside_the_bounds_are_brought_into_them() -> None:
    wild = MatMeasures((MatMeasure(MatQuality.MARKERS, -1, 2**40),))
    answer, _ = measured(FakeSource(picture()), MeasuredMat(wild, None))
    assert isinstance(answer, MatMeasured)
    assert answer.measures == (MatMeasure(MatQuality.MARKERS, 0, 2**31 - 1),)


def test_endless_messages_and_invented_codes_are_brought_into_bounds() -> None:
    said, _ = converse(FakeSource(CameraFault("tired", "x" * 5_000)), pack(Request("shoot", 1, 1.0)))
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
    def burst(self): time.sleep(600)
    def close(self): pass
server._GRACE_S = 0.2
server.serve(Hangs(), sys.stdin.buffer, sys.stdout.buffer, pipeline=None)
"""
    run = subprocess.run(
        [sys.executable, "-c", script],
        input=pack(Request("shoot", 1, 0.1)),
        capture_output=True,
        timeout=30,
        check=False,
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
    assert isinstance(make_source(CameraSettings("rpicam", "0")), RpicamSource)
    assert isinstance(make_source(CameraSettings("picamera2", "0")), PicameraSource)
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


def test_what_a_file_shows_is_left_to_the_judges(tmp_path: Path) -> None:
    for level, name in ((4, "black.png"), (255, "lit.png")):
        burst = ImageFileSource(str(save(tmp_path / name, picture(level=level)))).burst()
        assert (burst.frame.shape, burst.others) == ((60, 80, 3), ())
    with pytest.raises(UnreadablePicture):
        ImageFileSource(str(kept(tmp_path, b"no picture", "text.png"))).burst()


def test_black_and_flat_files_are_refused(tmp_path: Path) -> None:
    assert fault(save(tmp_path / "black.png", picture(level=4))).code == "black"
    assert fault(save(tmp_path / "flat.png", np.full((60, 80, 3), 130, np.uint8))).code == "broken"
