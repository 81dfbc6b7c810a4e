"""Where Alembic begins: what `kiosk.sorting_center.ledger.migrate` makes of an older ledger."""

from __future__ import annotations

revision = "0003"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing: every ledger Alembic is shown has this already."""
