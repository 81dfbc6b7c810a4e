"""Where the migrations begin: a new ledger is made whole, see ``kiosk.sorting_center.ledger.database.opening``."""

from __future__ import annotations

revision = "0002"
down_revision = None


def upgrade() -> None: ...
