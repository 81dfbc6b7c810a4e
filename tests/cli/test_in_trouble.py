"""Doctor and bundle when what they look at is locked up, in use, missing or broken: rows and a line, no traceback."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kiosk.cli.doctor import report
from kiosk.cli.kiosk import main
from kiosk.store.database.migrate import migrate
from tests.cli.test_doctor import Village

NOBODY = 65_534


@contextmanager
def nobody() -> Iterator[None]:
    """Root's rights are put away: they open everything."""
    if os.geteuid() != 0:
        yield
        return
    groups = os.getgroups()
    os.setgroups([])
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


@pytest.fixture
def village(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Village]:
    """A stopped station in a folder that anybody may enter, with a log and two marks."""
    monkeypatch.setattr("kiosk.base.systemd.MARK", Path("/nowhere"))
    monkeypatch.setattr(report, "_SCALE_S", 0.05)
    monkeypatch.setattr(report, "_SCANNER_S", 0.05)
    template = tmp_path / "template"
    migrate(template)
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    with ExitStack() as ends:
        ends.callback(shutil.rmtree, folder)
        village = Village(folder, template, ends)
        (folder / "data" / "station.log").write_text("Reyhan\n")
        (folder / "data" / "logs").mkdir()
        (folder / "data" / "logs" / "old.log").write_text("Reyhan\n")
        (folder / "data" / "relay-mark").write_text("{}")
        yield village


def run(village: Village, *words: str) -> Result:
    with nobody():
        return CliRunner().invoke(main, [*words, "--config", str(village.config)])


def in_good_order(village: Village, case: str) -> Result:
    """Neither ends with a traceback, and what has no result has one line. The doctor's table."""
    told = run(village, "doctor")
    wrote = run(village, "bundle", "--to", str(village.folder / "medium"))
    for name, done in (("doctor", told), ("bundle", wrote)):
        assert done.exception is None or isinstance(done.exception, SystemExit), (
            case,
            name,
            "".join(traceback.format_exception(done.exception)[-6:]),
        )
        assert done.exit_code in (0, 1, 2), (case, name)
        assert "Traceback" not in done.output, (case, name)
    assert told.exit_code == 2 or len(told.stdout.splitlines()) > 3, (case, told.output)
    assert len(wrote.output.splitlines()) == 1, (case, wrote.output)
    return told


def of_nobody(folder: Path) -> None:
    if os.geteuid() == 0:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, NOBODY, NOBODY, follow_symlinks=False)


def test_without_the_rights_of_the_administrator(village: Village) -> None:
    """Everything belongs to somebody else: data folder, settings, medium."""
    for path in (village.folder / "data", village.folder / "medium"):
        path.chmod(0o700 if os.geteuid() == 0 else 0)
    told = in_good_order(village, "nobody")
    says_once_who_is_to_look(told, village.folder / "data")
    says_once_who_is_to_look(run(village, "doctor", "--json"), village.folder / "data")
    village.config.chmod(0)
    told = in_good_order(village, "nobody, no settings")
    says_once_who_is_to_look(told, village.config)
    for path in (village.folder / "data", village.folder / "medium"):
        path.chmod(0o755)


def says_once_who_is_to_look(told: Result, closed: Path) -> None:
    """No row: each would be a guess about what cannot be seen."""
    assert (told.exit_code, told.stdout) == (2, "")
    line = f"{closed} is closed to this user (Permission denied): type the command as administrator, with sudo\n"
    assert told.stderr == line


def test_each_file_and_folder_locked_up_in_its_turn(village: Village) -> None:
    of_nobody(village.folder)
    assert run(village, "bundle").exit_code == 0, "nobody is the owner"
    paths = [path for path in sorted(village.folder.rglob("*")) if not path.is_symlink()]
    names = {path.relative_to(village.folder).parts[0] for path in paths}
    assert {"data", "medium", "station.toml", "camera.jpg"} <= names
    for path in paths:
        mode = path.stat().st_mode & 0o777
        path.chmod(0)
        try:
            told = in_good_order(village, str(path))
        finally:
            path.chmod(mode)
        if path == village.database:
            assert f"{path} cannot be read (Permission denied)" in told.stdout


def broken_settings(village: Village) -> Iterator[tuple[str, Callable[[], object]]]:
    config = village.config
    for name, data in {
        "empty": b"",
        "half a table": b"[station",
        "no text": bytes(range(256)),
        "nested": b"x = " + b"[" * 100_000,
        "a table that is none": b"station = 1\n",
        "numbers that are none": b"[station]\nstation = nan\nregion = 1e400\n",
        "a huge number": b"[web]\nport = " + b"9" * 5000 + b"\n",
    }.items():
        yield name, lambda data=data: config.write_bytes(data)  # type: ignore[misc]
    yield "gone", config.unlink
    yield "a folder", config.mkdir
    yield "a link to itself", lambda: (config.rmdir(), config.symlink_to(config))


def test_settings_that_are_broken_in_every_way(village: Village) -> None:
    for name, spoil in broken_settings(village):
        spoil()
        in_good_order(village, name)


def test_a_database_that_is_missing_empty_or_a_folder(village: Village) -> None:
    of_nobody(village.folder)
    for name, word in (("missing", "There is no database"), ("empty", "cannot be used"), ("a folder", "database")):
        village.database.unlink()
        if name == "empty":
            village.database.touch()
        elif name == "a folder":
            village.database.mkdir()
        told = in_good_order(village, name)
        assert told.exit_code == 1, name
        assert word in told.stdout, (name, told.stdout)
        if name == "missing":
            village.database.touch()
    shutil.rmtree(village.folder / "data")
    assert in_good_order(village, "no data folder").exit_code == 1


def test_a_database_that_another_program_keeps(village: Village, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kiosk.store.database.inspection._BUSY_S", 0.1)
    with closing(sqlite3.connect(village.database, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        other.execute("CREATE TABLE mine (x)")
        of_nobody(village.folder)
        told = in_good_order(village, "locked")
    assert "is in use by another program" in told.stdout
