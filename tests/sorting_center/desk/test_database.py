from __future__ import annotations

import shutil
import stat
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text, update

from kiosk.base.refused import Refused
from kiosk.sorting_center.desk.care import back_up_desk, copy_desk, require_copyable
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.desk.shared import database
from kiosk.sorting_center.desk.shared.database import DeskDatabase, desk_path
from kiosk.sorting_center.desk.shared.errors import DeskError
from kiosk.sorting_center.desk.shared.schema import REVISION, metadata, person
from kiosk.sorting_center.ledger import Ledger
from tests.schema_digest import CHANGED, schema_digest

NOW = datetime(2026, 11, 27, 8, 0, tzinfo=UTC)


def test_opened_twice_it_is_what_it_was(desk: CenterDesk, ledger_url: str) -> None:
    desk.people.add("gulnar", StaffRole.ADMIN, "melon and almond", NOW)
    for _ in range(2):
        with CenterDesk.open(ledger_url) as again:
            assert [person.name for person in again.people.all()] == ["gulnar"]


WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


def test_two_administrators_of_two_processes_do_not_lock_each_other_out(postgres_url: str) -> None:
    """The second waits until the first is done, and then sees what was done."""
    with CenterDesk.open(postgres_url) as one, CenterDesk.open(postgres_url) as other:
        for name in ("gulnar", "aygul"):
            one.people.add(name, StaffRole.ADMIN, "melon and almond", NOW)
        said: list[str] = []

        def disable() -> None:
            try:
                other.people.set_disabled("gulnar", True, NOW)
            except Refused as error:
                said.append(error.code)

        second = threading.Thread(target=disable)
        with one.database.writing() as connection:
            connection.execute(update(person).where(person.c.name == "aygul").values(disabled=True))
            second.start()
            while second.is_alive() and not connection.execute(text(WAITING)).scalar_one():
                pass
        second.join(30)
        assert said == ["last_admin"]
        assert [row.disabled for row in one.people.all()] == [True, False]


def test_its_tables_are_those_the_program_knows(desk: CenterDesk) -> None:
    """Column by column."""
    with desk.database.reading() as connection:
        looked = inspect(connection)
        schema = "desk" if desk.database.path is None else None
        for table in metadata.sorted_tables:
            there = {column["name"]: column["nullable"] for column in looked.get_columns(table.name, schema)}
            assert there == {column.name: bool(column.nullable) for column in table.columns}, table.name
            indices = {index["name"] for index in looked.get_indexes(table.name, schema) if not index["unique"]}
            assert indices == {index.name for index in table.indexes}, table.name


def test_it_does_not_mix_with_the_ledger(desk: CenterDesk, ledger_url: str) -> None:
    with Ledger.open(ledger_url) as ledger:
        assert ledger.counts().events == 0
    with CenterDesk.open(ledger_url) as again:
        assert again.people.all() == []


def test_nobody_else_of_the_machine_reads_the_file(tmp_path: Path) -> None:
    with CenterDesk.open(f"sqlite:///{tmp_path / 'county.db'}") as desk:
        desk.people.add("gulnar", StaffRole.VIEWER, "melon and almond", NOW)
        for file in tmp_path.glob("county.desk.db*"):
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name
    assert desk_path(tmp_path / "county.db").is_file()


NEXT = f"{int(REVISION) + 1:04}"
STEP = """from alembic import op

revision, down_revision = "{after}", "{before}"


def upgrade() -> None:
    op.execute("CREATE TABLE second (word TEXT)")
    {between}
    op.execute("ALTER TABLE person ADD COLUMN badge TEXT")
"""


def begin_second_version(folder: Path, monkeypatch: pytest.MonkeyPatch, between: str = "") -> None:
    """From now on the program knows a second version of the desk."""
    scripts = folder / "migrations"
    shutil.copytree(Path(database.__file__).parent.with_name("migrations"), scripts, dirs_exist_ok=True)
    step = STEP.format(after=NEXT, before=REVISION, between=between)
    (scripts / f"versions/{NEXT}_second.py").write_text(step)
    monkeypatch.setattr(database, "_SCRIPTS", scripts)
    monkeypatch.setattr(database, "REVISION", NEXT)


