"""The tables of the ledger: portable types only, so that the same statements run on PostgreSQL.

Versions are counted in ``meta``, from 1: a ledger is created whole, and Alembic takes one of an older version on (see
`migrations`).

A station's number is unique within its region, so the region is in every key; it stands last in them, because the
number alone finds nearly everything.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    and_,
)

from kiosk.sorting_center.ledger.database.times import TimestampColumn

SCHEMA_VERSION: Final = 1
REVISION: Final = f"{SCHEMA_VERSION:04}"  # The same as Alembic calls it

Code = Text().with_variant(Text(collation="C"), "postgresql")  # Text that is ordered by its bytes, on every database

Counting = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up only an INTEGER

metadata = MetaData()

# `schema_version`, `ledger_id`, `generation`, and `announced`: the generation every station was told.
meta = Table("meta", metadata, Column("name", Code, primary_key=True), Column("value", Code, nullable=False))


def _received() -> tuple[Column[Any], ...]:
    return (
        Column("station", Code, primary_key=True),
        Column("epoch", Code, primary_key=True),
        Column("seq", BigInteger, primary_key=True),
        Column("region", Code, primary_key=True),
        Column("sha256", Code, nullable=False),
        Column("prevhash", Code, nullable=False),
        Column("type", Code, nullable=False),
        Column("problem", Code),
        Column("body", LargeBinary, nullable=False),
        Column("received_at", TimestampColumn, nullable=False),
    )


# One row per (region, station, epoch, seq), first come. `feedseq` is null while a gap below holds the event back, and
# for good when `problem` (unknown_type, bad_data, oversized, bad_signature) was set until it was released. In
# PostgreSQL a view: see `database.places`.
event = Table("event", metadata, *_received(), Column("feedseq", BigInteger, unique=True))

# The keys with which stations sign, as `station.key.made.v1` named them. `public`: 64 hex digits. `state` as in
# `messaging.contract.configuration.KeyRow`. `made_seq`: of the event, in `made_epoch`.
station_key = Table(
    "station_key",
    metadata,
    Column("region", Code, primary_key=True),
    Column("station", Code, primary_key=True),
    Column("public", Code, primary_key=True),
    Column("state", Code, nullable=False),
    Column("made_epoch", Code, nullable=False),
    Column("made_seq", BigInteger, nullable=False),
    Column("received_at", TimestampColumn, nullable=False),
)

# Of a stream the released events that have no signature that is believed, though its station has a key, and that no
# `station.events.covered.v1` covers: from the first to the last, among signed ones. `since`: when the first one came.
unsigned = Table(
    "unsigned",
    metadata,
    Column("station", Code, primary_key=True),
    Column("epoch", Code, primary_key=True),
    Column("region", Code, primary_key=True),
    Column("first", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("events", BigInteger, nullable=False),
    Column("since", TimestampColumn, nullable=False),
)

# `upto`: every event from 1 to here is stored and linked. `head`: the hash at `upto`.
stream = Table(
    "stream",
    metadata,
    Column("station", Code, primary_key=True),
    Column("epoch", Code, primary_key=True),
    Column("region", Code, primary_key=True),
    Column("upto", BigInteger, nullable=False),
    Column("head", Code, nullable=False),
    Column("max_seen", BigInteger, nullable=False),
    Column("gap_since", TimestampColumn),
    Column("first_received_at", TimestampColumn, nullable=False),
    Column("last_received_at", TimestampColumn, nullable=False),
)

# `reason`: fork, broken_chain, far_ahead, unknown_type, bad_data, oversized or bad_signature. Bounded for each station:
# of the oldest, and of those that are oversized, number, hash, reason and `size_bytes` are kept, and no `body`.
quarantine = Table(
    "quarantine",
    metadata,
    Column("id", Counting, primary_key=True, autoincrement=True),
    Column("station", Code, nullable=False),
    Column("epoch", Code, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("sha256", Code, nullable=False),
    Column("reason", Code, nullable=False),
    Column("type", Code, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("received_at", TimestampColumn, nullable=False),
    Column("region", Code, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    UniqueConstraint("station", "epoch", "seq", "sha256", "region"),
)

# What cannot be attributed to a station's event, raw; only the newest are kept.
refused = Table(
    "refused",
    metadata,
    Column("id", Counting, primary_key=True, autoincrement=True),
    Column("topic", Code, nullable=False),
    Column("code", Code, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("received_at", TimestampColumn, nullable=False),
    sqlite_autoincrement=True,
)

# `alarm`: what the station's newest status complains of, "" for nothing. `doctor`: the rows of its newest status as
# JSON of `SeenRow`; null until it has sent one.
station_status = Table(
    "station_status",
    metadata,
    Column("station", Code, primary_key=True),
    Column("region", Code, primary_key=True),
    Column("online", Boolean),
    Column("pending", BigInteger),
    Column("epoch", Code),
    Column("software", Code),
    Column("last_seen", TimestampColumn),
    Column("alarm", Code),
    Column("doctor", Code),
)

# `kind`: fork, broken_chain, receipt_twice, second_region, too_many_epochs or county_log.
alarm = Table(
    "alarm",
    metadata,
    Column("id", Counting, primary_key=True, autoincrement=True),
    Column("kind", Code, nullable=False),
    Column("station", Code, nullable=False),
    Column("epoch", Code, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("detail", Code, nullable=False),
    Column("raised_at", TimestampColumn, nullable=False),
    Column("region", Code, nullable=False),
    UniqueConstraint("kind", "station", "epoch", "seq", "region"),
)

# One row per receipt, however often its event was re-issued: what totals are made of.
intake = Table(
    "intake",
    metadata,
    Column("station", Code, primary_key=True),
    Column("receipt", Code, primary_key=True),
    Column("region", Code, primary_key=True),
    Column("epoch", Code, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("feedseq", BigInteger, nullable=False),
    Column("data_sha256", Code, nullable=False),
    Column("reissued", Code),
    Column("lot", Code, nullable=False),
    Column("product", Code, nullable=False),
    Column("mode", Code, nullable=False),
    Column("net_g", BigInteger, nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Column("received_at", TimestampColumn, nullable=False),
    Index("intake_feedseq", "feedseq"),
    Index("intake_received_at", "received_at"),
)

# The bags of each row of `intake`; `code` is null for those whose event tells none. A bag is found by its code, which
# holds its receipt and its number.
bag = Table(
    "bag",
    metadata,
    Column("station", Code, primary_key=True),
    Column("receipt", Code, primary_key=True),
    Column("bag", BigInteger, primary_key=True, autoincrement=False),
    Column("region", Code, primary_key=True),
    Column("code", Code),
    Column("net_g", BigInteger, nullable=False),
)

intake_void = Table(
    "intake_void",
    metadata,
    Column("station", Code, primary_key=True),
    Column("receipt", Code, primary_key=True),
    Column("region", Code, primary_key=True),
    Column("epoch", Code, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("reason", Code, nullable=False),
    Column("replacement", Code),
)

# How far a publisher got: everything up to here was acknowledged by its broker. `ARCHIVED` is no publisher: up to there
# events were archived, some of them at least, and the feed can no longer be read from its beginning.
feed_position = Table(
    "feed_position",
    metadata,
    Column("name", Code, primary_key=True),
    Column("feedseq", BigInteger, nullable=False),
)

ARCHIVED: Final = "archived"

# Released ranges, both ends included, whose events have no place in the feed yet: only where many processes write. No
# event with a problem is in one; none was received before `since`.
unnumbered = Table(
    "unnumbered",
    metadata,
    Column("id", Counting, primary_key=True, autoincrement=True),
    Column("station", Code, nullable=False),
    Column("epoch", Code, nullable=False),
    Column("region", Code, nullable=False),
    Column("first", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("since", TimestampColumn, nullable=False),
    sqlite_autoincrement=True,
)

# The same ranges when they have their places: the event `last` has `last_feedseq`, and those before it the places
# before that. Only in PostgreSQL has it rows; see `database.places`.
numbered = Table(
    "numbered",
    metadata,
    Column("last_feedseq", BigInteger, primary_key=True, autoincrement=False),
    Column("station", Code, nullable=False),
    Column("epoch", Code, nullable=False),
    Column("region", Code, nullable=False),
    Column("first", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("since", TimestampColumn, nullable=False),
    Index("numbered_stream", "station", "epoch", "region", "last", unique=True),
)

# What is left of an event whose body is in an archive: enough to tell a duplicate from a fork.
archived = Table(
    "archived",
    metadata,
    Column("station", Code, primary_key=True),
    Column("epoch", Code, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("region", Code, primary_key=True),
    Column("sha256", Code, nullable=False),
    sqlite_with_rowid=False,
)

# The county's log: see `sorting_center.log`. `origin` names a tree; `generation` is that of the feed, and `first_place`
# the feedseq of the first leaf.
log_tree = Table(
    "log_tree",
    metadata,
    Column("origin", Code, primary_key=True),
    Column("region", Code, nullable=False),
    Column("year", BigInteger, nullable=False),
    Column("generation", Code, nullable=False),
    Column("first_place", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False),
)

# `leaves`: of each its feedseq in 8 bytes, and the 32 of the event's hash. `subtrees`: when all leaves are there, the
# hashes of the complete subtrees that end with this block, the smallest first, 32 bytes each.
log_block = Table(
    "log_block",
    metadata,
    Column("origin", Code, primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("first_place", BigInteger, nullable=False),
    Column("leaves", LargeBinary, nullable=False),
    Column("subtrees", LargeBinary, nullable=False),
    Index("log_block_place", "origin", "first_place"),
)

# `day`: 2026-12-01, in the county's zone; `root`: 64 hex digits; `note`: as it was signed.
log_checkpoint = Table(
    "log_checkpoint",
    metadata,
    Column("origin", Code, primary_key=True),
    Column("day", Code, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("root", Code, nullable=False),
    Column("note", Code, nullable=False),
)

# What stations say they keep of the log; `feedseq` of the event that said it last.
log_witness = Table(
    "log_witness",
    metadata,
    Column("origin", Code, primary_key=True),
    Column("station", Code, primary_key=True),
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("root", Code, nullable=False),
    Column("feedseq", BigInteger, nullable=False),
)

# Alembic's own; made here, so that a new ledger does not need it.
alembic_version = Table("alembic_version", metadata, Column("version_num", String(32), primary_key=True))

# Only in PostgreSQL: what `event` is a view of. A partition for each month (see `database.postgres`), and one for a
# clock gone mad. The key must hold the column it is parted by, so it cannot keep a second copy out: the row of
# `stream`, locked, does.
event_by_month = Table("event_by_month", MetaData(), *_received())

EVENT_VIEW: Final = """CREATE VIEW event AS
    SELECT e.station, e.epoch, e.seq, e.region, e.sha256, e.prevhash, e.type, e.problem, e.body, e.received_at, (
        SELECT CASE WHEN r.first <= e.seq THEN r.last_feedseq - r.last + e.seq END
        FROM numbered r
        WHERE r.station = e.station AND r.epoch = e.epoch AND r.region = e.region AND r.last >= e.seq
        ORDER BY r.last LIMIT 1
    ) AS feedseq
    FROM event_by_month e"""

# Beside what both databases have.
EVENT_ON_POSTGRESQL: Final = (
    """CREATE TABLE event_by_month (
        station TEXT COLLATE "C" NOT NULL, epoch TEXT COLLATE "C" NOT NULL, seq BIGINT NOT NULL,
        region TEXT COLLATE "C" NOT NULL, sha256 TEXT COLLATE "C" NOT NULL, prevhash TEXT COLLATE "C" NOT NULL,
        type TEXT COLLATE "C" NOT NULL, problem TEXT COLLATE "C", body BYTEA NOT NULL,
        received_at TIMESTAMPTZ(3) NOT NULL,
        PRIMARY KEY (station, epoch, seq, region, received_at)
    ) PARTITION BY RANGE (received_at)""",
    "CREATE TABLE event_default PARTITION OF event_by_month DEFAULT",
    EVENT_VIEW,
)


def same_stream(table: Table, other: Any) -> ColumnElement[bool]:
    """``other``: the columns of another table, or an object with these attributes."""
    return and_(*(table.c[name] == getattr(other, name) for name in ("station", "epoch", "region")))


def same_receipt(table: Table, other: Any) -> ColumnElement[bool]:
    """``other`` as of `same_stream`."""
    return and_(*(table.c[name] == getattr(other, name) for name in ("station", "receipt", "region")))
