"""The tables of the desk: people, what they did and decided. None of it can be rebuilt from events.

In SQLite a separate file beside the ledger, in PostgreSQL the schema ``desk`` of the ledger's database.
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
from sqlalchemy.schema import SchemaItem

from kiosk.sorting_center.ledger.database.schema import Code, counted, key, required
from kiosk.sorting_center.ledger.database.times import TimestampColumn

SCHEMA: Final = "desk"  # Of PostgreSQL

REVISION: Final = "0006"  # Of the newest migration, counted from 1; `desk_version` names that of a desk
BASELINE: Final = "0006"  # The oldest that can be brought up: before 1.0 the baseline is edited

metadata = MetaData()


def _table(name: str, *items: SchemaItem) -> Table:
    return Table(name, metadata, *items)


def _counted_table(name: str, *items: SchemaItem) -> Table:
    """Build a table whose ``id`` counts up; no number is given twice."""
    return Table(name, metadata, counted(), *items, sqlite_autoincrement=True)


# As Alembic would make it.
desk_version = Table(
    "desk_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="desk_version_pkc"),
)

# `password_hash`: Argon2id in the form of RFC 9106's reference code. `language`: "" for that of the browser.
person = _table(
    "person",
    *key("name"),
    *required(Code, "role", "password_hash", "language"),
    *required(Boolean, "disabled"),
    *required(TimestampColumn, "changed_at"),
)

# `host`: the name in the requests when the session began; under another name it is not accepted.
session = _table(
    "session",
    *key("token_sha256"),
    Column("person", Code, ForeignKey("person.name"), nullable=False),
    *required(Code, "host"),
    *required(TimestampColumn, "began_at", "seen_at"),
    Index("session_person", "person"),
)

# A `kiosk.domain.lockout.Lockout` for each key; `failures_ms` are its ages, parted by spaces.
throttle = _table(
    "throttle",
    *key("key"),
    *required(Code, "failures_ms", "boot_id"),
    *required(BigInteger, "wait_ms", "monotonic_ms"),
    *required(TimestampColumn, "touched_at"),
    Index("throttle_touched_at", "touched_at"),
)

# Added to, and erased after its terms; see `desk.terms`.
audit = _counted_table(
    "audit",
    *required(TimestampColumn, "at"),
    *required(Code, "who", "act", "subject", "detail"),
    Index("audit_who", "who", "id"),
    Index("audit_act", "act", "id"),
)

# `scopes`: words parted by spaces.
token = _table(
    "token",
    *key("name"),
    Column("secret_sha256", Code, nullable=False, unique=True),
    *required(Code, "scopes"),
    *required(BigInteger, "per_minute"),
    *required(TimestampColumn, "made_at"),
    Column("expires_at", TimestampColumn),
    Column("revoked_at", TimestampColumn),
)

# `hours` as `hours.OpeningHours` writes them. After `quiet_min` minutes of them without a word one is quiet.
township = _table("township", *key("region", "name"), *required(Code, "hours"), *required(BigInteger, "quiet_min"))

# `contact` is that of the post, not a private one; `route` of the truck. Dates as YYYY-MM-DD, "" if unknown.
expected_station = _table(
    "expected_station",
    *key("region", "station"),
    *required(Code, "village", "township", "contact", "scale", "route", "verified_on", "valid_until"),
)

# A `MachineSubject` for each certificate ever made. `sealed`: the station's identity under its paper code, until the
# station has it.
machine_certificate = _table(
    "machine_certificate",
    *key("region", "kind", "name"),
    Column("generation", BigInteger, primary_key=True, autoincrement=False),
    *required(TimestampColumn, "made_at", "not_after"),
    Column("revoked_at", TimestampColumn),
    *required(Code, "reason"),
    Column("sealed", LargeBinary),
    Column("pin_secret", LargeBinary),
)

# What a county gives its stations. `kind`: one of `county_book.KINDS`; `scope`: "" for all, `township:NAME` or
# `station:S0147`; `content`: JSON, "" for a row of a wider scope that does not hold here. Prices, goods and what else
# is published are the draft; members and people hold at once.
county_row = _table("county_row", *key("region", "kind", "scope", "key"), *required(Code, "content"))

# `revision` counts changes of the draft; `number` the releases and the changes that hold at once, see `Numbering`.
county_draft = _table(
    "county_draft",
    *key("region"),
    *required(BigInteger, "revision", "number"),
    *required(Code, "changed_by"),
    *required(TimestampColumn, "changed_at"),
)

# What was published: all rows of the kinds that are published, as JSON, zlib. `alone`: by the person who changed it.
county_release = _table(
    "county_release",
    *key("region"),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    *required(Code, "changed_by", "published_by", "note"),
    *required(Boolean, "alone"),
    *required(TimestampColumn, "published_at"),
    Column("content", LargeBinary, nullable=False),
)

# The county's key that signs documents, by generation: its certificate, PEM. Its private part is a file.
configuration_key = _table(
    "configuration_key",
    *key("region"),
    Column("generation", BigInteger, primary_key=True, autoincrement=False),
    *required(Code, "certificate"),
    *required(TimestampColumn, "made_at"),
)

# The newest signed document of each station; `parts_sha256` shows whether another one is needed.
station_document = _table(
    "station_document",
    *key("region", "station"),
    *required(BigInteger, "key", "number"),
    *required(Code, "parts_sha256", "sha256"),
    *required(TimestampColumn, "made_at"),
    Column("document", LargeBinary, nullable=False),
)

# The parts that these documents name, once each, and which document names which.
document_part = _table("document_part", *key("sha256"), Column("content", LargeBinary, nullable=False))
station_document_part = _table(
    "station_document_part", *key("region", "station", "sha256"), Index("station_document_part_sha256", "sha256")
)

# The last reports of a station: `state` is applied, refused or imported (its newest catalog), `reason` that of a
# refusal, `at` when it happened there.
station_configuration = _table(
    "station_configuration",
    *key("region", "station", "state"),
    *required(BigInteger, "key", "number", "catalog_version", "feedseq"),
    *required(Code, "sha256", "reason"),
    *required(TimestampColumn, "at"),
)

# What the county asks of a station, signed when it is sent; `outcome` is "" while it is open. `number` only goes up.
station_request = _table(
    "station_request",
    *key("region", "station"),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    *required(Code, "kind", "release", "outcome", "reason", "sha256"),
    *required(BigInteger, "size_bytes"),
    *required(TimestampColumn, "issued_at", "expires_at"),
)

# A former clerk or technician of a station, with the name until its term is over; the number stays and is never
# reassigned. `locked_out_at`: since when a document without this person is in force there.
former_person = _table(
    "former_person",
    *key("region", "station", "number"),
    *required(Code, "name", "role"),
    *required(TimestampColumn, "ended_at"),
    Column("locked_out_at", TimestampColumn),
)

# `state`: open, taken or closed. `present`: the condition was seen the last time. `who` made the last step.
alarm_case = _counted_table(
    "alarm_case",
    *required(Code, "kind", "region", "station", "subject", "detail", "state", "who", "reason"),
    *required(Boolean, "present"),
    *required(BigInteger, "version"),
    *required(TimestampColumn, "opened_at", "seen_at"),
    UniqueConstraint("kind", "region", "station", "subject"),
    Index("alarm_case_state", "state", "id"),
)

# `told`: its notices are written; used for steps that open a case.
case_step = _counted_table(
    "case_step",
    Column("alarm_case", BigInteger, ForeignKey("alarm_case.id"), nullable=False),
    *required(TimestampColumn, "at"),
    *required(Code, "who", "state", "reason"),
    Column("told", Boolean, nullable=False, default=False),
    Index("case_step_case", "alarm_case", "id"),
    Index("case_step_told", "told", "state", "id"),
)

# `number` counts the decisions on one subject: two people who saw the same ones cannot both add the next.
decision = _counted_table(
    "decision",
    *required(Code, "kind", "subject", "act", "reason", "who", "outcome"),
    *required(BigInteger, "number"),
    *required(TimestampColumn, "at"),
    Column("figures", Code, nullable=False, server_default=""),
    UniqueConstraint("kind", "subject", "number"),
)

# A file that was checked but not applied yet, one per person. `base`: the digest of the list it was compared with.
registry_draft = _table(
    "registry_draft",
    *key("who"),
    *required(Code, "session_sha256", "file_sha256", "base"),
    Column("content", LargeBinary, nullable=False),
    *required(TimestampColumn, "made_at"),
)

# `way`: mail or webhook. `kinds`: of cases, parted by spaces, "" for all. `secret` signs webhooks. `turn` counts the
# attempts, `failures` those since the last success.
notice_target = _table(
    "notice_target",
    *key("name"),
    *required(Code, "way", "address", "server", "sender", "login", "secret", "language", "kinds"),
    *required(Boolean, "paused"),
    *required(TimestampColumn, "made_at", "next_at"),
    *required(BigInteger, "turn", "failures"),
)

# `code`: 128 random bits, the same however often it is sent. `cases`: JSON, what was so when it was written; `number`
# of them. `state`: waiting, sent or given_up.
notice = _counted_table(
    "notice",
    Column("code", Code, nullable=False, unique=True),
    Column("target", Code, ForeignKey("notice_target.name"), nullable=False),
    *required(Code, "cases", "state", "result"),
    *required(BigInteger, "number", "tries"),
    *required(TimestampColumn, "made_at"),
    Column("ended_at", TimestampColumn),
    Index("notice_state", "state", "target", "tries", "id"),
)

# A lot that a station offers for sale. `offered`: JSON of the newest offer; `edited`: JSON of the texts that staff
# wrote instead; `published`: JSON of exactly what buyers see. `version` counts everything done to it.
listing = _table(
    "listing",
    *key("region", "station", "lot"),
    *required(Code, "offered", "state"),
    *required(BigInteger, "version"),
    Column("edited", Code),
    Column("published", Code),
    *required(TimestampColumn, "updated_at"),
    Index("listing_state", "state", "updated_at"),
)

# Only ever added to. An offer has as `reason` which event it came with, `{epoch}-{seq}`: it is taken once.
listing_step = _counted_table(
    "listing_step",
    *required(Code, "region", "station", "lot", "who", "act", "reason"),
    *required(TimestampColumn, "at"),
    Index("listing_step_listing", "region", "station", "lot", "id"),
    Index("listing_step_reason", "region", "station", "lot", "reason"),
)

# What accepted events reported of a lot, offered by then or not: the SHA-256 of each master, or `voided`.
listing_facts = _table("listing_told", *key("region", "station", "lot", "what"))

# One row: up to where the ledger's feed is followed, in which generation of it.
listing_place = _table("listing_place", *key("generation"), *required(BigInteger, "feedseq"))

# A row for each listing that buyers see now: since when, the words that find it, and the values on its card.
listing_shown = _table(
    "listing_shown",
    *key("region", "station", "lot"),
    *required(TimestampColumn, "at"),
    *required(Code, "words", "product", "grade"),
    *required(BigInteger, "price_fen", "pack_g"),
    Index("listing_shown_goods", "region", "product", "grade", "at", "station", "lot"),
)

# The pictures of these listings, by hash: no other one is shown to buyers.
listing_picture = _table(
    "listing_picture",
    *key("sha256", "region", "station", "lot"),
    Index("listing_picture_listing", "region", "station", "lot"),
)
