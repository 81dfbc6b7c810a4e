"""Schema 1: station, epochs, journal, catalog, intakes and papers."""

from __future__ import annotations

from alembic import op
from sqlalchemy import CheckConstraint, Column, ForeignKey, Integer, LargeBinary, Text, text

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables of a station that weighs and prints."""
    _station()
    _epoch()
    _journal()
    _quarantined()
    _catalog_version()
    _intake()
    _intake_line()
    _lot()
    _void()
    _print_job()
    op.create_index("print_job_intake", "print_job", ["intake"])
    op.create_index("print_job_open", "print_job", ["state"], sqlite_where=text("state != 'printed'"))
    op.execute("PRAGMA application_id = 1263095635")
    op.execute("PRAGMA user_version = 1")


def _station() -> None:
    op.create_table(
        "station",
        Column("id", Integer, CheckConstraint("id = 1", name="one_station"), primary_key=True),
        Column("station", Text, nullable=False),
        sqlite_strict=True,
    )


def _epoch() -> None:
    op.create_table(
        "epoch",
        Column("number", Integer, primary_key=True),
        Column("epoch", Text, nullable=False, unique=True),
        Column("series", Text, nullable=False, unique=True),
        Column("why", Text, nullable=False),
        Column("started_at", Text, nullable=False),
        Column("acked_upto", Integer, nullable=False, server_default=text("0")),
        CheckConstraint("length(epoch) = 16", name="epoch_length"),
        CheckConstraint("length(series) = 1", name="series_length"),
        CheckConstraint("acked_upto >= 0", name="acked_upto_positive"),
        sqlite_strict=True,
    )


def _journal() -> None:
    op.create_table(
        "journal",
        Column("position", Integer, primary_key=True),
        Column("epoch", Integer, ForeignKey("epoch.number"), nullable=False),
        Column("seq", Integer, nullable=False),
        Column("type", Text, nullable=False),
        Column("sha256", Text, nullable=False),
        Column("body", LargeBinary, nullable=False),
        CheckConstraint("position = epoch * 4294967296 + seq", name="position_of_epoch_and_seq"),
        CheckConstraint("seq BETWEEN 1 AND 2147483647", name="seq_range"),
        CheckConstraint("length(sha256) = 64", name="sha256_length"),
        sqlite_strict=True,
    )


def _quarantined() -> None:
    op.create_table(
        "quarantined",
        Column("epoch", Integer, ForeignKey("epoch.number"), primary_key=True),
        Column("seq", Integer, primary_key=True),
        sqlite_with_rowid=False,
        sqlite_strict=True,
    )


def _catalog_version() -> None:
    op.create_table(
        "catalog_version",
        Column("version", Integer, primary_key=True),
        Column("sha256", Text, nullable=False),
        Column("content", LargeBinary, nullable=False),
        Column("imported_at", Text, nullable=False),
        CheckConstraint("version >= 1", name="version_from_one"),
        sqlite_strict=True,
    )


def _intake() -> None:
    op.create_table(
        "intake",
        Column("number", Integer, primary_key=True),
        Column("receipt", Text, nullable=False),
        Column("state", Text, nullable=False),
        Column("party", Text, nullable=False),
        Column("product", Text, nullable=False),
        Column("mode", Text, nullable=False),
        Column("catalog_version", Integer, ForeignKey("catalog_version.version"), nullable=False),
        Column("price_fen_per_kg", Integer, nullable=False),
        Column("gross_g", Integer, nullable=False),
        Column("tare_g", Integer, nullable=False),
        Column("net_g", Integer, nullable=False),
        Column("amount_fen", Integer, nullable=False),
        Column("certificate_kind", Text),
        Column("certificate_ref", Text),
        Column("certificate_reason", Text),
        Column("metrology", Text),
        Column("token", Text, unique=True),
        Column("position", Integer, ForeignKey("journal.position")),
        Column("opened_at", Text, nullable=False),
        Column("closed_at", Text),
        CheckConstraint("number % 1000000 > 0", name="counter_from_one"),
        CheckConstraint("state IN ('opened', 'confirmed', 'abandoned')", name="state_known"),
        CheckConstraint("mode IN ('purchase', 'consignment')", name="mode_known"),
        CheckConstraint("price_fen_per_kg >= 0 AND amount_fen >= 0", name="money_not_negative"),
        CheckConstraint("tare_g >= 0 AND net_g >= 0 AND net_g = gross_g - tare_g", name="net_is_gross_minus_tare"),
        CheckConstraint("(state = 'opened') = (position IS NULL)", name="closed_with_an_event"),
        CheckConstraint("(state = 'opened') = (closed_at IS NULL)", name="closed_with_a_time"),
        CheckConstraint("(state = 'confirmed') = (token IS NOT NULL)", name="confirmed_with_a_token"),
        CheckConstraint("(state = 'confirmed') = (net_g > 0)", name="confirmed_with_goods"),
        CheckConstraint("(state = 'confirmed') = (certificate_kind IS NOT NULL)", name="confirmed_with_a_certificate"),
        sqlite_strict=True,
    )


def _intake_line() -> None:
    op.create_table(
        "intake_line",
        Column("intake", Integer, ForeignKey("intake.number"), primary_key=True),
        Column("bag", Integer, primary_key=True),
        Column("gross_g", Integer, nullable=False),
        Column("tare_g", Integer, nullable=False),
        Column("net_g", Integer, nullable=False),
        Column("amount_fen", Integer, nullable=False),
        Column("container", Text, nullable=False),
        Column("tare_source", Text, nullable=False),
        Column("reading", Integer, nullable=False),
        Column("load", Integer, nullable=False),
        Column("stable_ms", Integer, nullable=False),
        Column("readings", Integer, nullable=False),
        CheckConstraint("bag >= 1", name="bag_from_one"),
        CheckConstraint("tare_g >= 0 AND net_g > 0 AND net_g = gross_g - tare_g", name="net_is_gross_minus_tare"),
        CheckConstraint("amount_fen >= 0", name="money_not_negative"),
        CheckConstraint("tare_source IN ('preset', 'weighed')", name="tare_source_known"),
        sqlite_with_rowid=False,
        sqlite_strict=True,
    )


def _lot() -> None:
    op.create_table(
        "lot",
        Column("intake", Integer, ForeignKey("intake.number"), primary_key=True),
        Column("lot", Text, nullable=False),
        Column("product", Text, nullable=False),
        Column("owner", Text, nullable=False),
        Column("net_g", Integer, nullable=False),
        CheckConstraint("net_g > 0", name="lot_with_goods"),
        sqlite_strict=True,
    )


def _void() -> None:
    op.create_table(
        "void",
        Column("intake", Integer, ForeignKey("intake.number"), primary_key=True),
        Column("reason", Text, nullable=False),
        Column("actor", Text, nullable=False),
        Column("witness", Text, nullable=False),
        Column("replacement", Text),
        Column("position", Integer, ForeignKey("journal.position"), nullable=False),
        Column("voided_at", Text, nullable=False),
        CheckConstraint("actor <> witness", name="two_people"),
        sqlite_strict=True,
    )


def _print_job() -> None:
    op.create_table(
        "print_job",
        Column("id", Integer, primary_key=True),
        Column("intake", Integer, ForeignKey("intake.number"), nullable=False),
        Column("document", Text, nullable=False),
        Column("printer", Text, nullable=False),
        Column("bag", Integer, nullable=False),
        Column("state", Text, nullable=False),
        Column("attempts", Integer, nullable=False),
        Column("copy", Integer, nullable=False),
        Column("body", LargeBinary, nullable=False),
        CheckConstraint("document IN ('bag_label', 'receipt')", name="document_known"),
        CheckConstraint("printer IN ('label', 'receipt')", name="printer_known"),
        CheckConstraint("state IN ('queued', 'sending', 'printed', 'unknown')", name="state_known"),
        CheckConstraint("bag >= 0 AND attempts >= 0 AND copy IN (0, 1)", name="counts_not_negative"),
        sqlite_strict=True,
    )
