"""``kiosk demo``: the whole job, for real, in one process tree that leaves nothing behind."""

from __future__ import annotations

import json
import logging
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner
from PIL import Image

from kiosk.cli import demo as command
from kiosk.cli.kiosk import main as kiosk
from kiosk.cli.sorting_center import main as center
from kiosk.domain.identifiers import ReceiptNumber, bag_of
from kiosk.simulators.shared.counter_stock import stock_counter
from kiosk.station.shared.clock import StationClock
from kiosk.station.shared.settings import StationSettings
from tests.simulators.bench.village import PaperVillage


def demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "kiosk.cli.kiosk", "demo", "--once", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
    )


def living_in(folder: Path) -> list[list[str]]:
    """Command lines of processes that work in this folder."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        line = process.info["cmdline"] or []
        if any(str(folder) in word for word in line):
            found.append(line)
    return found


def test_one_whole_intake_and_one_line_of_json(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    done = demo("--dir", str(folder))
    assert done.returncode == 0, done.stdout + done.stderr
    (line,) = done.stdout.splitlines()
    told = json.loads(line)
    assert set(told) == {"ok", "receipt", "net_g", "label_text", "photo_sha256", "acknowledged", "seconds"}
    assert (told["ok"], told["acknowledged"], told["net_g"]) == (True, True, 12_450)
    assert told["receipt"] == "0147-A-000001"
    assert bag_of(told["label_text"]) == (ReceiptNumber.parse(told["receipt"]), 1)
    _only_what_was_cut_out_is_kept(folder, told["photo_sha256"])
    assert 0 < told["seconds"] <= 120
    assert living_in(tmp_path) == []
    for log in (folder / "logs").iterdir():
        assert "Traceback" not in log.read_text(), log.name


def _only_what_was_cut_out_is_kept(folder: Path, master: str) -> None:
    """The camera's own picture lies in its folder, and nowhere in the station's: neither as it is nor re-encoded."""
    with closing(sqlite3.connect(folder / "station" / "station.db")) as connection:
        row, bar = connection.execute("SELECT sha256, natural_sha256 FROM photo ORDER BY shot").fetchall()
    assert row == (master, row[1])
    assert bar == (row[1], row[1]), "buyers see it on the mat, too"
    pictures = {path.stem: path for path in (folder / "station").rglob("*") if _is_picture(path)}
    assert set(pictures) == {master, row[1]}
    for path in pictures.values():
        with Image.open(path) as image:
            assert 800 <= image.width == image.height <= 1600
    assert (folder / "camera" / "scene.jpg").exists()


def _is_picture(path: Path) -> bool:
    return path.is_file() and path.read_bytes()[:3] in (b"\xff\xd8\xff", b"\x89PN")


def test_a_demo_that_cannot_begin_says_which_step_failed(tmp_path: Path) -> None:
    (tmp_path / "devices").write_text("a file is in the way")
    done = demo("--dir", str(tmp_path))
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert (told["ok"], told["step"]) == (False, "start every program")
    assert "devices" in told["error"]
    assert done.stderr == "the demo failed at: start every program\n"
    assert living_in(tmp_path) == []


def test_a_county_that_cannot_be_is_one_line(subtests: pytest.Subtests) -> None:
    for arguments, text in [
        (["--village", "many"], "'many' is not a valid integer"),
        (["--village", "-3"], "a county has 1 to 1000 stations"),
        (["--village", "1001"], "a county has 1 to 1000 stations"),
        (["--village", "3.5"], "'3.5' is not a valid integer"),
        (["--village", "3", "--once"], "leave --village out"),
    ]:
        with subtests.test(arguments=arguments, text=text):
            wrong = CliRunner().invoke(kiosk, ["demo", *arguments])
            assert (wrong.exit_code, wrong.stdout) == (2, "")
            assert text in wrong.stderr
            assert len(wrong.stderr.splitlines()) == 1


def test_the_demo_prints_where_to_begin_and_no_pin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    class Standing(PaperVillage):
        def __enter__(self) -> Standing:
            settings = StationSettings("S0147", "yarkant", tmp_path / "station")
            self.counter_stock = stock_counter(settings, StationClock("Asia/Shanghai"))
            return self

        def __exit__(self, *_: object) -> None:
            """Nothing was started."""

    class Stop(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            return True

    monkeypatch.setattr("kiosk.base.shutdown.shutdown_event", Stop)
    # The program's own way would have every later test log here.
    monkeypatch.setattr("kiosk.app.process.setup_logging", lambda: logging.getLogger().setLevel(logging.INFO))
    village = Standing(tmp_path, storefront_url="http://127.0.0.1:2")
    command.serve_demo(lambda: village, 0)
    told = capfd.readouterr()
    migrations = logging.getLogger("alembic.runtime.migration")
    assert not migrations.isEnabledFor(logging.INFO) and migrations.isEnabledFor(logging.WARNING)
    first, *others = told.out.splitlines()
    assert first.startswith("bench ") and "begin here" in first
    assert [line.split("  ")[0] for line in others if "http://" in line] == ["station", "sorting center", "storefront"]
    for person in village.center_access.people:
        assert told.out.count(person.password) == 1
    assert village.counter_stock is not None
    for worker in village.counter_stock.people:
        assert worker.pin not in told.out + told.err


def test_without_one_of_the_two_programs_one_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(command, "find_spec", lambda name: None if name == "psycopg" else find_spec(name))
    ended = CliRunner().invoke(kiosk, ["demo"])
    assert (ended.exit_code, ended.stdout) == (1, "")
    assert ended.stderr.count("\n") == 1
    assert "station-kiosk[demo]" in ended.stderr


def test_a_library_that_is_not_installed_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    for program, noun, module, extra in (
        (kiosk, "gs1", "kiosk.cli.codes", "station"),
        (center, "broker-check", "kiosk.cli.broker_check", "center"),
    ):
        monkeypatch.setitem(sys.modules, module, None)
        ended = CliRunner().invoke(program, [noun, "--help"])
        assert ended.exit_code == 1
        assert ended.stderr.endswith(f": {module} is not installed: pip install 'station-kiosk[{extra}]'\n")