def revision(desk: CenterDesk) -> str:
    with desk.database.reading() as connection:
        return str(connection.execute(text("SELECT version_num FROM desk_version")).scalar_one())


def test_the_number_of_the_baseline_is_that_of_its_schema() -> None:
    assert (REVISION, schema_digest(metadata)) == ("0006", "9fbf0d70ca5d4b3e"), CHANGED


def test_the_newest_migration_is_the_version_of_the_code() -> None:
    assert ScriptDirectory(str(database._SCRIPTS)).get_current_head() == REVISION


def test_one_of_the_version_before_is_brought_up_and_opened_twice(
    desk: CenterDesk, ledger_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.people.add("gulnar", StaffRole.ADMIN, "melon and almond", NOW)
    begin_second_version(tmp_path, monkeypatch, "raise OSError('the power is gone')")
    with pytest.raises(DeskError, match="the power is gone"):
        CenterDesk.open(ledger_url)
    assert revision(desk) == REVISION
    with desk.database.reading() as connection:
        assert not inspect(connection).has_table("second", None if desk.database.path else "desk")
    shutil.rmtree(tmp_path / "migrations")
    begin_second_version(tmp_path, monkeypatch)
    for _ in range(2):
        with CenterDesk.open(ledger_url) as again:
            assert revision(again) == NEXT
            assert [person.name for person in again.people.all()] == ["gulnar"]


@pytest.mark.parametrize("other", [NEXT, "9999", f"{int(REVISION) - 1:04}", "0000", "c0ffee"])
def test_one_of_another_version_is_refused_and_left_as_it_is(
    desk: CenterDesk, ledger_url: str, tmp_path: Path, other: str
) -> None:
    with desk.database.writing() as connection:
        connection.execute(text(f"UPDATE desk_version SET version_num = '{other}'"))
    act = "move the file away" if desk.database.path else "name an empty database"
    revisions = rf"\(revision {other}, this one uses {REVISION}\)"
    said = rf"another version of the program {revisions}: install that version.*, or {act}"
    target = f"sqlite:///{tmp_path / 'copy.db'}"
    for refused in (
        lambda: CenterDesk.open(ledger_url),
        lambda: back_up_desk(ledger_url, tmp_path / "backup.db"),
        lambda: copy_desk(ledger_url, target),
        lambda: require_copyable(ledger_url, target),
        lambda: require_copyable(target, ledger_url),
    ):
        with pytest.raises(DeskError, match=said):
            refused()
    assert revision(desk) == other
    assert not list(tmp_path.glob("backup*")) and not list(tmp_path.glob("copy*"))


def test_a_file_that_is_no_database_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "county.desk.db").write_bytes(b"not a database at all, but long enough to be looked at " * 40)
    with pytest.raises(DeskError) as refused:
        CenterDesk.open(f"sqlite:///{tmp_path / 'county.db'}")
    assert "\n" not in str(refused.value)
    assert "county.desk.db" in str(refused.value)


def test_a_folder_that_cannot_be_made_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(DeskError, match="cannot be opened"):
        DeskDatabase(f"sqlite:///{tmp_path / 'file' / 'county.db'}")


WRITER = """
import sys
from datetime import UTC, datetime
from kiosk.sorting_center.desk.shared.audit import AuditAction
from kiosk.sorting_center.desk.desk import CenterDesk
with CenterDesk.open(sys.argv[1]) as desk:
    for number in range(50):
        desk.audit.record(sys.argv[2], AuditAction.SEARCHED, str(number), "", datetime.now(UTC))
"""


def test_two_processes_write_side_by_side(desk: CenterDesk, ledger_url: str) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, ledger_url, name]) for name in ("a", "b")]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    for name in ("a", "b"):
        rows = desk.audit.page(limit=100, who=name)
        assert [int(row.subject) for row in rows] == list(range(49, -1, -1))


def test_who_looks_at_the_pages_does_not_use_the_ledger(postgres_url: str) -> None:
    """A restored ledger is told so while its pages are open, as with a file."""
    with Ledger.open(postgres_url):
        pass
    with CenterDesk.open(postgres_url) as desk:
        desk.people.add("gulnar", StaffRole.VIEWER, "melon and almond", NOW)
        assert len(Ledger.begin_generation(postgres_url)) == 16
