"""The tables of a station. Masses are integer grams, money integer fen, times RFC 3339 text in UTC.

Every table is STRICT: SQLite then refuses a text where a gram belongs. Few indexes on purpose: each costs a page
of the memory card with every commit, so the keys are made such that new rows go to the end of their table.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.schema import SchemaItem

# `PRAGMA user_version` of a file that fits this code: the number of the newest migration, counted from 1.
SCHEMA_VERSION: Final = 4
BASELINE_VERSION: Final = 4  # The oldest that can be brought up: before 1.0 the baseline is edited

# `PRAGMA application_id`: the letters KIOS (https://www.sqlite.org/fileformat2.html, offset 68).
APPLICATION_ID: Final = 0x4B494F53

EPOCH_SHIFT: Final = 2**32  # `journal.position` = epoch number * 2**32 + seq: (epoch, seq) in one rowid, always growing

# `intake.number` = place of the series letter * 1,000,000 + counter: unique in its series, always growing.
#
# `parcel.number` is made likewise, with a separate counter.
SERIES_SIZE: Final = 1_000_000

metadata = MetaData()


def _table(name: str, *items: SchemaItem) -> Table:
    return Table(name, metadata, *items, sqlite_strict=True)


def _integers(*names: str) -> list[Column[int]]:
    return [Column(name, Integer, nullable=False) for name in names]


def _texts(*names: str) -> list[Column[str]]:
    return [Column(name, Text, nullable=False) for name in names]


def _optional_texts(*names: str) -> list[Column[str]]:
    return [Column(name, Text) for name in names]


def _rowless(name: str, *items: SchemaItem) -> Table:
    """Make a table that is its own index: rows are found by their whole primary key alone."""
    return Table(name, metadata, *items, sqlite_strict=True, sqlite_with_rowid=False)


station = _table(
    "station",
    Column("id", Integer, CheckConstraint("id = 1", name="one_station"), primary_key=True),
    Column("station", Text, nullable=False),
)

epoch = _table(
    "epoch",
    Column("number", Integer, primary_key=True),
    Column("epoch", Text, nullable=False, unique=True),
    Column("series", Text, nullable=False, unique=True),
    *_texts("why", "started_at"),
    Column("acked_upto", Integer, nullable=False, server_default=text("0")),
    CheckConstraint("length(epoch) = 16", name="epoch_length"),
    CheckConstraint("length(series) = 1", name="series_length"),
    CheckConstraint("acked_upto >= 0", name="acked_upto_positive"),
)

journal = _table(
    "journal",
    Column("position", Integer, primary_key=True),
    Column("epoch", Integer, ForeignKey("epoch.number"), nullable=False),
    Column("seq", Integer, nullable=False),
    *_texts("type", "sha256"),
    Column("body", LargeBinary, nullable=False),
    CheckConstraint("position = epoch * 4294967296 + seq", name="position_of_epoch_and_seq"),
    CheckConstraint("seq BETWEEN 1 AND 2147483647", name="seq_range"),
    CheckConstraint("length(sha256) = 64", name="sha256_length"),
)

# One row once the station has had a signing key. `public` is the key announced last, "" when it must be announced
# again; `position` that of the announcing event. The rest bounds the events of the current epoch that have had no
# signature since, 0 and "" for none.
signing_key = _table(
    "signing_key",
    Column("id", Integer, CheckConstraint("id = 1", name="one_key"), primary_key=True),
    Column("public", Text, nullable=False),
    Column("position", Integer, ForeignKey("journal.position"), nullable=False),
    *_integers("first_seq", "last_seq", "events"),
    Column("head", Text, nullable=False),
)

quarantined = _rowless(
    "quarantined",
    Column("epoch", Integer, ForeignKey("epoch.number"), primary_key=True),
    Column("seq", Integer, primary_key=True),
)

catalog_version = _table(
    "catalog_version",
    Column("version", Integer, primary_key=True),
    Column("sha256", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("imported_at", Text, nullable=False),
    CheckConstraint("version >= 1", name="version_from_one"),
)

# One row for each applied document of the county; the newest is in force. `epoch`: the number of the epoch in which the
# county last stated that it is the newest one: a database that was restored or copied starts another epoch.
county_document = _table(
    "county_document",
    Column("id", Integer, primary_key=True),
    *_integers("key", "number", "catalog_version", "epoch"),
    *_texts("sha256", "applied_at"),
    Column("document", LargeBinary, nullable=False),
    UniqueConstraint("key", "number", name="one_document_a_version"),
)

# Checkpoints of the county's log, as it signed them: those that are kept, and with a `reason` those that were refused.
county_checkpoint = _table(
    "county_checkpoint",
    Column("id", Integer, primary_key=True),
    *_texts("origin", "root", "note", "noted_at"),
    Column("size", Integer, nullable=False),
    Column("reason", Text),
    CheckConstraint("size >= 0", name="size_not_negative"),
    CheckConstraint("length(root) = 64", name="root_length"),
    CheckConstraint("reason IN ('signature', 'smaller', 'inconsistent')", name="reason_known"),
)

# The bytes of the parts that the newest documents name.
county_part = _table(
    "county_part",
    Column("id", Integer, primary_key=True),
    Column("sha256", Text, nullable=False, unique=True),
    Column("content", LargeBinary, nullable=False),
)

intake = _table(
    "intake",
    Column("number", Integer, primary_key=True),
    *_texts("receipt", "state", "party", "product", "mode"),
    Column("catalog_version", Integer, ForeignKey("catalog_version.version"), nullable=False),
    *_integers("price_fen_per_kg", "gross_g", "tare_g", "net_g", "amount_fen"),
    *_optional_texts("certificate_kind", "certificate_ref", "certificate_reason", "metrology"),
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
)

Index("intake_party", intake.c.party)

intake_line = _rowless(
    "intake_line",
    Column("intake", Integer, ForeignKey("intake.number"), primary_key=True),
    Column("bag", Integer, primary_key=True),
    *_integers("gross_g", "tare_g", "net_g", "amount_fen"),
    *_texts("container", "tare_source"),
    *_integers("reading", "load", "stable_ms", "readings"),
    CheckConstraint("bag >= 1", name="bag_from_one"),
    CheckConstraint("tare_g >= 0 AND net_g > 0 AND net_g = gross_g - tare_g", name="net_is_gross_minus_tare"),
    CheckConstraint("amount_fen >= 0", name="money_not_negative"),
    CheckConstraint("tare_source IN ('preset', 'weighed')", name="tare_source_known"),
)

lot = _table(
    "lot",
    Column("intake", Integer, ForeignKey("intake.number"), primary_key=True),
    *_texts("lot", "product", "owner"),
    Column("net_g", Integer, nullable=False),
    CheckConstraint("net_g > 0", name="lot_with_goods"),
)

void = _table(
    "void",
    Column("intake", Integer, ForeignKey("intake.number"), primary_key=True),
    *_texts("reason", "actor", "witness"),
    Column("replacement", Text),
    Column("position", Integer, ForeignKey("journal.position"), nullable=False),
    Column("voided_at", Text, nullable=False),
    CheckConstraint("actor <> witness", name="two_people"),
)

print_job = _table(
    "print_job",
    Column("id", Integer, primary_key=True),
    Column("intake", Integer, ForeignKey("intake.number")),
    Column("about", Text),
    *_texts("document", "printer"),
    Column("bag", Integer, nullable=False),
    Column("state", Text, nullable=False),
    *_integers("attempts", "copy"),
    Column("body", LargeBinary, nullable=False),
    CheckConstraint(
        "document IN ('bag_label', 'receipt', 'crate_label', 'parcel_label', 'pickup_slip', 'day_slip', "
        "'member_card', 'member_statement', 'member_code', 'tote_tag', 'seal_tag', 'manifest', 'test_label', "
        "'test_receipt')",
        name="document_known",
    ),
    CheckConstraint(
        "(document IN ('bag_label', 'receipt', 'crate_label')) = (intake IS NOT NULL)", name="document_of_an_intake"
    ),
    CheckConstraint("(intake IS NULL) <> (about IS NULL)", name="about_one_thing"),
    CheckConstraint("printer IN ('label', 'receipt')", name="printer_known"),
    CheckConstraint("state IN ('queued', 'sending', 'printed', 'unknown', 'cancelled')", name="state_known"),
    CheckConstraint("bag >= 0 AND attempts >= 0 AND copy >= 0", name="counts_not_negative"),
)
Index("print_job_intake", print_job.c.intake, sqlite_where=print_job.c.intake.is_not(None))
Index("print_job_open", print_job.c.state, sqlite_where=print_job.c.state != text("'printed'"))

scanned_bag = _rowless(
    "scanned_bag",
    Column("intake", Integer, primary_key=True),
    Column("bag", Integer, primary_key=True),
    Column("scanned_at", Text, nullable=False),
    Column("print_job", Integer, ForeignKey("print_job.id")),
    ForeignKeyConstraint(["intake", "bag"], ["intake_line.intake", "intake_line.bag"]),
)

scan_requests = _table(
    "asked_bags",
    Column("intake", Integer, ForeignKey("intake.number"), primary_key=True),
)

crate = _table(
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
)

crate_bag = _rowless(
    "crate_bag",
    Column("intake", Integer, primary_key=True),
    Column("bag", Integer, primary_key=True),
    Column("crate", Integer, ForeignKey("crate.number"), nullable=False),
    ForeignKeyConstraint(["intake", "bag"], ["intake_line.intake", "intake_line.bag"]),
)

photo = _rowless(
    "photo",
    Column("intake", Integer, ForeignKey("lot.intake"), primary_key=True),
    Column("sha256", Text, primary_key=True),
    *_integers("shot", "size_bytes", "width", "height"),
    Column("taken_at", Text, nullable=False),
    Column("position", Integer, ForeignKey("journal.position"), nullable=False),
    Column("sent", Integer, nullable=False),
    Column("natural_sha256", Text, nullable=False),
    *_integers("natural_size_bytes", "natural_width", "natural_height", "natural_sent"),
    Column("measures", Text, nullable=False),
    *_optional_texts("overruled", "actor", "likeness"),
    CheckConstraint("length(sha256) = 64 AND length(natural_sha256) = 64", name="sha256_length"),
    CheckConstraint("shot > 0 AND size_bytes > 0 AND width > 0 AND height > 0", name="sizes_positive"),
    CheckConstraint(
        "natural_size_bytes > 0 AND natural_width > 0 AND natural_height > 0", name="natural_sizes_positive"
    ),
    CheckConstraint("sent IN (0, 1) AND natural_sent IN (0, 1)", name="sent_or_not"),
    CheckConstraint("(overruled IS NULL) = (actor IS NULL)", name="overruled_by_somebody"),
    CheckConstraint("length(likeness) = 16", name="likeness_length"),
)
Index(
    "photo_unsent",
    photo.c.position,
    sqlite_where=(photo.c.sent == text("0")) | (photo.c.natural_sent == text("0")),
)

listing = _table(
    "listing",
    Column("intake", Integer, ForeignKey("lot.intake"), primary_key=True),
    Column("drafted_at", Text, nullable=False),
    Column("pack_g", Integer),
    Column("grade", Text),
    Column("position", Integer, ForeignKey("journal.position")),
    CheckConstraint("pack_g > 0 AND (pack_g IS NULL) = (grade IS NULL)", name="chosen_together"),
)

listing_photo = _rowless(
    "listing_photo",
    Column("intake", Integer, ForeignKey("listing.intake"), primary_key=True),
    Column("sha256", Text, primary_key=True),
    *_integers("place", "left_out"),
    ForeignKeyConstraint(["intake", "sha256"], ["photo.intake", "photo.sha256"]),
    CheckConstraint("place > 0", name="place_from_one"),
    CheckConstraint("left_out IN (0, 1)", name="yes_or_no"),
)

delivery = _table(
    "delivery",
    Column("number", Integer, primary_key=True),
    Column("opened_at", Text, nullable=False),
    Column("closed_at", Text),
)

parcel = _table(
    "parcel",
    Column("number", Integer, primary_key=True),
    Column("waybill_sha256", LargeBinary, nullable=False),
    Column("waybill", Text),
    *_texts("carrier", "state"),
    *_optional_texts("shelf", "consent"),
    *_integers("expected", "surplus", "damaged"),
    *_optional_texts("phone_last4", "proxy_name", "photo_sha256"),
    Column("code_mac", LargeBinary),
    Column("code_no", Integer, nullable=False),
    *_optional_texts("arrived_at", "shelf_since", "closed_at", "counts_from"),
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
        "(state IN ('noticed', 'overdue', 'return_due', 'lost')) = (code_mac IS NOT NULL)", name="a_code_while_waiting"
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
)
Index("parcel_waybill", parcel.c.waybill_sha256)
Index("parcel_state", parcel.c.state)
Index(
    "parcel_slot",
    parcel.c.shelf,
    unique=True,
    sqlite_where=parcel.c.shelf.is_not(None) & (parcel.c.state != text("'lost'")),
)

manifest = _table(
    "manifest",
    Column("number", Integer, primary_key=True),
    Column("handed_over_at", Text, nullable=False),
    CheckConstraint("number % 1000000 > 0", name="counter_from_one"),
)

tote = _table(
    "tote",
    Column("number", Integer, primary_key=True),
    Column("seal", Integer, nullable=False, unique=True),
    Column("packed_at", Text, nullable=False),
    Column("unpacked_at", Text),
    Column("manifest", Integer, ForeignKey("manifest.number")),
    CheckConstraint("number % 1000000 > 0 AND seal % 1000000 > 0", name="counters_from_one"),
    CheckConstraint("unpacked_at IS NULL OR manifest IS NULL", name="opened_or_handed_over"),
)

tote_parcel = _table(
    "tote_parcel",
    Column("parcel", Integer, ForeignKey("parcel.number"), primary_key=True),
    Column("tote", Integer, ForeignKey("tote.number"), nullable=False),
)

clerk = _table(
    "clerk",
    Column("number", Integer, primary_key=True),
    *_texts("name", "role", "pin_hash"),
    Column("active", Integer, nullable=False),
    CheckConstraint("number BETWEEN 1 AND 9999", name="number_range"),
    CheckConstraint("role IN ('clerk', 'technician')", name="role_known"),
    CheckConstraint("active IN (0, 1)", name="yes_or_no"),
)

# The code that a member without a card types: HMAC of number and code under the station's key.
member_code = _rowless(
    "member_code",
    Column("member", Text, primary_key=True),
    Column("mac", LargeBinary, nullable=False),
)

lockout = _rowless(
    "lockout",
    Column("scope", Text, primary_key=True),
    Column("failures", Text, nullable=False),
    Column("wait_ms", Integer, nullable=False),
    Column("boot_id", Text, nullable=False),
    Column("monotonic_ms", Integer, nullable=False),
    CheckConstraint("wait_ms >= 0 AND monotonic_ms >= 0", name="times_not_negative"),
)

day = _table(
    "day",
    Column("number", Integer, primary_key=True),
    Column("position", Integer, ForeignKey("journal.position"), nullable=False),
    Column("next_intake", Integer, nullable=False),
    Column("closed_at", Text, nullable=False),
)

# The scale: event counters, what a weighing was worth, its raw frames, checks, unbooked loads

metrology_counter = _rowless(
    "metrology_counter",
    Column("name", Text, primary_key=True),
    Column("value", Integer, nullable=False),
    Column("sha256", Text),
    CheckConstraint("name IN ('scale_profile', 'tare_library', 'clock')", name="name_known"),
    CheckConstraint("value >= 0", name="value_not_negative"),
    CheckConstraint("length(sha256) = 64", name="sha256_length"),
)

intake_scale = _table(
    "intake_scale",
    Column("intake", Integer, ForeignKey("intake.number"), primary_key=True),
    Column("trade", Integer),
    *_texts("check_state", "verification"),
    *_integers("scale_profile", "tare_library", "clock"),
    Column("serial_no", Text, nullable=False),
    CheckConstraint("trade IN (0, 1)", name="yes_or_no"),
    CheckConstraint("check_state IN ('none', 'passed', 'failed', 'late')", name="check_known"),
    CheckConstraint("verification IN ('none', 'valid', 'expired', 'unjudged')", name="verification_known"),
    CheckConstraint("scale_profile >= 0 AND tare_library >= 0 AND clock >= 0", name="counters_not_negative"),
)

weighing_frames = _rowless(
    "weighing_frames",
    Column("intake", Integer, primary_key=True),
    Column("bag", Integer, primary_key=True),
    Column("sha256", Text, nullable=False),
    Column("frames", LargeBinary, nullable=False),
    ForeignKeyConstraint(["intake", "bag"], ["intake_line.intake", "intake_line.bag"]),
    CheckConstraint("length(sha256) = 64", name="sha256_length"),
    CheckConstraint("length(frames) BETWEEN 3 AND 4096", name="frames_bounded"),
)

scale_check = _table(
    "scale_check",
    Column("number", Integer, primary_key=True),
    *_integers("expected_g", "read_g", "allowed_g", "passed"),
    Column("actor", Text, nullable=False),
    Column("frames", LargeBinary),
    Column("frames_sha256", Text),
    Column("position", Integer, ForeignKey("journal.position"), nullable=False),
    Column("checked_at", Text, nullable=False),
    Column("local_date", Text),
    *_texts("clock", "boot_id"),
    Column("monotonic_ms", Integer, nullable=False),
    CheckConstraint("expected_g > 0 AND allowed_g > 0", name="masses_positive"),
    CheckConstraint("passed = (abs(read_g - expected_g) <= allowed_g)", name="passed_within_the_allowed"),
    CheckConstraint("clock IN ('synced', 'restored', 'unset')", name="clock_known"),
    CheckConstraint("(frames IS NULL) = (frames_sha256 IS NULL)", name="frames_with_a_hash"),
    CheckConstraint("length(frames) BETWEEN 3 AND 4096", name="frames_bounded"),
    CheckConstraint("length(frames_sha256) = 64", name="sha256_length"),
)

pan_load = _table(
    "pan_load",
    Column("number", Integer, primary_key=True),
    Column("state", Text, nullable=False),
    Column("load", Integer, nullable=False),
    Column("intake", Integer, ForeignKey("intake.number")),
    Column("peak_g", Integer, nullable=False),
    Column("taken_g", Integer),
    *_integers("loads", "settled_ms"),
    Column("why", Text),
    Column("position", Integer, ForeignKey("journal.position")),
    *_texts("noted_at", "clock"),
    CheckConstraint("state IN ('lies', 'held', 'unbooked')", name="state_known"),
    CheckConstraint(
        "why IN ('not_asked', 'not_agreed', 'abandoned', 'idle', 'above_max', 'fault', 'restart', 'power')",
        name="why_known",
    ),
    CheckConstraint("(state = 'unbooked') = (why IS NOT NULL)", name="unbooked_for_a_reason"),
    CheckConstraint("(state = 'unbooked') = (position IS NOT NULL)", name="unbooked_with_an_event"),
    CheckConstraint("state <> 'held' OR (intake IS NOT NULL AND taken_g > 0)", name="held_for_an_intake"),
    CheckConstraint("peak_g > 0 AND loads > 0 AND settled_ms >= 0", name="counts_positive"),
    CheckConstraint("clock IN ('synced', 'restored', 'unset')", name="clock_known"),
)
Index("pan_load_open", pan_load.c.state, sqlite_where=pan_load.c.position.is_(None))
