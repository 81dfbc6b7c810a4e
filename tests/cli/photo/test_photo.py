"""``kiosk photo`` as a technician calls it: real shots, files that are none, channels' pictures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from kiosk.cli.kiosk import main
from kiosk.photo.channels.rules import shipped_rules
from kiosk.photo.picture_header import jpeg_segments, read_header
from kiosk.simulators.camera.simulator import SceneView, draw_view

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shots")
    for name, view in (
        ("good", SceneView("badam")),
        ("face", SceneView("badam", face=True)),
        ("blurred", SceneView("badam", blur=True)),
        ("empty", SceneView("empty")),
        ("black", SceneView("badam", black=True)),
    ):
        assert cv2.imwrite(str(folder / f"{name}.jpg"), draw_view(view))
    return folder


@pytest.fixture(autouse=True)
def _no_village(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.delenv("KIOSK_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)


def call(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["photo", *map(str, arguments)])


def checked(*files: Path) -> list[dict[str, Any]]:
    done = call("check", *files)
    assert (done.exit_code, done.stderr) == (0, "")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["file"] for row in rows] == [str(file) for file in files]
    return rows


def test_a_good_shot_is_accepted_and_others_are_not(shots: Path) -> None:
    good, face, blurred, empty, black = checked(
        *(shots / f"{name}.jpg" for name in ("good", "face", "blurred", "empty", "black"))
    )
    assert (good["verdict"], good["reasons"]) == ("accept", [])
    assert good["metrics"]["corner_markers"] == 4
    assert all(isinstance(value, float | int | None) for value in good["metrics"].values())
    for row, code in ((face, "face"), (blurred, "blur"), (empty, "empty"), (black, "dark")):
        assert row["verdict"] == "retake"
        assert row["reasons"][0]["code"] == code, row
    (reason,) = [reason for reason in blurred["reasons"] if reason["code"] == "blur"]
    assert reason["value"] > reason["limit"] > 1, "in pixels, not in thousandths"


def test_files_that_are_no_pictures_are_unreadable(shots: Path, tmp_path: Path) -> None:
    whole = (shots / "good.jpg").read_bytes()
    wide = np.full((7000, 6000), 90, np.uint8)
    for name, content in (
        ("nothing.jpg", b""),
        ("half.jpg", whole[: len(whole) // 2]),
        ("text.jpg", b"no picture"),
        ("renamed.jpg", b"GIF89a" + bytes(2000)),
        ("zeros.png", bytes(100_000)),
        ("huge.png", cv2.imencode(".png", wide)[1].tobytes()),
    ):
        (tmp_path / name).write_bytes(content)
    for row in checked(*sorted(tmp_path.iterdir())):
        assert row["verdict"] == "retake", row
        assert [reason["code"] for reason in row["reasons"]] == ["unreadable"], row


def test_the_largest_picture_stays_within_400_mb(tmp_path: Path) -> None:
    """40 megapixels with all that costs memory: 16 bits and a fourth channel, progressive, every pixel's own color."""
    deep = np.full((5000, 8000, 4), 30_000, np.uint16)
    assert cv2.imwrite(str(tmp_path / "deep.png"), deep, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    options = [cv2.IMWRITE_JPEG_PROGRESSIVE, 1, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    assert cv2.imwrite(str(tmp_path / "fine.jpg"), np.full((5000, 8000, 3), 90, np.uint8), options)
    del deep
    for row, peak_kb in measured(tmp_path / "deep.png", tmp_path / "fine.jpg"):
        assert row["verdict"] == "retake"
        assert peak_kb * 1024 < 400_000_000


def measured(*files: Path) -> list[tuple[dict[str, Any], int]]:
    """The answer for each file and the most memory that the command or a child of it held."""
    code = "import resource; print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    found = []
    for file in files:
        command = [sys.executable, "-c", f"import subprocess, sys; subprocess.run(sys.argv[1:], check=True); {code}"]
        command += [sys.executable, "-m", "kiosk.cli.kiosk", "photo", "check", str(file)]
        said = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True, env=dict(os.environ))
        answer, peak = said.stdout.splitlines() if said.stdout.startswith("{") else reversed(said.stdout.splitlines())
        found.append((json.loads(answer), int(peak)))
    return found


def test_a_shot_on_standard_input(shots: Path) -> None:
    for words in ([], ["-"]):
        with (shots / "good.jpg").open("rb") as file:
            done = subprocess.run(
                [sys.executable, "-m", "kiosk.cli.kiosk", "photo", "check", *words],
                stdin=file,
                capture_output=True,
                timeout=120,
                check=True,
            )
        row = json.loads(done.stdout)
        assert (row["file"], row["verdict"]) == ("-", "accept")


def test_a_file_that_is_not_there_is_wrong_usage(tmp_path: Path) -> None:
    done = call("check", tmp_path / "none.jpg")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == f"Error: {tmp_path / 'none.jpg'} cannot be read: No such file or directory\n"
    assert call("check", tmp_path).exit_code == 2


def test_a_listing_is_the_channel_s_picture(shots: Path, tmp_path: Path) -> None:
    for channel in ("taobao_white", "pinduoduo_home", "pinduoduo_detail"):
        out = tmp_path / f"{channel}.jpg"
        done = call("listing", shots / "good.jpg", "--channel", channel, "--out", out, "--date", "2026-12-01")
        assert (done.exit_code, done.output) == (0, "")
        data = out.read_bytes()
        (rule,) = [rule for rule in shipped_rules() if rule.channel == channel]
        header = read_header(data)
        assert header.kind == "jpeg"
        assert rule.least_px <= (header.width, header.height) <= rule.size_px
        assert rule.least_bytes <= len(data) <= rule.most_bytes
        assert not {segment.marker for segment in jpeg_segments(data)} & set(range(0xE1, 0xF0))


def test_a_shot_to_take_again_has_no_listing(shots: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jpg"
    done = call("listing", shots / "face.jpg", "--channel", "jd", "--out", out)
    assert (done.exit_code, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line in ("face: 1, limit 0", "face: 2, limit 0"), "one head may be found from the front and from the side"
    (tmp_path / "text.jpg").write_text("no picture")
    done = call("listing", tmp_path / "text.jpg", "--channel", "jd", "--out", out)
    assert done.exit_code == 1
    assert done.stderr.startswith("unreadable: ")
    assert not out.exists()


def test_a_limit_that_cannot_be_kept_is_told_and_nothing_written(shots: Path, tmp_path: Path) -> None:
    change = '[[rules]]\nchannel = "jd"\nmost_bytes = 9000\nsource = "a test"\nas_of = 2026-12-01\nconfirmed = false\n'
    (tmp_path / "channels.toml").write_text(change)
    out = tmp_path / "out.jpg"
    settings = ("--config", tmp_path / "station.toml")
    done = call("listing", shots / "good.jpg", "--channel", "jd", "--out", out, *settings)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("jd: bytes_many: ")
    assert done.stderr.endswith(", limit 9000\n")
    assert not out.exists()
    (tmp_path / "channels.toml").write_text(change.replace("9000", '"few"'))
    done = call("channels", *settings)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith(f"Error: {tmp_path / 'channels.toml'}: row 1 (jd): most_bytes: ")


def test_a_channel_nobody_knows_and_a_day_that_is_none_are_wrong_usage(shots: Path, tmp_path: Path) -> None:
    for words in (["--channel", "bazaar"], ["--channel", "jd", "--date", "2027-02-30"], []):
        done = call("listing", shots / "good.jpg", "--out", tmp_path / "out.jpg", *words)
        assert (done.exit_code, done.stdout, len(done.stderr.splitlines())) == (2, "", 1), words


def test_channels_are_listed_with_their_day_and_whether_they_are_sure() -> None:
    lines = call("channels").stdout.splitlines()
    assert lines[0].split()[:4] == ["channel", "from", "pixels", "bytes"]
    rows = {tuple(line.split()[:2]): line for line in lines[1:]}
    assert set(rows) >= {("google_merchant", "always"), ("google_merchant", "2027-01-31"), ("douyin", "always")}
    assert "2026-11-27  no " in rows["douyin", "always"]
    assert "2026-11-24  yes" in rows["google_merchant", "2027-01-31"]
