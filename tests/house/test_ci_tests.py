"""What decides whether a run of all tests counts: a failure by chance is named, everything else is red."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from scripts.ci_tests import base, essence, touched

ROOT = Path(__file__).resolve().parents[2]
CONFTEST = """
from tests_of_the_house import failures_record


def pytest_configure(config):
    failures_record.register(config)
"""
OLD = "2026-01-01T00:00:00+00:00"
NEW = "2026-01-02T00:00:00+00:00"
FLAKY = """
from pathlib import Path

def test_by_chance_{n}():
    mark = Path("mark-{n}")
    seen = mark.exists()
    mark.touch()
    assert seen
"""
GOOD = "\ndef test_good():\n    pass\n"
BROKEN = "\ndef test_broken():\n    assert False\n"


@dataclass(frozen=True)
class Project:
    """A small project under git, its tests committed long before HEAD unless a case says otherwise."""

    folder: Path

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, encoding="utf-8")

    def commit(self, when: str) -> None:
        env = {**os.environ, "GIT_COMMITTER_DATE": when, "GIT_AUTHOR_DATE": when}
        who = ["-c", "user.name=x", "-c", "user.email=x@example.invalid"]
        for words in (["add", "-A"], [*who, "commit", "-q", "--allow-empty", "-m", when]):
            subprocess.run(["git", *words], cwd=self.folder, env=env, check=True)

    def judge(self, first: str = "", **env: str) -> tuple[int, list[str]]:
        pytest_here = f"{sys.executable} -m pytest -q -p no:cacheprovider"
        done = subprocess.run(
            [sys.executable, ROOT / "scripts/ci_tests.py", "--first", first or pytest_here, "--again", pytest_here],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(self.folder), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **env},
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, done.stdout.splitlines()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    subprocess.run(["git", "init", "-q", "."], cwd=tmp_path, check=True)
    made = Project(tmp_path)
    (tmp_path / "tests_of_the_house").mkdir()
    made.write("tests_of_the_house/failures_record.py", (ROOT / "tests/house/failures_record.py").read_text())
    made.write("conftest.py", CONFTEST)
    made.write(".gitignore", "mark-*\n__pycache__/\n")
    made.write("test_good.py", GOOD)
    return made


def committed(project: Project, **files: str) -> None:
    for name, text in files.items():
        project.write(f"{name}.py", text)
    project.commit(OLD)
    project.commit(NEW)


def test_green_at_once_counts_and_names_nothing(project: Project) -> None:
    committed(project)
    code, lines = project.judge()
    assert code == 0
    assert not [line for line in lines if "FLAKY" in line or "RED" in line]


def test_three_by_chance_count_and_stand_in_the_last_lines(project: Project) -> None:
    committed(project, test_chance="".join(FLAKY.format(n=n) for n in range(3)))
    code, lines = project.judge()
    assert code == 0
    named = [f"FLAKY test_chance.py::test_by_chance_{n}" for n in range(3)]
    assert lines[-5:-2] == named
    assert lines[-1] == "4 passed, 0 failed"


def test_four_by_chance_are_red(project: Project) -> None:
    committed(project, test_chance="".join(FLAKY.format(n=n) for n in range(4)))
    code, lines = project.judge()
    assert (code, lines[-1]) == (1, "RED: 4 tests failed: more than 3 are no chance.")


def test_a_second_failure_is_red_beside_one_by_chance(project: Project) -> None:
    committed(project, test_chance=FLAKY.format(n=1), test_broken=BROKEN)
    code, lines = project.judge()
    assert code == 1
    assert "RED test_broken.py::test_broken" in lines
    assert "FLAKY test_chance.py::test_by_chance_1" in lines


ALTERED: tuple[tuple[str, Callable[[str], str], bool], ...] = (
    ("as it was", lambda text: text, False),
    ("its own text", lambda text: text.replace("assert seen", "assert seen, 'not yet'"), True),
    ("another call", lambda text: text.replace("mark.touch()", "mark.touch(0o600)"), True),
    ("what stands beside it", lambda text: text + "\nLIMIT = 3\n", True),
    ("another test", lambda text: text + GOOD, False),
    ("a remark", lambda text: text + "\n# a remark\n", False),
    ("other imports", lambda text: text.replace("import Path", "import Path, PurePath"), False),
    ("imports inside", lambda text: text.replace("    seen =", "    import os\n    seen ="), False),
)
"""What may become of a test that fails by chance, and whether that touches it."""
CHANCE = "test_by_chance_1"


@pytest.mark.parametrize("place", ["test_chance.py", "room/test_chance.py"], ids=["in its place", "moved"])
@pytest.mark.parametrize(("altered", "red"), [row[1:] for row in ALTERED], ids=[row[0] for row in ALTERED])
def test_what_touches_a_test(
    project: Project, monkeypatch: pytest.MonkeyPatch, altered: Callable[[str], str], red: bool, place: str
) -> None:
    project.write("test_chance.py", FLAKY.format(n=1))
    project.commit(OLD)
    (project.folder / "test_chance.py").unlink()
    (project.folder / "room").mkdir()
    project.write(place, altered(FLAKY.format(n=1)))
    project.commit(NEW)
    monkeypatch.chdir(project.folder)
    monkeypatch.delenv("CI_BASE", raising=False)
    assert touched(f"{place}::{CHANCE}", base()) is red


def test_a_failure_the_change_touched_is_red(project: Project) -> None:
    project.write("test_chance.py", FLAKY.format(n=1))
    project.commit(OLD)
    project.write("test_chance.py", FLAKY.format(n=1) + "\nLIMIT = 3\n")
    project.commit(NEW)
    code, lines = project.judge()
    assert (code, lines[-1]) == (1, f"RED: the change itself touched test_chance.py::{CHANCE}.")


def test_a_failure_in_a_file_that_moved_is_tried_again(project: Project) -> None:
    project.write("test_chance.py", FLAKY.format(n=1))
    project.commit(OLD)
    (project.folder / "test_chance.py").rename(project.folder / "test_moved.py")
    project.commit(NEW)
    code, lines = project.judge()
    assert (code, lines[-1]) == (0, "2 passed, 0 failed")
    assert f"FLAKY test_moved.py::{CHANCE}" in lines


def test_a_copy_is_no_move(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file it was copied from is still there: the tests of the copy are new."""
    project.write("test_chance.py", FLAKY.format(n=1))
    project.commit(OLD)
    project.write("test_copy.py", FLAKY.format(n=1))
    project.commit(NEW)
    monkeypatch.chdir(project.folder)
    monkeypatch.delenv("CI_BASE", raising=False)
    assert touched(f"test_copy.py::{CHANCE}", base())
    assert not touched(f"test_chance.py::{CHANCE}", base())


