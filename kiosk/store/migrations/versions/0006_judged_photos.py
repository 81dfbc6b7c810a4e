"""Schema 6: shots are judged; of each the master and the natural cut are kept, and what the sorting center has."""

from __future__ import annotations

from alembic import op
from sqlalchemy import CheckConstraint, Column, ForeignKey, ForeignKeyConstraint, Integer, Text, text

revision = "0006"
down_revision = "0005"

_KEPT = "intake, sha256, shot, size_bytes, width, height, taken_at"
_DRAFT = "intake, sha256, product, state, drafted_at"


def upgrade() -> None:
    """SQLite cannot change the rules of a table: the rows move to new ones, those of before marked as not judged."""
    _photo()
    _listing()
    op.execute(f"INSERT INTO photo_6 ({_KEPT}, judged, removed) SELECT {_KEPT}, 0, 0 FROM photo")  # noqa: S608
    op.execute(f"INSERT INTO listing_6 ({_DRAFT}) SELECT {_DRAFT} FROM listing")  # noqa: S608
    for name in ("listing", "photo"):
        op.drop_table(name)
    for name in ("photo", "listing"):
        op.rename_table(f"{name}_6", name)
    op.create_index("photo_unsent", "photo", ["position"], sqlite_where=text("sent = 0 OR natural_sent = 0"))
    op.create_index("photo_unjudged", "photo", ["sha256"], sqlite_where=text("judged = 0"))
    op.execute("PRAGMA user_version = 6")


def _photo() -> None:
    op.create_table(
        "photo_6",
        Column("intake", Integer, ForeignKey("lot.intake"), primary_key=True),
        Column("sha256", Text, primary_key=True),
        Column("shot", Integer, nullable=False),
        Column("size_bytes", Integer, nullable=False),
        Column("width", Integer, nullable=False),
        Column("height", Integer, nullable=False),
        Column("taken_at", Text, nullable=False),
        Column("judged", Integer, nullable=False),
        Column("removed", Integer, nullable=False),
        Column("position", Integer, ForeignKey("journal.position")),
        Column("sent", Integer),
        Column("natural_sha256", Text),
        Column("natural_size_bytes", Integer),
        Column("natural_width", Integer),
        Column("natural_height", Integer),
        Column("natural_sent", Integer),
        Column("measures", Text),
        Column("overruled", Text),
        Column("actor", Text),
        CheckConstraint("length(sha256) = 64 AND length(natural_sha256) = 64", name="sha256_length"),
        CheckConstraint("shot > 0 AND size_bytes > 0 AND width > 0 AND height > 0", name="sizes_positive"),
        CheckConstraint(
            "natural_size_bytes > 0 AND natural_width > 0 AND natural_height > 0", name="natural_sizes_positive"
        ),
        CheckConstraint("judged IN (0, 1) AND removed IN (0, 1)", name="yes_or_no"),
        CheckConstraint("sent IN (0, 1) AND natural_sent IN (0, 1)", name="sent_or_not"),
        CheckConstraint("removed = 0 OR (judged = 1 AND position IS NULL)", name="removed_after_the_verdict"),
        CheckConstraint("position IS NULL OR judged = 1", name="accepted_by_a_verdict"),
        CheckConstraint(
            "(position IS NULL) = (natural_sha256 IS NULL) AND (position IS NULL) = (natural_size_bytes IS NULL) "
            "AND (position IS NULL) = (natural_width IS NULL) AND (position IS NULL) = (natural_height IS NULL) "
            "AND (position IS NULL) = (measures IS NULL)",
            name="accepted_with_both_pictures",
        ),
        CheckConstraint(
            "(position IS NULL) = (sent IS NULL) AND (position IS NULL) = (natural_sent IS NULL)",
            name="sent_when_accepted",
        ),
        CheckConstraint("(overruled IS NULL) = (actor IS NULL)", name="overruled_by_somebody"),
        sqlite_with_rowid=False,
        sqlite_strict=True,
    )


def _listing() -> None:
    op.create_table(
        "listing_6",
        Column("intake", Integer, primary_key=True),
        Column("sha256", Text, primary_key=True),
        Column("product", Text, nullable=False),
        Column("state", Text, nullable=False),
        Column("drafted_at", Text, nullable=False),
        ForeignKeyConstraint(["intake", "sha256"], ["photo_6.intake", "photo_6.sha256"]),
        CheckConstraint("state IN ('draft')", name="state_known"),
        sqlite_with_rowid=False,
        sqlite_strict=True,
    )
