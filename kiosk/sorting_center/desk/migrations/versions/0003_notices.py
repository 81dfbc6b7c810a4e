"""Where alarms go out to, what waits to go; a list of stations that was looked at and not taken yet."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    code = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    instant = sa.Text().with_variant(TIMESTAMP(timezone=True, precision=3), "postgresql")
    counting = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.add_column("case_step", sa.Column("told", sa.Boolean, nullable=False, server_default=sa.true()))
    op.create_index("case_step_told", "case_step", ["told", "state", "id"])
    op.create_table(
        "registry_draft",
        sa.Column("who", code, primary_key=True),
        *(sa.Column(name, code, nullable=False) for name in ("session_sha256", "file_sha256", "base")),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("made_at", instant, nullable=False),
    )
    op.create_table(
        "notice_target",
        sa.Column("name", code, primary_key=True),
        *(
            sa.Column(name, code, nullable=False)
            for name in ("way", "address", "server", "sender", "login", "secret", "language", "kinds")
        ),
        sa.Column("paused", sa.Boolean, nullable=False),
        sa.Column("made_at", instant, nullable=False),
        sa.Column("turn", sa.BigInteger, nullable=False),
        sa.Column("failures", sa.BigInteger, nullable=False),
        sa.Column("next_at", instant, nullable=False),
    )
    op.create_table(
        "notice",
        sa.Column("id", counting, primary_key=True, autoincrement=True),
        sa.Column("code", code, nullable=False, unique=True),
        sa.Column("target", code, sa.ForeignKey("notice_target.name"), nullable=False),
        sa.Column("cases", code, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("state", code, nullable=False),
        sa.Column("tries", sa.BigInteger, nullable=False),
        sa.Column("made_at", instant, nullable=False),
        sa.Column("ended_at", instant),
        sa.Column("result", code, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("notice_state", "notice", ["state", "target", "tries", "id"])
