"""The station's side: children that work, die, hang, babble and lie."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import textwrap
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import psutil
import pytest

from kiosk.devices.camera import process as camera_process
from kiosk.devices.camera.process import CameraChild, ChildCamera, child_command, live_view_frame
from kiosk.devices.camera.settings import CameraKind, CameraSettings
from kiosk.devices.camera.wire import WireError, WireLiveView, WirePicture
from kiosk.devices.ports import CameraFault, GoodsShot, MatShot
from kiosk.domain.mat_measures import MatMeasure, MatMeasures, MatQuality
from kiosk.domain.verdict import Finding, Measures, Reason, Verdict
from kiosk.photo.codec import metadata_markers
from kiosk.simulators.camera.simulator import CameraSimulator

PATIENT_S = 60.0
"""For shots that should work: a loaded machine may need seconds to start Python and OpenCV."""

WORDS = """
from kiosk.devices.camera.wire import *
from kiosk.devices.camera.wire import PREFIX
from kiosk.domain.mat_measures import MatMeasure, MatQuality
from kiosk.domain.verdict import Finding, Measures
JPEG = b"\\xff\\xd8\\xff\\xe0" + b"x" * 200 + b"\\xff\\xd9"
OTHER = b"\\xff\\xd8\\xff\\xe0" + b"y" * 100 + b"\\xff\\xd9"
SIZES = dict(master=WirePicture(len(JPEG), 1600, 1600), natural=WirePicture(len(OTHER), 1600, 1600))
MEASURES = Measures(2400, 130, 90, 3, 2100, 1500, 3200)
def goods(number, *reasons, frame="", **parts):
    findings = tuple(Finding(reason, 4, 3) for reason in reasons)
    parts = {"findings": findings, "measures": MEASURES, **SIZES, "likeness": "0f" * 8, **parts}
    return GoodsInspected(number, **parts, frame_sha256=frame)
def mat(number, *qualities, **parts):
    measures = tuple(MatMeasure(quality, 2000, 3000) for quality in qualities or MatQuality)
    return MatMeasured(number, measures, **{"preview": WirePicture(len(JPEG), 500, 350), **parts})
def bare(number, *reasons, frame="", **parts):
    nothing = dict(measures=None, master=None, natural=None, likeness="")
    return goods(number, *reasons, frame=frame, **{**nothing, **parts})
"""
SPEAK = f"""
import sys, time
{WORDS}
from kiosk.devices.camera.wire import unpack_prefix, unpack_request
def ask():
    prefix = sys.stdin.buffer.read(8)
    if len(prefix) < 8: sys.exit(0)
    return unpack_request(sys.stdin.buffer.read(unpack_prefix(prefix)[0]))
def say(data):
    sys.stdout.buffer.write(data); sys.stdout.buffer.flush()
"""
WORKING = "while True: say(pack(ShotCaptured(ask().number, 64, 48), JPEG))"

ANSWER_AND_LEAVE = 'head -c 8 > /dev/null; exec cat "$0"'
"""A shell's: once something is asked it says what the file holds. It starts in a fraction of what Python takes."""

Make = Callable[..., ChildCamera]


def said(script: str) -> bytes:
    """What a child that runs the script would say to the first request."""
    told: list[bytes] = []
    words: dict[str, object] = {"n": 1, "say": told.append, "ask": lambda: SimpleNamespace(number=1)}
    exec(WORDS + script, words)
    return b"".join(told)


