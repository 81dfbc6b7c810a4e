"""Schema 3: parcels, the people at the counter, locks and days; papers that are no intake's, and cancelled ones."""

from __future__ import annotations

from alembic import op
from sqlalchemy import CheckConstraint, Column, ForeignKey, Integer, LargeBinary, Text, text

revision = "0003"
down_revision = "0002"

_KEPT = "id, intake, document, printer, bag, state, attempts, copy, body"


def upgrade() -> None:
    """Add the tables of the counter, and make room for its papers."""
    _print_job()
    _delivery()
    _parcel()
    _clerk()
    _lockout()
    _day()
    op.execute("PRAGMA user_version = 3")


def _print_job() -> None:
    """SQLite cannot change the rules of a table: the rows move to a new one, each with the number it had."""
    _make_print_job("print_job_3")
    op.execute(f"INSERT INTO print_job_3 ({_KEPT}) SELECT {_KEPT} FROM print_job ORDER BY id")  # noqa: S608
    op.drop_table("print_job")
    op.rename_table("print_job_3", "print_job")
    op.create_index("print_job_intake", "print_job", ["intake"], sqlite_where=text("intake IS NOT NULL"))
    op.create_index("print_job_open", "print_job", ["state"], sqlite_where=text("state != 'printed'"))


def _make_print_job(name: str) -> None:
    op.create_table(
        name,
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
        CheckConstraint("bag >= 0 AND attempts >= 0 AND copy IN (0, 1)", name="counts_not_negative"),
        sqlite_strict=True,
    )


def _delivery() -> None:
    op.create_table(
        "delivery",
        Column("number", Integer, primary_key=True),
        Column("opened_at", Text, nullable=False),
        Column("closed_at", Text),
        sqlite_strict=True,
    )


def _parcel() -> None:
    op.create_table(
        "parcel",
        Column("number", Integer, primary_key=True),
        Column("waybill_sha256", LargeBinary, nullable=False),
        Column("waybill", Text),
        Column("carrier", Text, nullable=False),
        Column("state", Text, nullable=False),
        Column("shelf", Text),
        Column("consent", Text),
        Column("expected", Integer, nullable=False),
        Column("surplus", Integer, nullable=False),
        Column("damaged", Integer, nullable=False),
        Column("phone_last4", Text),
        Column("proxy_name", Text),
        Column("photo_sha256", Text),
        Column("code_mac", LargeBinary),
        Column("code_no", Integer, nullable=False),
        Column("arrived_at", Text),
        Column("shelf_since", Text),
        Column("closed_at", Text),
        Column("counts_from", Text),
        CheckConstraint("number % 1000000 > 0", name="counter_from_one"),
        CheckConstraint("length(waybill_sha256) = 32", name="sha256_length"),
        CheckConstraint(
            "state IN ('expected', 'missing', 'arrived', 'shelved', 'noticed', 'overdue', 'return_due', 'lost', "
            "'collected', 'returned', 'refused', 'misrouted', 'withdrawn')",
            name="state_known",
        ),
        CheckConstraint(
            "(state IN ('shelved', 'noticed', 'overdue', 'return_due', 'lost')) = (shelf IS NOT NULL)",
            name="a_slot_on_the_shelf",
        ),
        CheckConstraint(
            "(state IN ('noticed', 'overdue', 'return_due', 'lost')) = (code_mac IS NOT NULL)",
            name="a_code_while_waiting",
        ),
        CheckConstraint("(state IN ('expected', 'missing')) = (arrived_at IS NULL)", name="arrived_at_a_time"),
        CheckConstraint(
            "(state IN ('collected', 'returned', 'refused', 'misrouted', 'withdrawn')) = (closed_at IS NOT NULL)",
            name="closed_at_a_time",
        ),
        CheckConstraint("(consent IS NULL) = (arrived_at IS NULL)", name="arrived_with_consent"),
        CheckConstraint("waybill IS NOT NULL OR closed_at IS NOT NULL OR state = 'missing'", name="waybill_while_open"),
        CheckConstraint("phone_last4 GLOB '[0-9][0-9][0-9][0-9]'", name="four_digits"),
        CheckConstraint("expected IN (0, 1) AND surplus IN (0, 1) AND damaged IN (0, 1)", name="yes_or_no"),
        CheckConstraint("expected + surplus < 2 AND code_no >= 0", name="expected_or_surplus"),
        sqlite_strict=True,
    )
    op.create_index("parcel_waybill", "parcel", ["waybill_sha256"])
    op.create_index("parcel_state", "parcel", ["state"])
    op.create_index(
        "parcel_slot", "parcel", ["shelf"], unique=True, sqlite_where=text("shelf IS NOT NULL AND state != 'lost'")
    )


def _clerk() -> None:
    op.create_table(
        "clerk",
        Column("number", Integer, primary_key=True),
        Column("name", Text, nullable=False),
        Column("role", Text, nullable=False),
        Column("pin_hash", Text, nullable=False),
        Column("active", Integer, nullable=False),
        CheckConstraint("number BETWEEN 1 AND 9999", name="number_range"),
        CheckConstraint("role IN ('clerk', 'technician')", name="role_known"),
        CheckConstraint("active IN (0, 1)", name="yes_or_no"),
        sqlite_strict=True,
    )


def _lockout() -> None:
    op.create_table(
        "lockout",
        Column("scope", Text, primary_key=True),
        Column("failures", Text, nullable=False),
        Column("wait_ms", Integer, nullable=False),
        Column("boot_id", Text, nullable=False),
        Column("monotonic_ms", Integer, nullable=False),
        CheckConstraint("wait_ms >= 0 AND monotonic_ms >= 0", name="times_not_negative"),
        sqlite_with_rowid=False,
        sqlite_strict=True,
    )


def _day() -> None:
    op.create_table(
        "day",
        Column("number", Integer, primary_key=True),
        Column("position", Integer, ForeignKey("journal.position"), nullable=False),
        Column("next_intake", Integer, nullable=False),
        Column("closed_at", Text, nullable=False),
        sqlite_strict=True,
    )
