"""Schema 7: a listing is one of a lot, with what a clerk chose for it and the event that offers it; shots that look
alike are found."""

from __future__ import annotations

from alembic import op
from sqlalchemy import CheckConstraint, Column, ForeignKey, ForeignKeyConstraint, Integer, Text, text

revision = "0007"
down_revision = "0006"

_KEPT = (
    "intake, sha256, shot, size_bytes, width, height, taken_at, judged, removed, position, sent, natural_sha256, "
    "natural_size_bytes, natural_width, natural_height, natural_sent, measures, overruled, actor"
)


def upgrade() -> None:
    """SQLite cannot change the rules of a table: the rows move to new ones. Drafts of one lot become one."""
    _photo()
    _listing()
    op.execute(f"INSERT INTO photo_7 ({_KEPT}) SELECT {_KEPT} FROM photo")  # noqa: S608
    op.execute("INSERT INTO listing_7 (intake, drafted_at) SELECT intake, min(drafted_at) FROM listing GROUP BY intake")
    for name in ("listing", "photo"):
        op.drop_table(name)
    for name in ("photo", "listing"):
        op.rename_table(f"{name}_7", name)
    op.create_index("photo_unsent", "photo", ["position"], sqlite_where=text("sent = 0 OR natural_sent = 0"))
    op.create_index("photo_unjudged", "photo", ["sha256"], sqlite_where=text("judged = 0"))
    _listing_photo()
    op.execute("PRAGMA user_version = 7")


def _photo() -> None:
    op.create_table(
        "photo_7",
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
        Column("likeness", Text),
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
        CheckConstraint(
            "likeness IS NULL OR (length(likeness) = 16 AND position IS NOT NULL)", name="likeness_of_an_accepted_shot"
        ),
        sqlite_with_rowid=False,
        sqlite_strict=True,
    )


def _listing() -> None:
    op.create_table(
        "listing_7",
        Column("intake", Integer, ForeignKey("lot.intake"), primary_key=True),
        Column("drafted_at", Text, nullable=False),
        Column("pack_g", Integer),
        Column("grade", Text),
        Column("position", Integer, ForeignKey("journal.position")),
        CheckConstraint("pack_g > 0 AND (pack_g IS NULL) = (grade IS NULL)", name="chosen_together"),
        sqlite_strict=True,
    )


def _listing_photo() -> None:
    op.create_table(
        "listing_photo",
        Column("intake", Integer, ForeignKey("listing.intake"), primary_key=True),
        Column("sha256", Text, primary_key=True),
        Column("place", Integer, nullable=False),
        Column("left_out", Integer, nullable=False),
        ForeignKeyConstraint(["intake", "sha256"], ["photo.intake", "photo.sha256"]),
        CheckConstraint("place > 0", name="place_from_one"),
        CheckConstraint("left_out IN (0, 1)", name="yes_or_no"),
        sqlite_with_rowid=False,
        sqlite_strict=True,
    )