def scene(path: Path, seed: int = 1) -> Path:
    image = np.random.default_rng(seed).integers(0, 255, (48, 64, 3)).astype(np.uint8)
    assert cv2.imwrite(str(path), cv2.resize(image, (640, 480), interpolation=cv2.INTER_NEAREST))
    return path


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A child that was killed is waited for until a loaded machine has let go of it."""
    monkeypatch.setattr(camera_process, "_EXIT_TIMEOUT_S", PATIENT_S)


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Cameras that are closed afterwards, and proof that nothing of them is left."""
    before = {child.pid for child in psutil.Process().children()}  # Of servers of other tests the children change
    descriptors = len(os.listdir("/proc/self/fd"))  # noqa: PTH208  no Path wanted, only the count
    cameras: list[ChildCamera] = []

    def make_camera(
        script: str | None = None,
        kind: CameraKind = "file",
        path: str = "/x",
        idle_s: float = 60,
        answer: str | None = None,
    ) -> ChildCamera:
        command = None if script is None else [sys.executable, "-c", SPEAK + textwrap.dedent(script)]
        if answer is not None:
            (tmp_path / "answer").write_bytes(said(answer))
            command = ["/bin/sh", "-c", ANSWER_AND_LEAVE, str(tmp_path / "answer")]
        cameras.append(ChildCamera(CameraSettings(kind, path), command, idle_s))
        return cameras[-1]

    yield make_camera
    for camera in cameras:
        camera.close()
    assert {child.pid for child in psutil.Process().children()} <= before
    # A timer that has fired may be at its last step.
    wait_until(lambda: not [thread for thread in threading.enumerate() if thread.name == "camera-idle"])
    assert len(os.listdir("/proc/self/fd")) <= descriptors  # noqa: PTH208


def fault(camera: ChildCamera, deadline_s: float = PATIENT_S) -> CameraFault:
    with pytest.raises(CameraFault) as caught:
        camera.shoot(deadline_s)
    return caught.value


def wait_until(happened: Callable[[], bool], patience_s: float = PATIENT_S) -> None:
    end = time.monotonic() + patience_s
    pause = threading.Event()
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        pause.wait(0.01)


