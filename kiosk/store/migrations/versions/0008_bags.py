"""Schema 8: copies of a paper are counted, and it is kept which bags were scanned after sticking."""

from __future__ import annotations

from alembic import op
from sqlalchemy import CheckConstraint, Column, ForeignKey, ForeignKeyConstraint, Integer, LargeBinary, Text, text

revision = "0008"
down_revision = "0007"

_KEPT = "id, intake, about, document, printer, bag, state, attempts"


def upgrade() -> None:
    """SQLite cannot change the rules of a table: the rows of papers move to a new one, each with the number it had."""
    _print_job()
    op.execute(
        f"INSERT INTO print_job_8 ({_KEPT}, copy, body) SELECT {_KEPT}, "  # noqa: S608
        "CASE copy WHEN 0 THEN 0 ELSE row_number() OVER ("
        "PARTITION BY copy, intake, about, document, bag ORDER BY id) END, body FROM print_job ORDER BY id"
    )
    op.drop_table("print_job")
    op.rename_table("print_job_8", "print_job")
    op.create_index("print_job_intake", "print_job", ["intake"], sqlite_where=text("intake IS NOT NULL"))
    op.create_index("print_job_open", "print_job", ["state"], sqlite_where=text("state != 'printed'"))
    _scanned_bag()
    op.execute("PRAGMA user_version = 8")


def _print_job() -> None:
    op.create_table(
        "print_job_8",
        Column("id", Integer, primary_key=True),
        Column("intake", Integer, ForeignKey("intake.number")),
        Column("about", Text),
        Column("document", Text, nullable=False),
        Column("printer", Text, nullable=False),
        Column("bag", Integer, nullable=False),
        Column("state", Text, nullable=False),
        Column("attempts", Integer, nullable=False),
        Column("copy", Integer, nullable=False),
        Column("body", LargeBinary, nullable=False),
        CheckConstraint(
            "document IN ('bag_label', 'receipt', 'parcel_label', 'pickup_slip', 'day_slip', "
            "'test_label', 'test_receipt')",
            name="document_known",
        ),
        CheckConstraint("(document IN ('bag_label', 'receipt')) = (intake IS NOT NULL)", name="document_of_an_intake"),
        CheckConstraint("(intake IS NULL) <> (about IS NULL)", name="about_one_thing"),
        CheckConstraint("printer IN ('label', 'receipt')", name="printer_known"),
        CheckConstraint("state IN ('queued', 'sending', 'printed', 'unknown', 'cancelled')", name="state_known"),
        CheckConstraint("bag >= 0 AND attempts >= 0 AND copy >= 0", name="counts_not_negative"),
        sqlite_strict=True,
    )


def _scanned_bag() -> None:
    op.create_table(
        "scanned_bag",
        Column("intake", Integer, primary_key=True),
        Column("bag", Integer, primary_key=True),
        Column("scanned_at", Text, nullable=False),
        ForeignKeyConstraint(["intake", "bag"], ["intake_line.intake", "intake_line.bag"]),
        sqlite_with_rowid=False,
        sqlite_strict=True,
    )
