"""Whether an offer was taken already is found without looking at all other offers of its lot."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("listing_step_reason", "listing_step", ["region", "station", "lot", "reason"])
