"""Schema 2: photos of lots and the listing drafts they open."""

from __future__ import annotations

from alembic import op
from sqlalchemy import CheckConstraint, Column, ForeignKey, ForeignKeyConstraint, Integer, Text

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the shots and drafts of a lot."""
    _photo()
    _listing()
    op.execute("PRAGMA user_version = 2")


def _photo() -> None:
    op.create_table(
        "photo",
        Column("intake", Integer, ForeignKey("lot.intake"), primary_key=True),
        Column("sha256", Text, primary_key=True),
        Column("shot", Integer, nullable=False),
        Column("size_bytes", Integer, nullable=False),
        Column("width", Integer, nullable=False),
        Column("height", Integer, nullable=False),
        Column("taken_at", Text, nullable=False),
        CheckConstraint("length(sha256) = 64", name="sha256_length"),
        CheckConstraint("shot > 0 AND size_bytes > 0 AND width > 0 AND height > 0", name="sizes_positive"),
        sqlite_with_rowid=False,
        sqlite_strict=True,
    )


def _listing() -> None:
    op.create_table(
        "listing",
        Column("intake", Integer, primary_key=True),
        Column("sha256", Text, primary_key=True),
        Column("product", Text, nullable=False),
        Column("state", Text, nullable=False),
        Column("drafted_at", Text, nullable=False),
        ForeignKeyConstraint(["intake", "sha256"], ["photo.intake", "photo.sha256"]),
        CheckConstraint("state IN ('draft')", name="state_known"),
        sqlite_with_rowid=False,
        sqlite_strict=True,
    )
