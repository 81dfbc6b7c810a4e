"""Schema 9: papers a clerk makes, crates of a lot, the job that a scan proves, and the bags that are asked for."""

from __future__ import annotations

from alembic import op
from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    Text,
    UniqueConstraint,
    text,
)

revision = "0009"
down_revision = "0008"

_KEPT = "id, intake, about, document, printer, bag, state, attempts, copy, body"


def upgrade() -> None:
    """Of a bag that was scanned before, nobody kept which job the scan proves: it proves none that is unknown."""
    _print_job()
    op.execute(f"INSERT INTO print_job_9 ({_KEPT}) SELECT {_KEPT} FROM print_job ORDER BY id")  # noqa: S608
    op.drop_table("print_job")
    op.rename_table("print_job_9", "print_job")
    op.create_index("print_job_intake", "print_job", ["intake"], sqlite_where=text("intake IS NOT NULL"))
    op.create_index("print_job_open", "print_job", ["state"], sqlite_where=text("state != 'printed'"))
    _scanned_bag()
    op.execute("INSERT INTO scanned_bag_9 (intake, bag, scanned_at) SELECT intake, bag, scanned_at FROM scanned_bag")
    op.drop_table("scanned_bag")
    op.rename_table("scanned_bag_9", "scanned_bag")
    op.create_table(
        "asked_bags",
        Column("intake", Integer, ForeignKey("intake.number"), primary_key=True),
        sqlite_strict=True,
    )
    _crates()
    _totes()
    op.execute("PRAGMA user_version = 9")


def _print_job() -> None:
    op.create_table(
        "print_job_9",
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
            "document IN ('bag_label', 'receipt', 'crate_label', 'parcel_label', 'pickup_slip', 'day_slip', "
            "'member_card', 'tote_tag', 'seal_tag', 'manifest', 'test_label', 'test_receipt')",
            name="document_known",
        ),
        CheckConstraint(
            "(document IN ('bag_label', 'receipt', 'crate_label')) = (intake IS NOT NULL)",
            name="document_of_an_intake",
        ),
        CheckConstraint("(intake IS NULL) <> (about IS NULL)", name="about_one_thing"),
        CheckConstraint("printer IN ('label', 'receipt')", name="printer_known"),
        CheckConstraint("state IN ('queued', 'sending', 'printed', 'unknown', 'cancelled')", name="state_known"),
        CheckConstraint("bag >= 0 AND attempts >= 0 AND copy >= 0", name="counts_not_negative"),
        sqlite_strict=True,
    )


def _scanned_bag() -> None:
    op.create_table(
        "scanned_bag_9",
        Column("intake", Integer, primary_key=True),
        Column("bag", Integer, primary_key=True),
        Column("scanned_at", Text, nullable=False),
        Column("print_job", Integer, ForeignKey("print_job.id")),
        ForeignKeyConstraint(["intake", "bag"], ["intake_line.intake", "intake_line.bag"]),
        sqlite_with_rowid=False,
        sqlite_strict=True,
    )


def _crates() -> None:
    op.create_table(
        "crate",
        Column("number", Integer, primary_key=True),
        Column("intake", Integer, ForeignKey("lot.intake"), nullable=False),
        Column("place", Integer, nullable=False),
        Column("sscc", Text, unique=True),
        Column("packed_at", Text, nullable=False),
        Column("unpacked_at", Text),
        UniqueConstraint("intake", "place"),
        CheckConstraint("number % 1000000 > 0", name="counter_from_one"),
        CheckConstraint("place > 0", name="place_from_one"),
        CheckConstraint("length(sscc) = 18", name="sscc_length"),
        sqlite_strict=True,
    )
    op.create_table(
        "crate_bag",
        Column("intake", Integer, primary_key=True),
        Column("bag", Integer, primary_key=True),
        Column("crate", Integer, ForeignKey("crate.number"), nullable=False),
        ForeignKeyConstraint(["intake", "bag"], ["intake_line.intake", "intake_line.bag"]),
        sqlite_with_rowid=False,
        sqlite_strict=True,
    )


def _totes() -> None:
    op.create_table(
        "manifest",
        Column("number", Integer, primary_key=True),
        Column("handed_over_at", Text, nullable=False),
        CheckConstraint("number % 1000000 > 0", name="counter_from_one"),
        sqlite_strict=True,
    )
    op.create_table(
        "tote",
        Column("number", Integer, primary_key=True),
        Column("seal", Integer, nullable=False, unique=True),
        Column("packed_at", Text, nullable=False),
        Column("unpacked_at", Text),
        Column("manifest", Integer, ForeignKey("manifest.number")),
        CheckConstraint("number % 1000000 > 0 AND seal % 1000000 > 0", name="counters_from_one"),
        CheckConstraint("unpacked_at IS NULL OR manifest IS NULL", name="opened_or_handed_over"),
        sqlite_strict=True,
    )
    op.create_table(
        "tote_parcel",
        Column("parcel", Integer, ForeignKey("parcel.number"), primary_key=True),
        Column("tote", Integer, ForeignKey("tote.number"), nullable=False),
        sqlite_strict=True,
    )