def born(camera: ChildCamera, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The process ids of the children it starts from now on; the camera itself forgets them when they end."""
    pids: list[int] = []
    start = camera._start

    def noted() -> CameraChild:
        child = start()
        pids.append(child.pid)
        return child

    monkeypatch.setattr(camera, "_start", noted)
    return pids


def test_the_real_child_takes_a_picture_of_a_file(make: Make, tmp_path: Path) -> None:
    camera = make(path=str(scene(tmp_path / "scene.jpg")))
    assert camera.child_pid is None, "the child starts with the first shot, not before"

    shot = camera.shoot(PATIENT_S)

    assert (shot.width, shot.height) == (640, 480)
    assert shot.sha256 == hashlib.sha256(shot.jpeg).hexdigest()
    assert metadata_markers(shot.jpeg) == ()
    pid = camera.child_pid
    scene(tmp_path / "scene.jpg", seed=2)
    assert camera.shoot(PATIENT_S).sha256 != shot.sha256
    assert camera.child_pid == pid, "one child serves many shots"


def test_the_real_child_judges_what_lies_on_the_mat(make: Make, tmp_path: Path) -> None:
    simulator, camera = CameraSimulator(tmp_path), make(path=str(tmp_path))
    shot = camera.inspect(PATIENT_S)
    assert shot.verdict.accepted
    assert shot.measures is not None and shot.master is not None and shot.natural is not None
    for picture in (shot.master, shot.natural):
        assert 800 <= picture.width == picture.height <= 1600
        assert metadata_markers(picture.jpeg) == ()
    mat = camera.measure(PATIENT_S)
    assert mat.measures.good and mat.preview is not None
    assert metadata_markers(mat.preview.jpeg) == ()
    looks = [camera.live_view(PATIENT_S) for _ in range(2)]
    assert [(one.lights, one.still) for one in looks] == [((), False), ((), True)]
    assert all(one.picture and metadata_markers(one.picture.jpeg) == () for one in looks)
    simulator.command("hand")
    assert Reason.HAND in camera.live_view(PATIENT_S).lights
    refused = camera.inspect(PATIENT_S)
    assert Reason.HAND in [one.reason for one in refused.verdict.findings]
    assert refused.master is None
    simulator.command("scene badam")
    simulator.command("face")
    face = camera.inspect(PATIENT_S)
    assert [one.reason for one in face.verdict.findings] == [Reason.FACE]
    assert (face.measures, face.master, face.natural) == (None, None, None)
    assert camera.child_pid is not None
    peak = Path(f"/proc/{camera.child_pid}/status").read_text().partition("VmHWM:")[2].split()[0]
    assert int(peak) < 250_000, "kilobytes"
    (tmp_path / "scene.jpg").write_bytes((tmp_path / "scene.jpg").read_bytes()[:-40])
    assert [one.reason for one in camera.inspect(PATIENT_S).verdict.findings] == [Reason.UNREADABLE]


def test_the_same_file_twice_is_not_frozen(make: Make, tmp_path: Path) -> None:
    camera = make(path=str(scene(tmp_path / "scene.jpg")))
    assert camera.shoot(PATIENT_S).sha256 == camera.shoot(PATIENT_S).sha256


def test_faults_of_the_real_child_arrive_and_it_goes_on(make: Make, tmp_path: Path) -> None:
    file = tmp_path / "scene.jpg"
    camera = make(path=str(file))
    missing = fault(camera)
    assert missing.code == "missing"
    assert str(file) in str(missing) and "plug it in" in str(missing)
    pid = camera.child_pid
    file.write_bytes(b"no picture")
    assert fault(camera).code == "format"
    scene(file)
    assert camera.shoot(PATIENT_S).width == 640
    assert camera.child_pid == pid


def test_the_real_child_reports_a_missing_v4l2_device(make: Make) -> None:
    gone = fault(make(kind="v4l2", path="/dev/v4l/by-id/no-such-camera"))
    assert gone.code == "missing"
    assert "/dev/v4l/by-id/no-such-camera" in str(gone)


def test_no_camera_set_up_starts_no_child(make: Make) -> None:
    camera = make(kind="none", path="")
    assert fault(camera).code == "missing"
    assert camera.child_pid is None


def test_a_hanging_child_is_killed_at_the_deadline_and_started_again(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cured = tmp_path / "cured"
    camera = make(f"""
        from pathlib import Path
        number = ask().number
        if not Path({str(cured)!r}).exists():
            time.sleep(600)
        say(pack(ShotCaptured(number, 64, 48), JPEG))
        ask()
    """)
    pids = born(camera, monkeypatch)
    started = time.monotonic()
    late = fault(camera, 2.0)

    assert time.monotonic() - started < 2 + PATIENT_S, "a tenth of what the child would sleep"
    assert late.code == "timeout"
    assert "2 s" in str(late)
    assert len(pids) == 1 and not psutil.pid_exists(pids[0]), "killed and reaped"
    assert camera.child_pid is None
    cured.touch()
    assert camera.shoot(PATIENT_S).width == 64


def test_a_child_that_trickles_is_cut_off_at_the_deadline(make: Make) -> None:
    camera = make("""
        message = pack(ShotCaptured(ask().number, 64, 48), JPEG * 100)
        for at in range(len(message)):
            say(message[at:at + 1]); time.sleep(0.05)
    """)
    started = time.monotonic()
    assert fault(camera, 2.0).code == "timeout"
    assert time.monotonic() - started < 2 + PATIENT_S, "all of it would take a quarter of an hour"


def test_a_child_killed_in_the_middle_of_a_shot_is_a_fault_and_the_next_shot_works(make: Make, tmp_path: Path) -> None:
    marker = tmp_path / "asked"
    camera = make(f"""
        from pathlib import Path
        number = ask().number
        if not Path({str(marker)!r}).exists():
            Path({str(marker)!r}).touch()
            time.sleep(600)
        say(pack(ShotCaptured(number, 64, 48), JPEG))
        ask()
    """)
    outcome: list[CameraFault] = []
    shooting = threading.Thread(target=lambda: outcome.append(fault(camera)))
    shooting.start()
    wait_until(marker.exists)
    pid = camera.child_pid
    assert pid is not None
    psutil.Process(pid).kill()
    shooting.join(PATIENT_S)

    assert outcome[0].code == "broken"
    assert "try again" in str(outcome[0])
    assert not psutil.pid_exists(pid)
    assert camera.shoot(PATIENT_S).height == 48


def test_a_child_that_died_between_shots_is_replaced_unnoticed(make: Make) -> None:
    camera = make(WORKING)
    camera.shoot(PATIENT_S)
    pid = camera.child_pid
    assert pid is not None
    child = psutil.Process(pid)
    child.kill()
    wait_until(lambda: child.status() == psutil.STATUS_ZOMBIE)
    assert camera.shoot(PATIENT_S).width == 64
    assert not psutil.pid_exists(pid)


def test_a_child_that_babbles_lies_or_leaves_is_a_fault_and_never_a_hang(subtests: pytest.Subtests, make: Make) -> None:
    for script in [
        "ask(); say(b'Traceback (most recent call last): ...\\n' * 50)",
        "ask(); say(bytes(64))",
        "ask(); say(b'\\xff' * 64)",
        "ask(); say(PREFIX.pack(20, 0) + b'{' * 20)",
        "ask(); say(PREFIX.pack(4097, 0) + b' ' * 4097)",
        "n = ask().number; say(PREFIX.pack(30, 20_000_001) + b' ' * 30)",
        "n = ask().number; say(pack(ShotCaptured(n, 64, 48), b'<html>no picture</html>'))",
        "n = ask().number; say(pack(ShotCaptured(n, 64, 48), JPEG[:-1]))",
        "n = ask().number; say(pack(ShotCaptured(n, 64, 48), b''))",
        "n = ask().number; say(pack(ShotCaptured(n, 0, 70_000), JPEG))",
        "n = ask().number; say(pack(ShotCaptured(n + 1, 64, 48), JPEG))",
        "n = ask().number; say(pack(ShotRefused(n, 'invented', 'x')))",
        "n = ask().number; say(pack(ShotRefused(n, 'black', 'x'), JPEG))",
        "n = ask().number; say(pack(ShotCaptured(n, 64, 48), JPEG)[:-9])",
        "ask()",
    ]:
        with subtests.test(script=script):
            camera = make(answer=script)
            broken = fault(camera)
            assert broken.code == "broken"
            assert "/x" in str(broken)
            assert camera.child_pid is None


def test_a_child_of_python_that_babbles_or_leaves_is_a_fault(subtests: pytest.Subtests, make: Make) -> None:
    for script in ["ask(); say(b'Traceback (most recent call last): ...\\n' * 50)", "ask()", "sys.exit(3)"]:
        with subtests.test(script=script):
            camera = make(script)
            assert (fault(camera).code, camera.child_pid) == ("broken", None)


GOOD = "while True: say(pack(goods(ask().number), JPEG + OTHER))"


def test_a_judged_shot_comes_with_its_pictures(make: Make) -> None:
    for camera in (make(GOOD), make(answer="say(pack(goods(n), JPEG + OTHER))")):
        shot = camera.inspect(PATIENT_S)
        assert shot.verdict.accepted
        assert shot.measures == Measures(2_400, 130, 90, 3, 2_100, 1_500, 3_200)
        assert shot.master is not None and shot.natural is not None
        for part, size in ((shot.master, 206), (shot.natural, 106)):
            assert (len(part.jpeg), part.width, part.height) == (size, 1600, 1600)
            assert part.sha256 == hashlib.sha256(part.jpeg).hexdigest()


def test_a_judged_shot_may_have_a_detail(make: Make) -> None:
    shot = make(answer="say(pack(goods(n, detail=WirePicture(len(OTHER), 512, 512)), JPEG + OTHER + OTHER))").inspect(
        PATIENT_S
    )
    assert shot.detail is not None and shot.natural is not None
    assert (shot.detail.jpeg, shot.detail.width) == (shot.natural.jpeg, 512)


def test_a_retake_has_pictures_only_when_a_clerk_may_overrule_it(make: Make) -> None:
    camera = make("""
        say(pack(goods(ask().number, "blur", "dark"), JPEG + OTHER))
        say(pack(bare(ask().number, "blur", "hand")))
        ask()
    """)
    first, second = camera.inspect(PATIENT_S), camera.inspect(PATIENT_S)
    assert first.verdict.may_be_overruled and first.master is not None
    assert (first.likeness, second.likeness) == ("0f" * 8, "")
    assert [one.reason for one in second.verdict.findings] == ["blur", "hand"]
    assert second.master is None


def test_a_child_that_lies_about_goods_is_a_fault(subtests: pytest.Subtests, make: Make) -> None:
    for script in [
        "say(pack(goods(n, 'face'), JPEG + OTHER))",
        "say(pack(bare(n, 'face'), JPEG))",
        "say(pack(goods(n, 'face', measures=None, natural=None), JPEG))",
        "say(pack(goods(n), JPEG))",
        "say(pack(goods(n), JPEG + OTHER + b'x'))",
        "say(pack(goods(n), OTHER + JPEG))",
        "say(pack(goods(n), b'<html>' * 52))",
        "say(pack(goods(n, measures=None), JPEG + OTHER))",
        "say(pack(goods(n, detail=WirePicture(len(OTHER), 512, 512)), JPEG + OTHER))",
        "say(pack(bare(n, 'face', detail=WirePicture(len(JPEG), 512, 512)), JPEG))",
        "say(pack(goods(n, master=None), OTHER))",
        "say(pack(bare(n)))",
        "say(pack(goods(n, 'blur', 'blur'), JPEG + OTHER))",
        "say(pack(goods(n, 'ugly'), JPEG + OTHER))",
        "say(pack(goods(n, *['blur'] * 17), JPEG + OTHER))",
        "say(pack(goods(n, measures=Measures(10_001, 1, 1, 1, 1, 1, 1)), JPEG + OTHER))",
        "say(pack(goods(n, measures=Measures(1, 1, 1, 1, 1, 90_001, 1)), JPEG + OTHER))",
        "say(pack(goods(n, measures=Measures(1, 1_000_001, 1, 1, 1, 1, 1)), JPEG + OTHER))",
        "say(pack(goods(n, measures=Measures(1, 1, 1, -1, 1, 1, 1)), JPEG + OTHER))",
        "say(pack(goods(n, findings=(Finding('blur', -1, 3),)), JPEG + OTHER))",
        "say(pack(bare(n, findings=(Finding('face', 1, 2**31),))))",
        "say(pack(goods(n, master=WirePicture(8_000_001, 1600, 1600)), JPEG + OTHER))",
        "say(pack(goods(n, master=WirePicture(len(JPEG), 0, 1600)), JPEG + OTHER))",
        "say(pack(goods(n, frame='x'), JPEG + OTHER))",
        "say(pack(goods(n, likeness=''), JPEG + OTHER))",
        "say(pack(goods(n, likeness='0f' * 8 + chr(10)), JPEG + OTHER))",
        "say(pack(bare(n, 'face', likeness='0f' * 8)))",
        "say(pack(goods(n + 1), JPEG + OTHER))",
        "say(pack(mat(n), JPEG))",
        "say(pack(ShotCaptured(n, 64, 48), JPEG))",
    ]:
        with subtests.test(script=script):
            camera = make(answer=script)
            with pytest.raises(CameraFault) as caught:
                camera.inspect(PATIENT_S)
            assert caught.value.code == "broken"
            assert camera.child_pid is None


def test_the_mat_comes_measured(make: Make) -> None:
    camera = make("""
        say(pack(mat(ask().number), JPEG))
        say(pack(mat(ask().number, "markers", preview=None)))
        ask()
    """)
    found, missing = camera.measure(PATIENT_S), camera.measure(PATIENT_S)
    assert [row.quality for row in found.measures.rows] == list(MatQuality)
    assert found.preview is not None and (found.preview.width, found.preview.height) == (500, 350)
    assert missing == MatShot(MatMeasures((MatMeasure(MatQuality.MARKERS, 2_000, 3_000),)))


def test_a_child_that_lies_about_the_mat_is_a_fault(subtests: pytest.Subtests, make: Make) -> None:
    for script in [
        "say(pack(mat(n, preview=None)))",
        "say(pack(mat(n), OTHER))",
        "say(pack(mat(n), b'x' * len(JPEG)))",
        "say(pack(mat(n, preview=WirePicture(500_001, 9, 9)), b'x' * 500_001))",
        "say(pack(mat(n, 'markers'), JPEG))",
        "say(pack(mat(n, 'tilt', preview=None)))",
        "say(pack(mat(n, 'markers', 'markers'), JPEG))",
        "say(pack(MatMeasured(n, (MatMeasure('markers', -1, 1),))))",
        "say(pack(MatMeasured(n, (MatMeasure('markers', 1, 2**31),))))",
        "say(pack(mat(n, *['markers'] * 6), JPEG))",
        "say(pack(mat(n + 1), JPEG))",
        "say(pack(goods(n), JPEG + OTHER))",
        "say(pack(ShotCaptured(n, 64, 48), JPEG))",
    ]:
        with subtests.test(script=script):
            camera = make(answer=script)
            with pytest.raises(CameraFault) as caught:
                camera.measure(PATIENT_S)
            assert (caught.value.code, camera.child_pid) == ("broken", None)


LOOK_JPEG = b"\xff\xd8\xff\xe0" + b"x" * 200 + b"\xff\xd9"
LOOKED = WirePicture(len(LOOK_JPEG), 420, 300)


def test_a_look_that_lies_is_not_believed(subtests: pytest.Subtests) -> None:
    for answer, body in [
        (WireLiveView(1, (), True), b""),
        (WireLiveView(1, (), True), LOOK_JPEG),
        (WireLiveView(1, (), True, LOOKED), b""),
        (WireLiveView(1, (), True, LOOKED), LOOK_JPEG + b"x"),
        (WireLiveView(1, (), True, LOOKED), b"x" * len(LOOK_JPEG)),
        (WireLiveView(1, (), True, WirePicture(len(LOOK_JPEG), 481, 300)), LOOK_JPEG),
        (WireLiveView(1, (), True, WirePicture(len(LOOK_JPEG), 420, 481)), LOOK_JPEG),
        (WireLiveView(1, (), True, WirePicture(40_001, 420, 300)), LOOK_JPEG.ljust(39_999, b"x") + b"\xff\xd9"),
        (WireLiveView(1, (Reason.MAT,), False, LOOKED), LOOK_JPEG),
        (WireLiveView(1, (Reason.MAT,), False), LOOK_JPEG),
        (WireLiveView(1, (Reason.MAT,), True), b""),
        (WireLiveView(1, (Reason.FACE,), True, LOOKED), LOOK_JPEG),
        (WireLiveView(1, (Reason.DARK, Reason.DARK), True, LOOKED), LOOK_JPEG),
    ]:
        with subtests.test(answer=answer, body=body), pytest.raises(WireError):
            live_view_frame(answer, body)


def test_another_answer_is_no_look(make: Make) -> None:
    camera = make("say(pack(mat(ask().number), JPEG))")
    with pytest.raises(CameraFault) as caught:
        camera.live_view(PATIENT_S)
    assert (caught.value.code, camera.child_pid) == ("broken", None)


def test_codes_that_lie_are_not_believed_and_a_child_that_hangs_on_one_is_ended(make: Make) -> None:
    for lie in (
        "say(pack(CodesDetected(ask().number, ('A',)), JPEG))",  # a picture, which nobody asked for
        "say(pack(CodesDetected(ask().number, ('A',) * 5)))",
        "say(pack(CodesDetected(ask().number, ('A' * 701,))))",
        "say(pack(mat(ask().number), JPEG))",
        "ask(); sys.exit(1)",
    ):
        camera = make(lie)
        with pytest.raises(CameraFault) as caught:
            camera.read_codes(PATIENT_S)
        assert (caught.value.code, camera.child_pid) == ("broken", None), lie
    camera = make("ask(); time.sleep(600)")
    with pytest.raises(CameraFault) as caught:
        camera.read_codes(0.2)
    assert (caught.value.code, camera.child_pid) == ("timeout", None)


def test_a_v4l2_camera_that_repeats_a_frame_of_the_mat_is_frozen(make: Make) -> None:
    camera = make("while True: say(pack(mat(ask().number, frame_sha256='ab' * 32), JPEG))", kind="v4l2", path="/dev/v9")
    assert camera.measure(PATIENT_S).measures.is_mat_found
    with pytest.raises(CameraFault, match="repeats"):
        camera.measure(PATIENT_S)
    assert camera.child_pid is None


def test_a_verdict_is_no_answer_to_a_plain_shot(make: Make) -> None:
    assert fault(make(GOOD)).code == "broken"


def test_a_v4l2_camera_that_repeats_a_frame_of_goods_is_frozen_and_opened_anew(make: Make) -> None:
    camera = make(
        "while True: say(pack(goods(ask().number, frame='ab' * 32), JPEG + OTHER))", kind="v4l2", path="/dev/v9"
    )
    assert camera.inspect(PATIENT_S).verdict.accepted
    assert camera.inspect(PATIENT_S) == GoodsShot(Verdict((Finding(Reason.FROZEN, 0, 0),)))
    assert camera.child_pid is None


def test_a_file_is_never_frozen(make: Make) -> None:
    same = "while True: say(pack(goods(ask().number, frame='ab' * 32), JPEG + OTHER))"
    file = make(same)
    for _ in range(2):
        assert file.inspect(PATIENT_S).verdict.accepted


def test_a_child_that_never_stops_sending_is_cut_off(make: Make) -> None:
    camera = make("ask()\nwhile True: say(b'{' * 65536)")
    assert fault(camera).code == "broken"


def test_what_is_left_over_from_one_answer_is_never_the_next_picture(make: Make) -> None:
    camera = make("""
        n = ask().number
        say(pack(ShotCaptured(n, 64, 48), JPEG) + pack(ShotCaptured(n, 64, 48), JPEG))
        ask(); time.sleep(600)
    """)
    camera.shoot(PATIENT_S)
    assert fault(camera).code == "broken"


def test_a_command_that_cannot_be_started_is_a_fault() -> None:
    camera = ChildCamera(CameraSettings("file", "/x"), ["/no/such/program"])
    assert fault(camera).code == "broken"
    camera.close()


def test_a_v4l2_camera_that_repeats_itself_is_frozen_and_its_child_is_ended(make: Make) -> None:
    camera = make(WORKING, kind="v4l2", path="/dev/video9")
    camera.shoot(PATIENT_S)
    frozen = fault(camera)
    assert frozen.code == "frozen"
    assert "/dev/video9" in str(frozen) and "unplug it" in str(frozen)
    assert camera.child_pid is None, "the device is opened anew for the next try"


def test_a_child_the_kernel_does_not_let_go_of_is_reaped_later(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    camera = make(WORKING, kind="v4l2", path="/dev/video9")
    camera.shoot(PATIENT_S)
    stuck = camera.child_pid

    def never(_: object, timeout: float | None = None) -> int:
        raise subprocess.TimeoutExpired("child", timeout or 0)

    with monkeypatch.context() as patch:
        patch.setattr(subprocess.Popen, "wait", never)
        assert fault(camera).code == "frozen"
    assert stuck is not None
    # Nobody has waited for it, so it lies there dead, and the next fault takes it away.
    wait_until(lambda: not psutil.pid_exists(stuck) or psutil.Process(stuck).status() == psutil.STATUS_ZOMBIE)
    fault(camera)
    assert not psutil.pid_exists(stuck)


def test_an_idle_child_ends_and_the_next_shot_starts_another(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    camera = make(WORKING, idle_s=0.3)
    pids = born(camera, monkeypatch)
    camera.shoot(PATIENT_S)
    wait_until(lambda: not psutil.pid_exists(pids[0]))
    wait_until(lambda: camera.child_pid is None)
    assert camera.shoot(PATIENT_S).width == 64


def test_use_keeps_the_child_alive_beyond_the_idle_time(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock of its own: a rest of this machine between two shots is no idle time."""
    now = [time.monotonic()]
    monkeypatch.setattr(camera_process, "time", SimpleNamespace(monotonic=lambda: now[0]))
    camera = make(WORKING, idle_s=0.2)
    pids, looks, look = born(camera, monkeypatch), Counter[str](), camera._arm

    def looked(delay_s: float) -> None:
        looks["armed"] += 1
        look(delay_s)

    monkeypatch.setattr(camera, "_arm", looked)
    while looks["armed"] < 4:  # three times somebody has looked whether it is idle
        camera.shoot(PATIENT_S)
        now[0] += 0.001
    assert pids == [camera.child_pid]
    now[0] += 0.2
    wait_until(lambda: camera.child_pid is None)


def test_closing_cuts_a_shot_short_and_later_shots_are_refused(make: Make) -> None:
    camera = make("ask(); time.sleep(600)")
    outcome: list[CameraFault] = []
    shooting = threading.Thread(target=lambda: outcome.append(fault(camera, 600.0)))
    shooting.start()
    wait_until(lambda: camera.child_pid is not None)
    started = time.monotonic()
    camera.close()
    shooting.join(PATIENT_S)
    assert time.monotonic() - started < PATIENT_S, "a tenth of what the child would sleep"
    assert outcome[0].code == "missing"
    assert "stopping" in str(outcome[0])
    assert fault(camera).code == "missing"
    camera.close()


def test_a_second_caller_waits_its_turn_and_gives_up_at_its_own_deadline(make: Make, tmp_path: Path) -> None:
    marker = tmp_path / "asked"
    camera = make(f"from pathlib import Path\nask(); Path({str(marker)!r}).touch(); time.sleep(600)")
    shooting = threading.Thread(target=lambda: fault(camera, 600.0))
    shooting.start()
    wait_until(marker.exists)
    busy = fault(camera, 0.2)
    assert busy.code == "timeout"
    assert "busy" in str(busy)
    camera.close()
    shooting.join(PATIENT_S)


def test_two_callers_both_get_their_picture(make: Make) -> None:
    camera = make(WORKING)
    widths: list[int] = []
    callers = [threading.Thread(target=lambda: widths.append(camera.shoot(PATIENT_S).width)) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert widths == [64] * 4


def test_the_child_ends_when_the_station_is_gone(tmp_path: Path) -> None:
    command = child_command(CameraSettings("file", str(scene(tmp_path / "scene.jpg"))))
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None
        child.stdin.close()
        assert child.wait(PATIENT_S) == 0


def test_the_station_does_not_load_image_libraries() -> None:
    script = """
import sys
import kiosk.devices.camera.process, kiosk.devices.camera.settings
sys.exit(sum(name.split(".")[0] in ("cv2", "numpy", "PIL") for name in sys.modules))
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