def test_a_new_file_is_touched(project: Project) -> None:
    project.commit(OLD)
    project.write("test_chance.py", FLAKY.format(n=1))
    project.commit(NEW)
    assert project.judge()[0] == 1


def test_the_change_may_be_named(project: Project) -> None:
    project.commit(OLD)
    committed(project, test_chance=FLAKY.format(n=1))
    assert project.judge(CI_BASE="HEAD~1")[0] == 0


def test_without_a_history_everything_is_touched(project: Project) -> None:
    project.write("test_chance.py", FLAKY.format(n=1))
    code, lines = project.judge()
    assert code == 1
    assert lines[-1].startswith("RED: the change itself touched")


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("test_none.py", "import nothing_of_that_name\n", "RED: pytest ended with status 2."),
        ("test_end.py", "import os\n\ndef test_end():\n    os._exit(0)\n", "RED: the run of the tests broke off."),
    ],
    ids=["cannot be collected", "ends the process"],
)
def test_a_run_that_broke_off_is_red(project: Project, name: str, text: str, why: str) -> None:
    committed(project)
    project.write(name, text)
    code, lines = project.judge()
    assert (code, lines[-1]) == (1, why)


def test_a_process_of_a_run_that_died_is_red_whatever_a_second_run_would_say(project: Project) -> None:
    """It took tests with it that nobody has run."""
    dies = FLAKY.format(n=1).replace("assert seen", "seen or __import__('os')._exit(3)")
    committed(project, test_dies=dies)
    by_file = "-p xdist -n 2 --dist loadfile --max-worker-restart 0"
    code, lines = project.judge(first=f"{sys.executable} -m pytest -q -p no:cacheprovider {by_file}")
    assert (code, lines[-1]) == (1, "RED: pytest ended with status 3.")


def test_a_command_that_fails_although_its_tests_passed_is_red(project: Project) -> None:
    committed(project)
    project.write("first.sh", f"{sys.executable} -m pytest -q -p no:cacheprovider\nexit 3\n")
    code, lines = project.judge(first="sh first.sh")
    assert (code, lines[-1]) == (1, "RED: pytest ended with status 3.")


def test_a_failing_tear_down_is_a_failure(project: Project) -> None:
    committed(
        project, test_late="import pytest\n@pytest.fixture\ndef f():\n    yield\n    assert 0\ndef test_late(f): ...\n"
    )
    code, lines = project.judge()
    assert code == 1
    assert "RED test_late.py::test_late" in lines


def test_what_decides_about_a_test() -> None:
    source = "import a\n\ndef helper(): ...\n\ndef test_one(): ...\n\nclass TestTwo: ...\n"
    assert essence(source, "test_one") == essence(source.replace("class TestTwo: ...\n", ""), "test_one")
    assert essence(source, "test_one") == essence(source.replace("import a", "from b import a"), "test_one")
    assert essence(source, "test_one") != essence(source.replace("helper()", "helper(more)"), "test_one")
    inside = "def test_one():\n    import {}\n    a.do()\n"
    assert essence(inside.format("a"), "test_one") == essence(inside.format("b as a"), "test_one")
    assert essence(inside.format("a"), "test_one") != essence(inside.format("a").replace("do", "undo"), "test_one")
    assert essence(source, "TestTwo") != essence(source, "test_one")
