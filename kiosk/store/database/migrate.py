"""Bring a database file to the newest schema. Run as a child process, so that the station never loads Alembic."""

from __future__ import annotations

import sys
from pathlib import Path

from alembic import command
from alembic.config import Config

from kiosk.store.database.connection import connect, engine_for
from kiosk.store.errors import StoreError, translated

_SCRIPTS = Path(__file__).parents[1] / "migrations"


def migrate(path: Path) -> None:
    """Create the tables of a new file, or bring an old one up; all in one transaction. Raises StoreError."""
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    engine = engine_for(path, connect, "BEGIN IMMEDIATE")
    try:
        with translated(path):
            with engine.begin() as connection:
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
            with engine.connect() as connection:
                _fold_log(connection.connection.driver_connection)
    finally:
        engine.dispose()


def _fold_log(raw: object) -> None:
    """Move everything from the write-ahead log into the file: its header then tells its version to any reader."""
    raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # type: ignore[attr-defined]


def main(arguments: list[str] | None = None) -> int:
    """``python -m kiosk.store.database.migrate PATH``: 0 done, 1 with one line on standard error, 2 wrong usage."""
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
