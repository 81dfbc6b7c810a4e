"""Where the migrations begin: a new database has these tables and more, see ``kiosk.store.database.migrate.create``."""

from __future__ import annotations

revision = "0004"
down_revision = None


def upgrade() -> None: ...
