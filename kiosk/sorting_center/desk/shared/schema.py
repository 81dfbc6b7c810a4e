"""The tables of the desk: what people are, what they did and decided. Nothing here can be made again from events.

In SQLite a file of its own beside the ledger, in PostgreSQL the schema ``desk`` of the ledger's database.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    UniqueConstraint,
)

from kiosk.sorting_center.ledger.database.schema import Code, Counting
from kiosk.sorting_center.ledger.database.times import TimestampColumn

SCHEMA: Final = "desk"  # Of PostgreSQL

REVISION: Final = "0001"  # Of the newest migration, counted from 1; `desk_version` names that of a desk

metadata = MetaData()

# As Alembic would make it.
desk_version = Table(
    "desk_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="desk_version_pkc"),
)

# `password_hash`: Argon2id in the form of RFC 9106's reference code. `language`: "" for that of the browser.
person = Table(
    "person",
    metadata,
    Column("name", Code, primary_key=True),
    Column("role", Code, nullable=False),
    Column("password_hash", Code, nullable=False),
    Column("disabled", Boolean, nullable=False),
    Column("language", Code, nullable=False),
    Column("changed_at", TimestampColumn, nullable=False),
)

# `host`: the name the pages were asked under when it began; under another one it opens nothing.
session = Table(
    "session",
    metadata,
    Column("token_sha256", Code, primary_key=True),
    Column("person", Code, ForeignKey("person.name"), nullable=False),
    Column("host", Code, nullable=False),
    Column("began_at", TimestampColumn, nullable=False),
    Column("seen_at", TimestampColumn, nullable=False),
    Index("session_person", "person"),
)

# A `kiosk.domain.lockout.Lockout` for each key; `failures_ms` are its ages, parted by spaces.
throttle = Table(
    "throttle",
    metadata,
    Column("key", Code, primary_key=True),
    Column("failures_ms", Code, nullable=False),
    Column("wait_ms", BigInteger, nullable=False),
    Column("boot_id", Code, nullable=False),
    Column("monotonic_ms", BigInteger, nullable=False),
    Column("touched_at", TimestampColumn, nullable=False),
    Index("throttle_touched_at", "touched_at"),
)

# Only ever added to.
audit = Table(
    "audit",
    metadata,
    Column("id", Counting, primary_key=True, autoincrement=True),
    Column("at", TimestampColumn, nullable=False),
    Column("who", Code, nullable=False),
    Column("act", Code, nullable=False),
    Column("subject", Code, nullable=False),
    Column("detail", Code, nullable=False),
    Index("audit_who", "who", "id"),
    Index("audit_act", "act", "id"),
    sqlite_autoincrement=True,
)

# `scopes`: words parted by spaces.
token = Table(
    "token",
    metadata,
    Column("name", Code, primary_key=True),
    Column("secret_sha256", Code, nullable=False, unique=True),
    Column("scopes", Code, nullable=False),
    Column("per_minute", BigInteger, nullable=False),
    Column("made_at", TimestampColumn, nullable=False),
    Column("expires_at", TimestampColumn),
    Column("revoked_at", TimestampColumn),
)

# `hours` as `hours.OpeningHours` writes them. After `quiet_min` minutes of them without a word one is quiet.
township = Table(
    "township",
    metadata,
    Column("region", Code, primary_key=True),
    Column("name", Code, primary_key=True),
    Column("hours", Code, nullable=False),
    Column("quiet_min", BigInteger, nullable=False),
)

# `contact` is that of the post, not of a person. Dates as YYYY-MM-DD, "" where none is known.
expected_station = Table(
    "expected_station",
    metadata,
    Column("region", Code, primary_key=True),
    Column("station", Code, primary_key=True),
    Column("village", Code, nullable=False),
    Column("township", Code, nullable=False),
    Column("contact", Code, nullable=False),
    Column("scale", Code, nullable=False),
    Column("verified_on", Code, nullable=False),
    Column("valid_until", Code, nullable=False),
)

# `state`: open, taken or closed. `present`: the condition was there when it was last looked for. `who` took or closed
# it last.
alarm_case = Table(
    "alarm_case",
    metadata,
    Column("id", Counting, primary_key=True, autoincrement=True),
    Column("kind", Code, nullable=False),
    Column("region", Code, nullable=False),
    Column("station", Code, nullable=False),
    Column("subject", Code, nullable=False),
    Column("detail", Code, nullable=False),
    Column("state", Code, nullable=False),
    Column("present", Boolean, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("opened_at", TimestampColumn, nullable=False),
    Column("seen_at", TimestampColumn, nullable=False),
    Column("who", Code, nullable=False),
    Column("reason", Code, nullable=False),
    UniqueConstraint("kind", "region", "station", "subject"),
    Index("alarm_case_state", "state", "id"),
    sqlite_autoincrement=True,
)

# `told`: notices about it are written; it is asked of those alone that open a case.
case_step = Table(
    "case_step",
    metadata,
    Column("id", Counting, primary_key=True, autoincrement=True),
    Column("alarm_case", BigInteger, ForeignKey("alarm_case.id"), nullable=False),
    Column("at", TimestampColumn, nullable=False),
    Column("who", Code, nullable=False),
    Column("state", Code, nullable=False),
    Column("reason", Code, nullable=False),
    Column("told", Boolean, nullable=False, default=False),
    Index("case_step_case", "alarm_case", "id"),
    Index("case_step_told", "told", "state", "id"),
    sqlite_autoincrement=True,
)

# `number` counts the decisions on one subject: two people who saw the same ones cannot both add the next.
decision = Table(
    "decision",
    metadata,
    Column("id", Counting, primary_key=True, autoincrement=True),
    Column("kind", Code, nullable=False),
    Column("subject", Code, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("act", Code, nullable=False),
    Column("reason", Code, nullable=False),
    Column("who", Code, nullable=False),
    Column("at", TimestampColumn, nullable=False),
    Column("outcome", Code, nullable=False),
    Column("figures", Code, nullable=False, server_default=""),
    UniqueConstraint("kind", "subject", "number"),
    sqlite_autoincrement=True,
)

# A file that was looked at and not taken yet, one a person. `base` is the mark of the list it was compared with.
registry_draft = Table(
    "registry_draft",
    metadata,
    Column("who", Code, primary_key=True),
    Column("session_sha256", Code, nullable=False),
    Column("file_sha256", Code, nullable=False),
    Column("base", Code, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("made_at", TimestampColumn, nullable=False),
)

# `way`: mail or webhook. `kinds`: of cases, parted by spaces, "" for all. `secret` signs webhooks and is told to the
# receiver alone. `turn` counts the attempts, `failures` those since the last that came through.
notice_target = Table(
    "notice_target",
    metadata,
    Column("name", Code, primary_key=True),
    Column("way", Code, nullable=False),
    Column("address", Code, nullable=False),
    Column("server", Code, nullable=False),
    Column("sender", Code, nullable=False),
    Column("login", Code, nullable=False),
    Column("secret", Code, nullable=False),
    Column("language", Code, nullable=False),
    Column("kinds", Code, nullable=False),
    Column("paused", Boolean, nullable=False),
    Column("made_at", TimestampColumn, nullable=False),
    Column("turn", BigInteger, nullable=False),
    Column("failures", BigInteger, nullable=False),
    Column("next_at", TimestampColumn, nullable=False),
)

# `code`: 128 random bits, the same however often it is sent. `cases`: JSON, what was so when it was written; `number`
# of them. `state`: waiting, sent or given_up.
notice = Table(
    "notice",
    metadata,
    Column("id", Counting, primary_key=True, autoincrement=True),
    Column("code", Code, nullable=False, unique=True),
    Column("target", Code, ForeignKey("notice_target.name"), nullable=False),
    Column("cases", Code, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("state", Code, nullable=False),
    Column("tries", BigInteger, nullable=False),
    Column("made_at", TimestampColumn, nullable=False),
    Column("ended_at", TimestampColumn),
    Column("result", Code, nullable=False),
    Index("notice_state", "state", "target", "tries", "id"),
    sqlite_autoincrement=True,
)

# A lot that a station offers for sale. `offered`: JSON of the newest offer; `edited`: JSON of the texts a person wrote
# instead; `published`: JSON of exactly what buyers see. `version` counts all that was done to it.
listing = Table(
    "listing",
    metadata,
    Column("region", Code, primary_key=True),
    Column("station", Code, primary_key=True),
    Column("lot", Code, primary_key=True),
    Column("offered", Code, nullable=False),
    Column("state", Code, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("edited", Code),
    Column("published", Code),
    Column("updated_at", TimestampColumn, nullable=False),
    Index("listing_state", "state", "updated_at"),
)

# Only ever added to. An offer has as `reason` which event it came with, `{epoch}-{seq}`: it is taken once.
listing_step = Table(
    "listing_step",
    metadata,
    Column("id", Counting, primary_key=True, autoincrement=True),
    Column("region", Code, nullable=False),
    Column("station", Code, nullable=False),
    Column("lot", Code, nullable=False),
    Column("at", TimestampColumn, nullable=False),
    Column("who", Code, nullable=False),
    Column("act", Code, nullable=False),
    Column("reason", Code, nullable=False),
    Index("listing_step_listing", "region", "station", "lot", "id"),
    Index("listing_step_reason", "region", "station", "lot", "reason"),
    sqlite_autoincrement=True,
)

# What accepted events said of a lot, offered by then or not: the SHA-256 of each master, or `voided`.
listing_facts = Table(
    "listing_told",
    metadata,
    Column("region", Code, primary_key=True),
    Column("station", Code, primary_key=True),
    Column("lot", Code, primary_key=True),
    Column("what", Code, primary_key=True),
)

# One row: up to where the ledger's feed is followed, in which generation of it.
listing_place = Table(
    "listing_place",
    metadata,
    Column("generation", Code, primary_key=True),
    Column("feedseq", BigInteger, nullable=False),
)

# A row for each listing that buyers see now: since when, and in which words it is found.
listing_shown = Table(
    "listing_shown",
    metadata,
    Column("region", Code, primary_key=True),
    Column("station", Code, primary_key=True),
    Column("lot", Code, primary_key=True),
    Column("at", TimestampColumn, nullable=False),
    Column("words", Code, nullable=False),
    Index("listing_shown_at", "at", "region", "station", "lot"),
)

# The pictures of these listings, by hash: no other one is shown to buyers.
listing_picture = Table(
    "listing_picture",
    metadata,
    Column("sha256", Code, primary_key=True),
    Column("region", Code, primary_key=True),
    Column("station", Code, primary_key=True),
    Column("lot", Code, primary_key=True),
    Index("listing_picture_listing", "region", "station", "lot"),
)
