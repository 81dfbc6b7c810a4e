from __future__ import annotations

import stat
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import inspect, text, update

from kiosk.sorting_center.desk.cases import Condition
from kiosk.sorting_center.desk.database import DeskDatabase, desk_path
from kiosk.sorting_center.desk.desk import Desk
from kiosk.sorting_center.desk.errors import DeskError, Refused
from kiosk.sorting_center.desk.notices.targets import Target, Way
from kiosk.sorting_center.desk.people import Role
from kiosk.sorting_center.desk.schema import metadata, person
from kiosk.sorting_center.ledger import Ledger

NOW = datetime(2026, 11, 27, 8, 0, tzinfo=UTC)


def test_opened_twice_it_is_what_it_was(desk: Desk, ledger_url: str) -> None:
    desk.people.add("gulnar", Role.ADMIN, "melon and almond", NOW)
    for _ in range(2):
        with Desk.open(ledger_url) as again:
            assert [person.name for person in again.people.all()] == ["gulnar"]


LISTINGS = ("listing", "listing_step", "listing_told", "listing_place", "listing_shown", "listing_picture")
WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


def test_two_administrators_of_two_processes_do_not_lock_each_other_out(postgres_url: str) -> None:
    """The second waits until the first is done, and then sees what was done."""
    with Desk.open(postgres_url) as one, Desk.open(postgres_url) as other:
        for name in ("gulnar", "aygul"):
            one.people.add(name, Role.ADMIN, "melon and almond", NOW)
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


def test_its_tables_are_those_the_program_knows(desk: Desk) -> None:
    """What the migrations make, column by column."""
    with desk.database.reading() as connection:
        looked = inspect(connection)
        schema = "desk" if desk.database.path is None else None
        for table in metadata.sorted_tables:
            there = {column["name"]: column["nullable"] for column in looked.get_columns(table.name, schema)}
            assert there == {column.name: bool(column.nullable) for column in table.columns}, table.name
            indices = {index["name"] for index in looked.get_indexes(table.name, schema) if not index["unique"]}
            assert indices == {index.name for index in table.indexes}, table.name


def test_it_does_not_mix_with_the_ledger(desk: Desk, ledger_url: str) -> None:
    with Ledger.open(ledger_url) as ledger:
        assert ledger.counts().events == 0
    with Desk.open(ledger_url) as again:
        assert again.people.all() == []


def test_nobody_else_of_the_machine_reads_the_file(tmp_path: Path) -> None:
    with Desk.open(f"sqlite:///{tmp_path / 'county.db'}") as desk:
        desk.people.add("gulnar", Role.VIEWER, "melon and almond", NOW)
        for file in tmp_path.glob("county.desk.db*"):
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name
    assert desk_path(tmp_path / "county.db").is_file()


def test_one_of_newer_software_is_refused_and_left_as_it_is(desk: Desk, ledger_url: str) -> None:
    with desk.database.writing() as connection:
        connection.execute(text("UPDATE desk_version SET version_num = '9999'"))
    with pytest.raises(DeskError, match="newer"):
        Desk.open(ledger_url)
    with desk.database.reading() as connection:
        assert connection.execute(text("SELECT version_num FROM desk_version")).scalar_one() == "9999"


def test_a_file_that_is_no_database_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "county.desk.db").write_bytes(b"not a database at all, but long enough to be looked at " * 40)
    with pytest.raises(DeskError) as refused:
        Desk.open(f"sqlite:///{tmp_path / 'county.db'}")
    assert "\n" not in str(refused.value)
    assert "county.desk.db" in str(refused.value)


def test_a_folder_that_cannot_be_made_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(DeskError, match="cannot be opened"):
        DeskDatabase(f"sqlite:///{tmp_path / 'file' / 'county.db'}")


WRITER = """
import sys
from datetime import UTC, datetime
from kiosk.sorting_center.desk.audit import Act
from kiosk.sorting_center.desk.desk import Desk
with Desk.open(sys.argv[1]) as desk:
    for number in range(50):
        desk.audit.record(sys.argv[2], Act.SEARCHED, str(number), "", datetime.now(UTC))
"""


def test_two_processes_write_side_by_side(desk: Desk, ledger_url: str) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, ledger_url, name]) for name in ("a", "b")]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    for name in ("a", "b"):
        rows = desk.audit.page(limit=100, who=name)
        assert [int(row.subject) for row in rows] == list(range(49, -1, -1))


def test_who_looks_at_the_pages_does_not_use_the_ledger(postgres_url: str) -> None:
    """A restored ledger is told so while its pages are open, as with a file."""
    with Ledger.open(postgres_url):
        pass
    with Desk.open(postgres_url) as desk:
        desk.people.add("gulnar", Role.VIEWER, "melon and almond", NOW)
        assert len(Ledger.restored(postgres_url)) == 16


def test_one_of_before_the_notices_is_brought_up_and_tells_nothing_of_then(desk: Desk, ledger_url: str) -> None:
    (case,) = desk.cases.observe([Condition("fork", "shache", "S0147")], NOW)
    with desk.database.writing() as connection:
        for statement in (
            *(f"DROP TABLE {name}" for name in LISTINGS),
            "ALTER TABLE decision DROP COLUMN figures",
            "DROP TABLE notice",
            "DROP TABLE notice_target",
            "DROP TABLE registry_draft",
            "DROP INDEX case_step_told",
            "ALTER TABLE case_step DROP COLUMN told",
            "UPDATE desk_version SET version_num = '0002'",
        ):
            connection.execute(text(statement))
    with Desk.open(ledger_url) as again:
        assert [step.state for step in again.cases.history(case.id)] == ["open"]
        again.notice_targets.add(Target("hook", Way.WEBHOOK, "https://example.org/", "en"), NOW)
        assert again.notices.collect(NOW) == 0
        again.cases.observe([Condition("quiet", "shache", "S0147")], NOW)
        assert again.notices.collect(NOW) == 1
