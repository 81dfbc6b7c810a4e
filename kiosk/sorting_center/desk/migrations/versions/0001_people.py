"""People, their sessions, what slows guessing down, what was done, tokens of programs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    code = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    instant = sa.Text().with_variant(TIMESTAMP(timezone=True, precision=3), "postgresql")
    counting = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "person",
        sa.Column("name", code, primary_key=True),
        sa.Column("role", code, nullable=False),
        sa.Column("password_hash", code, nullable=False),
        sa.Column("disabled", sa.Boolean, nullable=False),
        sa.Column("language", code, nullable=False),
        sa.Column("changed_at", instant, nullable=False),
    )
    op.create_table(
        "session",
        sa.Column("token_sha256", code, primary_key=True),
        sa.Column("person", code, sa.ForeignKey("person.name"), nullable=False),
        sa.Column("host", code, nullable=False),
        sa.Column("began_at", instant, nullable=False),
        sa.Column("seen_at", instant, nullable=False),
    )
    op.create_index("session_person", "session", ["person"])
    op.create_table(
        "throttle",
        sa.Column("key", code, primary_key=True),
        sa.Column("failures_ms", code, nullable=False),
        sa.Column("wait_ms", sa.BigInteger, nullable=False),
        sa.Column("boot_id", code, nullable=False),
        sa.Column("monotonic_ms", sa.BigInteger, nullable=False),
        sa.Column("touched_at", instant, nullable=False),
    )
    op.create_index("throttle_touched_at", "throttle", ["touched_at"])
    op.create_table(
        "audit",
        sa.Column("id", counting, primary_key=True, autoincrement=True),
        sa.Column("at", instant, nullable=False),
        sa.Column("who", code, nullable=False),
        sa.Column("act", code, nullable=False),
        sa.Column("subject", code, nullable=False),
        sa.Column("detail", code, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("audit_who", "audit", ["who", "id"])
    op.create_index("audit_act", "audit", ["act", "id"])
    op.create_table(
        "token",
        sa.Column("name", code, primary_key=True),
        sa.Column("secret_sha256", code, nullable=False, unique=True),
        sa.Column("scopes", code, nullable=False),
        sa.Column("per_minute", sa.BigInteger, nullable=False),
        sa.Column("made_at", instant, nullable=False),
        sa.Column("expires_at", instant),
        sa.Column("revoked_at", instant),
    )
