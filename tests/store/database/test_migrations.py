from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from kiosk.store import DatabaseNewer, Store, StoreError
from kiosk.store.database import migrate as migrate_module
from kiosk.store.database import opening
from kiosk.store.database.connection import connect, engine_for
from kiosk.store.database.migrate import main, migrate
from kiosk.store.database.opening import OpenOptions
from kiosk.store.database.schema import APPLICATION_ID, SCHEMA_VERSION, metadata
from tests.schema_digest import CHANGED, schema_digest
from tests.store.failing import Plan, failing_connect
from tests.store.second_schema import NEXT, begin_second_schema
from tests.store.village import STATION, bring_in, change, content, rows, stamp


def _test_schema(path: Path) -> None:
    """The file has the tables, rules and indexes the code knows, and the number of their schema."""
    engine = engine_for(path, connect, "BEGIN")
    with engine.begin() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()
    assert rows(path, "PRAGMA user_version") == [(SCHEMA_VERSION,)]
    assert rows(path, "PRAGMA application_id") == [(APPLICATION_ID,)]
    assert rows(path, "SELECT version_num FROM alembic_version") == [(f"{SCHEMA_VERSION:04}",)]


def opened(path: Path) -> Store:
    """As a station opens it, without a reserve."""
    return Store.open(path, STATION, stamp(), OpenOptions(reserve_bytes=0))


def test_the_number_of_the_baseline_is_that_of_its_schema() -> None:
    assert (SCHEMA_VERSION, schema_digest(metadata)) == (4, "48a27cd828146a70"), CHANGED


def test_the_newest_migration_is_the_schema_of_the_code() -> None:
    assert ScriptDirectory(str(migrate_module._SCRIPTS)).get_current_head() == f"{SCHEMA_VERSION:04}"


def test_a_new_database_has_what_the_code_expects(path: Path) -> None:
    store = opened(path)
    assert store.epochs.identity().station == STATION
    store.close()
    _test_schema(path)


@pytest.fixture
def worked(store: Store, path: Path) -> Path:
    """The database of a station that has taken something in."""
    bring_in(store, 5_000)
    store.close()
    return path


