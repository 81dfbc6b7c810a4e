"""Is this file a whole database of this program? Looked at read-only, so that a damaged one stays as it is."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from sqlalchemy import CheckConstraint, Connection, Table, false, literal, or_, select, text

from kiosk.store.database.connection import ALONE, connect_existing, engine_for, reading
from kiosk.store.database.schema import APPLICATION_ID, BASELINE_VERSION, SCHEMA_VERSION, metadata
from kiosk.store.journal import journal
from kiosk.store.shared.errors import PRIMARY_CODE, DatabaseNewer, StoreError, damaged, translate_errors

LINKS_AT_START: Final = 200  # Newest events whose hashes are checked at every start; `Journal.verify` checks all


def check_file(path: Path, *, thorough: bool, with_log: bool = True, links: int | None = LINKS_AT_START) -> int:
    """Return the schema version of an existing file. Raises DatabaseDamaged or DatabaseNewer.

    ``thorough`` reads every page and row, and checks the newest ``links`` of the journal as well (None: all).
    Without ``with_log`` the file is read alone, as a finished copy must be: a log beside it would hide damage in its
    pages.

    The file is opened by SQLite alone, never by ``open()``: closing any other handle of it takes the locks of this
    whole process away (https://www.sqlite.org/howtocorrupt.html, section 2.2), and another program would then delete
    the log that this process goes on writing.
    """
    if not path.is_file():
        raise StoreError(f"The database {path} cannot be opened: it is no file. Check the path in the settings.")
    # The file itself must be one of SQLite's, also where a log beside it has a whole first page. Without its log
    # it may well look torn, in the middle of a checkpoint or after a power cut: that is no finding.
    try:
        with closing(connect_existing(path, ALONE)) as alone:
            alone.execute("PRAGMA application_id").fetchone()
    except sqlite3.Error as error:
        if error.sqlite_errorcode & PRIMARY_CODE == sqlite3.SQLITE_NOTADB:
            raise damaged(path, "it is not an SQLite file") from error
    how = reading(path) if with_log else ALONE
    with translate_errors(path), closing(connect_existing(path, how)) as raw:
        version = _version(raw, path)
        if thorough:
            found = raw.execute("PRAGMA quick_check(1)").fetchone()[0]
            if found != "ok":
                raise damaged(path, " ".join(str(found).split()))
    if thorough and version == SCHEMA_VERSION:
        engine = engine_for(path, lambda file: connect_existing(file, how), "BEGIN")
        try:
            with translate_errors(path), engine.begin() as connection:
                for table in metadata.sorted_tables:
                    _check_rules(connection, path, table)
                start = 0 if links is None else journal.position_of_last(connection, links + 1)
                journal.check(connection, path, start)
                _check_acknowledged(connection, path)
        finally:
            engine.dispose()
    return version


def _version(raw: sqlite3.Connection, path: Path) -> int:
    application, version = (raw.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version"))
    if application != APPLICATION_ID:
        raise damaged(path, "it belongs to another program")
    if not BASELINE_VERSION <= version <= SCHEMA_VERSION:
        raise DatabaseNewer(
            f"The database {path} was made by another version of the program (schema {version}, this one uses "
            f"{SCHEMA_VERSION}): install that version again, or move the file away and start with an empty database. "
            "Nothing was changed."
        )
    return int(version)


def _check_rules(connection: Connection, path: Path, table: Table) -> None:
    """Check the CHECK rules, which SQLite forgets for a file opened read-only, so ``quick_check`` skips them."""
    broken_rules = [text(f"NOT ({rule.sqltext})") for rule in table.constraints if isinstance(rule, CheckConstraint)]
    broken = select(literal(1)).select_from(table).where(or_(false(), *broken_rules)).limit(1)
    if connection.execute(broken).first():
        raise damaged(path, f"a row of table {table.name} was changed")
    if connection.exec_driver_sql(f"PRAGMA foreign_key_check({table.name})").first():
        raise damaged(path, f"a row that table {table.name} refers to is missing")


def _check_acknowledged(connection: Connection, path: Path) -> None:
    epoch = journal.newest_epoch(connection)
    if epoch is None:
        return
    last = journal.last_seq(connection, epoch.number)
    if last == 0 or epoch.acked_upto > last:
        raise damaged(path, f"events are missing: {epoch.acked_upto} are acknowledged, {last} are here")
