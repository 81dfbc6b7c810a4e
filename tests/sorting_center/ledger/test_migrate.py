"""A ledger of the version before, brought up when it is opened for writing: by a made-up second version."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, select, text

from kiosk.sorting_center.ledger import Ledger, LedgerInUse, LedgerNewer
from kiosk.sorting_center.ledger.database import opening
from kiosk.sorting_center.ledger.database.postgres import IN_USE_LOCK
from kiosk.sorting_center.ledger.database.schema import REVISION, SCHEMA_VERSION, alembic_version, meta, metadata
from tests.schema_digest import CHANGED, schema_digest
from tests.sorting_center.station_journal import NOW, Station

STEP = """from alembic import op

revision, down_revision = "0003", "0002"


def upgrade() -> None:
    op.execute("CREATE TABLE second (word TEXT)")
    op.execute("INSERT INTO second VALUES ('first')")
    {between}
    op.execute("ALTER TABLE stream ADD COLUMN badge TEXT")
"""


def begin_second_version(folder: Path, monkeypatch: pytest.MonkeyPatch, between: str = "") -> None:
    """From now on the program knows a second version."""
    scripts = folder / "migrations"
    shutil.copytree(Path(opening.__file__).parents[1] / "migrations", scripts, dirs_exist_ok=True)
    (scripts / "versions/0003_second.py").write_text(STEP.format(between=between))
    monkeypatch.setattr(opening, "_SCRIPTS", scripts)
    monkeypatch.setattr(opening, "SCHEMA_VERSION", 3)
    monkeypatch.setattr(opening, "REVISION", "0003")


@pytest.fixture
def url(ledger_url: str, station: Station) -> str:
    """A ledger of the first version, with something in it."""
    with Ledger.open(ledger_url) as ledger:
        ledger.accept(station.run(4), "shache", NOW)
        ledger.set_feed_position("mqtt", 2)
    return ledger_url


def versions(ledger: Ledger) -> tuple[str, str]:
    """By our own count, and by Alembic's."""
    with ledger.reading() as connection:
        own = connection.execute(select(meta.c.value).where(meta.c.name == "schema_version")).scalar_one()
        return own, connection.execute(select(alembic_version.c.version_num)).scalar_one()


def test_the_number_of_the_baseline_is_that_of_its_schema() -> None:
    assert (SCHEMA_VERSION, schema_digest(metadata)) == (2, "cc6867459fa07a25"), CHANGED


def test_the_newest_migration_is_the_version_of_the_code() -> None:
    assert ScriptDirectory(str(opening._SCRIPTS)).get_current_head() == REVISION


def test_a_new_ledger_has_the_tables_of_the_code(url: str) -> None:
    # In PostgreSQL the events are parted by month, and Alembic sees a table in each part.
    apart = {"include_object": _is_not_of_events} if url.startswith("postgresql") else {}
    with Ledger.open(url) as ledger, ledger.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts=apart), metadata) == []
        assert versions(ledger) == (str(SCHEMA_VERSION), REVISION)


def _is_not_of_events(_: object, name: str | None, kind: str, *__: object) -> bool:
    return kind != "table" or not str(name).startswith("event")


def test_a_ledger_of_the_version_before_is_brought_up_and_opened_twice(
    url: str, station: Station, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Ledger.open_readonly(url) as ledger:
        feed, generation = list(ledger.feed(0, 100)), ledger.generation
    begin_second_version(tmp_path, monkeypatch)
    with Ledger.open_readonly(url) as ledger:
        assert versions(ledger) == ("2", "0002"), "who only looks changes nothing"
    for _ in range(2):
        with Ledger.open(url) as ledger, ledger.reading() as connection:
            assert versions(ledger) == ("3", "0003")
            assert connection.execute(text("SELECT word FROM second")).scalars().all() == ["first"]
            assert (list(ledger.feed(0, 100)), ledger.generation, ledger.feed_position("mqtt")) == (feed, generation, 2)
    with Ledger.open(url) as ledger:
        (state,) = ledger.accept([station.intake(9)], "shache", NOW)
        assert (state.upto, ledger.counts().events) == (5, 5)


def test_an_upgrade_that_is_cut_off_leaves_the_old_ledger(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin_second_version(tmp_path, monkeypatch, "raise OSError('the power is gone')")
    with pytest.raises(OSError, match="power"):
        Ledger.open(url)
    with Ledger.open_readonly(url) as ledger, ledger.reading() as connection:
        assert versions(ledger) == ("2", "0002")
        assert not inspect(connection).has_table("second")
        assert ledger.counts().events == 4
    shutil.rmtree(tmp_path / "migrations")
    begin_second_version(tmp_path, monkeypatch)
    with Ledger.open(url) as ledger:
        assert versions(ledger) == ("3", "0003")


def test_an_older_ledger_that_is_used_is_not_changed(
    postgres_ledger_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Ledger.open(postgres_ledger_url).close()
    begin_second_version(tmp_path, monkeypatch)
    with psycopg.connect(postgres_ledger_url, autocommit=True) as older:
        older.execute("SELECT pg_advisory_lock_shared(%s)", [IN_USE_LOCK])
        with pytest.raises(LedgerInUse, match="older version"):
            Ledger.open(postgres_ledger_url)
        assert older.execute("SELECT value FROM meta WHERE name = 'schema_version'").fetchone() == ("2",)
    with Ledger.open(postgres_ledger_url) as ledger:
        assert versions(ledger) == ("3", "0003")


@pytest.mark.parametrize("version", ["0", "1", "3", "9999"])
def test_a_ledger_of_another_version_is_refused_and_left_as_it_is(url: str, version: str) -> None:
    with Ledger.open(url) as ledger, ledger._opened.writing.begin() as connection:
        connection.execute(meta.update().where(meta.c.name == "schema_version").values(value=version))
    act = "move the file away" if url.startswith("sqlite") else "name an empty database"
    said = rf"another version of the program \(schema {version}, this one uses 2\): install that version.*, or {act}"
    for open_it in (Ledger.open, Ledger.open_readonly, Ledger.begin_generation):
        with pytest.raises(LedgerNewer, match=said):
            open_it(url)


def test_a_center_that_has_just_ended_does_not_use_the_ledger(
    postgres_ledger_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Ledger.open(postgres_ledger_url).close()
    begin_second_version(tmp_path, monkeypatch)
    is_over = threading.Event()
    with psycopg.connect(postgres_ledger_url, autocommit=True) as older:
        older.execute("SELECT pg_advisory_lock_shared(%s)", [IN_USE_LOCK])
        ending = threading.Thread(target=end_when_waited_for, args=(postgres_ledger_url, older, is_over))
        ending.start()
        try:
            with Ledger.open(postgres_ledger_url) as ledger:
                assert versions(ledger) == ("3", "0003")
        finally:
            is_over.set()
            ending.join()


def end_when_waited_for(url: str, older: psycopg.Connection, is_over: threading.Event) -> None:
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = %s AND NOT granted"
    with psycopg.connect(url, autocommit=True) as watching:
        while watching.execute(waiting, [IN_USE_LOCK]).fetchone() == (0,) and not is_over.is_set():
            pass
    older.close()
