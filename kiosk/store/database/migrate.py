"""Makes a database file, or migrates one to the current schema.

A new one is made whole from the schema module. Only the migration runs as a child process: it loads Alembic, which the
station never does.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Column, Connection, MetaData, PrimaryKeyConstraint, String, Table, insert

from kiosk.store.database.check import check_file
from kiosk.store.database.connection import connect, engine_for
from kiosk.store.database.schema import APPLICATION_ID, SCHEMA_VERSION, metadata
from kiosk.store.shared.errors import StoreError, translate_errors

_SCRIPTS = Path(__file__).parents[1] / "migrations"


# As Alembic would make it.
_revision = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)


def migrate(path: Path) -> None:
    """Make a new file, or bring an older one up; in one transaction. Raises StoreError."""
    if path.exists():
        check_file(path, thorough=False)
        _write(path, _upgrade)
    else:
        create(path)


def create(path: Path) -> None:
    """Make every table in an empty file, marked with the newest revision. Raises StoreError."""
    _write(path, _create_tables)


def _create_tables(connection: Connection) -> None:
    metadata.create_all(connection)
    _revision.create(connection)
    connection.execute(insert(_revision), {"version_num": f"{SCHEMA_VERSION:04}"})
    connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _write(path: Path, change: Callable[[Connection], None]) -> None:
    engine = engine_for(path, connect, "BEGIN IMMEDIATE")
    try:
        with translate_errors(path):
            with engine.begin() as connection:
                change(connection)
                connection.exec_driver_sql(f"PRAGMA user_version = {SCHEMA_VERSION}")
            with engine.connect() as connection:
                # Out of the write-ahead log into the file: any reader then finds the version in its header.
                bare = connection.connection.driver_connection
                assert bare is not None
                bare.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        engine.dispose()


def main(arguments: list[str] | None = None) -> int:
    """Run ``python -m kiosk.store.database.migrate PATH``: 0 done, 1 with a line on standard error, 2 wrong usage."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m kiosk.store.database.migrate PATH\n")
        return 2
    try:
        migrate(Path(arguments[0]))
    except StoreError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
