"""The launcher: the newest whole release, and the packaged one whenever there is any doubt."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.station.update.machine import NEW, OLD, OTHER_LOCK, lay_tree, packaging

choose = packaging("launch").choose


def lay(folder: Path) -> tuple[Path, Path]:
    package, releases = lay_tree(folder / "package", OLD), folder / "releases"
    lay_tree(releases / NEW, NEW)
    (releases / "current").symlink_to(NEW)
    return package, releases


def test_the_release_of_an_update_runs_when_it_is_whole_and_not_older(tmp_path: Path) -> None:
    package, releases = lay(tmp_path)
    packaged, updated = (package / "code", None), (releases / NEW / "code", None)
    assert choose(package, tmp_path / "none") == packaged
    assert choose(package, releases) == updated

    def with_release(**changed: object) -> object:
        path = releases / NEW / "release.json"
        before = path.read_bytes()
        path.write_text(json.dumps(json.loads(before) | changed))
        found = choose(package, releases)
        path.write_bytes(before)
        return found

    assert with_release(version="0.8.9") == packaged, "a newer package was installed since"
    assert with_release(version="0.9.0+gfff") == updated, "not older"
    assert with_release(python="3.11") == packaged
    assert with_release(libraries=OTHER_LOCK) == packaged, "its libraries are missing"
    for strange in ({"version": None}, {"version": "x"}, {"libraries": 3}):
        assert with_release(**strange) == packaged
    (releases / f"libraries-{OTHER_LOCK}").mkdir()
    assert with_release(libraries=OTHER_LOCK) == (releases / NEW / "code", releases / f"libraries-{OTHER_LOCK}")
    (releases / NEW / "release.json").write_text("{")
    assert choose(package, releases) == packaged
    shutil.rmtree(releases / NEW / "code")
    assert choose(package, releases) == packaged
    (releases / "current").unlink()
    (releases / "current").symlink_to("current")
    assert choose(package, releases) == packaged, "a link to itself"


def test_what_ends_an_update_runs_from_a_release_that_has_shown_that_it_starts(tmp_path: Path) -> None:
    package, releases = lay(tmp_path)
    newest = lay_tree(releases / "0.9.2", "0.9.2")
    (releases / "current").unlink()
    (releases / "current").symlink_to("0.9.2")
    assert choose(package, releases, proven=True) == (newest / "code", None), "nothing is undecided"
    for phase, former, runs in (
        ("trial", NEW, releases / NEW / "code"),
        ("switching", "", package / "code"),
        ("back", NEW, releases / NEW / "code"),
        ("keep", NEW, newest / "code"),
    ):
        (releases / "journal.json").write_text(json.dumps({"phase": phase, "former": former}))
        assert choose(package, releases, proven=True).code == runs
        assert choose(package, releases).code == newest / "code", "the station itself is on trial"
    (releases / "journal.json").write_text("{")
    assert choose(package, releases, proven=True) == (package / "code", None)


def test_it_starts_the_program_of_its_own_name_and_its_children_too(tmp_path: Path) -> None:
    code = tmp_path / "code/kiosk/cli"
    code.mkdir(parents=True)
    (code / "__init__.py").touch()
    (code.parent / "__init__.py").touch()
    (code / "sorting_center.py").write_text(
        "import os\n\n\ndef main() -> int:\n    print(__file__, os.environ['PYTHONPATH'])\n    return 7\n"
    )
    script = tmp_path / "bin/sorting-center"
    script.parent.mkdir()
    shutil.copyfile(packaging("launch").__file__, script)
    (tmp_path / "link").symlink_to(script)
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-I", str(tmp_path / "link")], capture_output=True, text=True, check=False, env=environ
    )
    assert done.stdout.split() == [str(code / "sorting_center.py"), str(tmp_path / "code")]
    assert done.returncode == 7, done.stderr


def test_the_launcher_needs_nothing_of_the_program() -> None:
    text = Path(packaging("launch").__file__).read_text(encoding="utf-8")
    assert len(text.splitlines()) < 100
    assert "from kiosk" not in text
    assert "import kiosk" not in text