def test_a_database_of_the_schema_before_is_brought_up_and_opened_twice(
    worked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = rows(worked, "SELECT * FROM journal"), rows(worked, "SELECT * FROM intake")
    begin_second_schema(tmp_path, monkeypatch)
    for number in range(2):
        store = opened(worked)
        assert store.journal.verify() == len(before[0])
        assert (rows(worked, "SELECT * FROM journal"), rows(worked, "SELECT * FROM intake"))[number:] == before[number:]
        assert bring_in(store, 4_000).receipt == f"0147-A-{2 + number:06d}"
        store.close()
        assert rows(worked, "SELECT * FROM second") == [("first",)]
        assert rows(worked, "SELECT version_num FROM alembic_version") == [(f"{NEXT:04}",)]
        assert rows(worked, "PRAGMA user_version") == [(NEXT,)]
        before = rows(worked, "SELECT * FROM journal"), rows(worked, "SELECT * FROM intake")


def test_a_new_database_is_made_in_the_newest_schema(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin_second_schema(tmp_path, monkeypatch)
    opened(path).close()
    assert rows(path, "SELECT version_num FROM alembic_version") == [(f"{NEXT:04}",)]
    opened(path).close()


@pytest.mark.parametrize("after", [False, True])
def test_a_migration_that_is_cut_off_anywhere_leaves_the_old_database_or_the_new(
    worked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    old = content(worked)
    raw = worked.read_bytes()
    begin_second_schema(tmp_path, monkeypatch)
    migrate(worked)
    new = content(worked)
    struck = 0
    for left in range(100):
        for suffix in ("-wal", "-shm"):
            worked.with_name(worked.name + suffix).unlink(missing_ok=True)
        worked.write_bytes(raw)
        plan = Plan(left=left, after=after)
        monkeypatch.setattr(migrate_module, "connect", failing_connect(plan))
        try:
            migrate(worked)
        except StoreError:
            assert content(worked) in (old, new)
        if not plan.struck:
            break
        struck += 1
        monkeypatch.setattr(migrate_module, "connect", connect)
        migrate(worked)
        assert content(worked) == new
    assert not plan.struck and struck > 5


def test_a_migration_that_fails_leaves_the_old_database(worked: Path, tmp_path: Path) -> None:
    """In the child process that a station starts for it."""
    change(worked, "CREATE TABLE second (surprise INTEGER)")
    before = content(worked)
    code = (
        "import pytest, sys; from pathlib import Path; from tests.store.second_schema import begin_second_schema;"
        "begin_second_schema(Path(sys.argv[1]), pytest.MonkeyPatch());"
        "from kiosk.store.database.migrate import main; sys.exit(main(sys.argv[2:]))"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), str(worked)], cwd=root, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert "table second already exists" in done.stderr
    assert content(worked) == before


def test_a_station_has_a_child_process_bring_its_database_up(worked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kiosk.store.database.check.SCHEMA_VERSION", NEXT)
    monkeypatch.setattr(opening, "SCHEMA_VERSION", NEXT)
    calls: list[list[str]] = []
    run = subprocess.run

    def watched(command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        calls.append(command)
        return run(command, **options)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr(subprocess, "run", watched)
    opened(worked).close()
    assert [command[-2:] for command in calls] == [["kiosk.store.database.migrate", str(worked)]]
    _test_schema(worked)


@pytest.mark.parametrize("version", [0, SCHEMA_VERSION - 1, SCHEMA_VERSION + 1, 9999, -1])
def test_a_database_of_another_version_is_refused_and_left_as_it_is(worked: Path, version: int) -> None:
    change(worked, f"PRAGMA user_version = {version}")
    before = worked.read_bytes()
    schemas = rf"schema {version}, this one uses {SCHEMA_VERSION}"
    said = rf"{worked} was made by another version of the program \({schemas}\): .*move the fi"
    for act in (lambda: opened(worked), lambda: migrate(worked)):
        with pytest.raises(DatabaseNewer, match=said):
            act()
    assert worked.read_bytes() == before


def test_making_a_new_database_takes_a_moment(tmp_path: Path) -> None:
    """Of the processor: how long a busy machine or a slow card keeps it waiting says nothing about it."""
    migrate(tmp_path / "warm.sqlite")
    times = []
    for number in range(3):
        start = time.thread_time()
        migrate(tmp_path / f"{number}.sqlite")
        times.append(time.thread_time() - start)
    assert min(times) < 0.6


def test_the_station_does_not_load_the_migration_tool() -> None:
    code = "import sys, kiosk.store; sys.exit('alembic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[3], check=False).returncode == 0


def test_the_migration_program_tells_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert capsys.readouterr().err == "usage: python -m kiosk.store.database.migrate PATH\n"
    (tmp_path / "text").write_text("no database at all, just text" * 100)
    assert main([str(tmp_path / "text")]) == 1
    assert re.fullmatch(r"The database .*text is damaged: .*\n", capsys.readouterr().err)
    assert main([str(tmp_path / "new.sqlite")]) == 0
    _test_schema(tmp_path / "new.sqlite")


def test_a_migration_that_hangs_is_given_up(worked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No time at all is given: any other could be enough for it, when this process is held up meanwhile."""
    monkeypatch.setattr("kiosk.store.database.check.SCHEMA_VERSION", NEXT)
    monkeypatch.setattr(opening, "SCHEMA_VERSION", NEXT)
    monkeypatch.setattr(opening, "_MIGRATION_SECONDS", 0.0)
    before = content(worked)
    with pytest.raises(StoreError, match=f"could not be brought to schema {NEXT} in 0 seconds"):
        opened(worked)
    assert content(worked) == before
