"""A made-up next schema: what a later version of the program would bring."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from kiosk.store.database import check, migrate, opening
from kiosk.store.database.schema import SCHEMA_VERSION

NEXT = SCHEMA_VERSION + 1

STEP = """from alembic import op

revision, down_revision = "{number:04}", "{before:04}"


def upgrade() -> None:
    op.execute("CREATE TABLE second (word TEXT) STRICT")
    op.execute("INSERT INTO second VALUES ('first')")
    op.execute("ALTER TABLE clerk ADD COLUMN badge TEXT")
"""


def begin_second_schema(folder: Path, monkeypatch: pytest.MonkeyPatch, number: int = NEXT) -> None:
    """From now on the program knows a second schema, and brings databases up to it in this process."""
    scripts = folder / "second/migrations"
    shutil.copytree(migrate._SCRIPTS, scripts, ignore=shutil.ignore_patterns("__pycache__"))
    (scripts / f"versions/{number:04}_second.py").write_text(STEP.format(number=number, before=SCHEMA_VERSION))
    monkeypatch.setattr(migrate, "_SCRIPTS", scripts)
    for module in (check, migrate, opening):
        monkeypatch.setattr(module, "SCHEMA_VERSION", number)
    monkeypatch.setattr(opening, "_migrate_in_child", migrate.migrate)
