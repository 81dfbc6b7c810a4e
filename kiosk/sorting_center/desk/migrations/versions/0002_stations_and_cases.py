"""Stations that are expected, alarms as cases, decisions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    code = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    instant = sa.Text().with_variant(TIMESTAMP(timezone=True, precision=3), "postgresql")
    counting = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "township",
        sa.Column("region", code, primary_key=True),
        sa.Column("name", code, primary_key=True),
        sa.Column("hours", code, nullable=False),
        sa.Column("quiet_min", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "expected_station",
        sa.Column("region", code, primary_key=True),
        sa.Column("station", code, primary_key=True),
        *(
            sa.Column(name, code, nullable=False)
            for name in ("village", "township", "contact", "scale", "verified_on", "valid_until")
        ),
    )
    op.create_table(
        "alarm_case",
        sa.Column("id", counting, primary_key=True, autoincrement=True),
        *(
            sa.Column(name, code, nullable=False)
            for name in ("kind", "region", "station", "subject", "detail", "state")
        ),
        sa.Column("present", sa.Boolean, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("opened_at", instant, nullable=False),
        sa.Column("seen_at", instant, nullable=False),
        sa.Column("who", code, nullable=False),
        sa.Column("reason", code, nullable=False),
        sa.UniqueConstraint("kind", "region", "station", "subject"),
        sqlite_autoincrement=True,
    )
    op.create_index("alarm_case_state", "alarm_case", ["state", "id"])
    op.create_table(
        "case_step",
        sa.Column("id", counting, primary_key=True, autoincrement=True),
        sa.Column("alarm_case", sa.BigInteger, sa.ForeignKey("alarm_case.id"), nullable=False),
        sa.Column("at", instant, nullable=False),
        sa.Column("who", code, nullable=False),
        sa.Column("state", code, nullable=False),
        sa.Column("reason", code, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("case_step_case", "case_step", ["alarm_case", "id"])
    op.create_table(
        "decision",
        sa.Column("id", counting, primary_key=True, autoincrement=True),
        sa.Column("kind", code, nullable=False),
        sa.Column("subject", code, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        *(sa.Column(name, code, nullable=False) for name in ("act", "reason", "who")),
        sa.Column("at", instant, nullable=False),
        sa.Column("outcome", code, nullable=False),
        sa.UniqueConstraint("kind", "subject", "number"),
        sqlite_autoincrement=True,
    )
