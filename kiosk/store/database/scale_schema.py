"""The tables about the scale: event counters, what a weighing was worth, its raw frames, checks, unbooked loads."""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
)

from kiosk.store.database.schema import metadata

metrology_counter = Table(
    "metrology_counter",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Integer, nullable=False),
    Column("sha256", Text),
    CheckConstraint("name IN ('scale_profile', 'tare_library', 'clock')", name="name_known"),
    CheckConstraint("value >= 0", name="value_not_negative"),
    CheckConstraint("length(sha256) = 64", name="sha256_length"),
    sqlite_with_rowid=False,
    sqlite_strict=True,
)

intake_scale = Table(
    "intake_scale",
    metadata,
    Column("intake", Integer, ForeignKey("intake.number"), primary_key=True),
    Column("trade", Integer),
    Column("check_state", Text, nullable=False),
    Column("verification", Text, nullable=False),
    Column("scale_profile", Integer, nullable=False),
    Column("tare_library", Integer, nullable=False),
    Column("clock", Integer, nullable=False),
    Column("serial_no", Text, nullable=False),
    CheckConstraint("trade IN (0, 1)", name="yes_or_no"),
    CheckConstraint("check_state IN ('none', 'passed', 'failed', 'late')", name="check_known"),
    CheckConstraint("verification IN ('none', 'valid', 'expired', 'unjudged')", name="verification_known"),
    CheckConstraint("scale_profile >= 0 AND tare_library >= 0 AND clock >= 0", name="counters_not_negative"),
    sqlite_strict=True,
)

weighing_frames = Table(
    "weighing_frames",
    metadata,
    Column("intake", Integer, primary_key=True),
    Column("bag", Integer, primary_key=True),
    Column("sha256", Text, nullable=False),
    Column("frames", LargeBinary, nullable=False),
    ForeignKeyConstraint(["intake", "bag"], ["intake_line.intake", "intake_line.bag"]),
    CheckConstraint("length(sha256) = 64", name="sha256_length"),
    CheckConstraint("length(frames) BETWEEN 3 AND 4096", name="frames_bounded"),
    sqlite_with_rowid=False,
    sqlite_strict=True,
)

scale_check = Table(
    "scale_check",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("expected_g", Integer, nullable=False),
    Column("read_g", Integer, nullable=False),
    Column("allowed_g", Integer, nullable=False),
    Column("passed", Integer, nullable=False),
    Column("actor", Text, nullable=False),
    Column("frames", LargeBinary),
    Column("frames_sha256", Text),
    Column("position", Integer, ForeignKey("journal.position"), nullable=False),
    Column("checked_at", Text, nullable=False),
    Column("local_date", Text),
    Column("clock", Text, nullable=False),
    Column("boot_id", Text, nullable=False),
    Column("monotonic_ms", Integer, nullable=False),
    CheckConstraint("expected_g > 0 AND allowed_g > 0", name="masses_positive"),
    CheckConstraint("passed = (abs(read_g - expected_g) <= allowed_g)", name="passed_within_the_allowed"),
    CheckConstraint("clock IN ('synced', 'restored', 'unset')", name="clock_known"),
    CheckConstraint("(frames IS NULL) = (frames_sha256 IS NULL)", name="frames_with_a_hash"),
    CheckConstraint("length(frames) BETWEEN 3 AND 4096", name="frames_bounded"),
    CheckConstraint("length(frames_sha256) = 64", name="sha256_length"),
    sqlite_strict=True,
)

pan_load = Table(
    "pan_load",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("state", Text, nullable=False),
    Column("load", Integer, nullable=False),
    Column("intake", Integer, ForeignKey("intake.number")),
    Column("peak_g", Integer, nullable=False),
    Column("taken_g", Integer),
    Column("loads", Integer, nullable=False),
    Column("settled_ms", Integer, nullable=False),
    Column("why", Text),
    Column("position", Integer, ForeignKey("journal.position")),
    Column("noted_at", Text, nullable=False),
    Column("clock", Text, nullable=False),
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
    sqlite_strict=True,
)
Index("pan_load_open", pan_load.c.state, sqlite_where=pan_load.c.position.is_(None))
