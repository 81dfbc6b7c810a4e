"""What stations offer for sale, and what people made of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    code = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    instant = sa.Text().with_variant(TIMESTAMP(timezone=True, precision=3), "postgresql")
    counting = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "listing",
        *(sa.Column(name, code, primary_key=True) for name in ("region", "station", "lot")),
        sa.Column("offered", code, nullable=False),
        sa.Column("state", code, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("edited", code),
        sa.Column("published", code),
        sa.Column("updated_at", instant, nullable=False),
    )
    op.create_index("listing_state", "listing", ["state", "updated_at"])
    op.create_table(
        "listing_step",
        sa.Column("id", counting, primary_key=True, autoincrement=True),
        *(sa.Column(name, code, nullable=False) for name in ("region", "station", "lot")),
        sa.Column("at", instant, nullable=False),
        *(sa.Column(name, code, nullable=False) for name in ("who", "act", "reason")),
        sqlite_autoincrement=True,
    )
    op.create_index("listing_step_listing", "listing_step", ["region", "station", "lot", "id"])
    op.create_table(
        "listing_told",
        *(sa.Column(name, code, primary_key=True) for name in ("region", "station", "lot", "what")),
    )
    op.create_table(
        "listing_place",
        sa.Column("generation", code, primary_key=True),
        sa.Column("feedseq", sa.BigInteger, nullable=False),
    )
