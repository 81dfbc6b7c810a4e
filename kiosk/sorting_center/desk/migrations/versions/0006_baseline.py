"""Where the migrations begin: a new desk is made whole, see ``kiosk.sorting_center.desk.shared.database``."""

from __future__ import annotations

revision = "0006"
down_revision = None


def upgrade() -> None: ...
