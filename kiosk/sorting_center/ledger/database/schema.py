"""The tables of the ledger: portable types only, so that the same statements run on PostgreSQL.

Versions are counted in ``meta``, from 1: a ledger is created whole, and Alembic upgrades one of an older version (see
`migrations`).

A station's number is unique within its region, so the region is in every key; it comes last in them, because the number
alone finds nearly everything.
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
from sqlalchemy.schema import SchemaItem

from kiosk.sorting_center.ledger.database.times import TimestampColumn

SCHEMA_VERSION: Final = 2
BASELINE_VERSION: Final = 2  # The oldest that can be brought up: before 1.0 the baseline is edited
REVISION: Final = f"{SCHEMA_VERSION:04}"  # The same as Alembic calls it

Code = Text().with_variant(Text(collation="C"), "postgresql")  # Text that is ordered by its bytes, on every database

Counting = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up only an INTEGER

metadata = MetaData()


def _table(name: str, *items: SchemaItem, **options: Any) -> Table:
    return Table(name, metadata, *items, **options)


def key(*names: str, kind: Any = Code) -> list[Column[Any]]:
    return [Column(name, kind, primary_key=True) for name in names]


def required(kind: Any, *names: str) -> list[Column[Any]]:
    return [Column(name, kind, nullable=False) for name in names]


def counted() -> Column[int]:
    return Column("id", Counting, primary_key=True, autoincrement=True)


# `schema_version`, `ledger_id`, `generation`, and `announced`: the generation that was sent to all stations.
meta = _table("meta", *key("name"), *required(Code, "value"))


def _received() -> tuple[Column[Any], ...]:
    return (
        *key("station", "epoch"),
        *key("seq", kind=BigInteger),
        *key("region"),
        *required(Code, "sha256", "prevhash", "type"),
        Column("problem", Code),
        *required(LargeBinary, "body"),
        *required(TimestampColumn, "received_at"),
    )


# One row per (region, station, epoch, seq), first come. `feedseq` is null while a gap below holds the event back, and
# for good when `problem` (unknown_type, bad_data, oversized, bad_signature) was set until it was released. In
# PostgreSQL a view: see `database.places`.
event = _table("event", *_received(), Column("feedseq", BigInteger, unique=True))

# The keys with which stations sign, as `station.key.made.v1` named them. `public`: 64 hex digits. `state` as in
# `messaging.contract.configuration.KeyRow`. `made_seq`: of the event, in `made_epoch`.
station_key = _table(
    "station_key",
    *key("region", "station", "public"),
    *required(Code, "state", "made_epoch"),
    *required(BigInteger, "made_seq"),
    *required(TimestampColumn, "received_at"),
)

# Of a stream the released events that have no signature that is believed, though its station has a key, and that no
# `station.events.covered.v1` covers: from the first to the last, among signed ones. `since`: when the first one came.
unsigned = _table(
    "unsigned",
    *key("station", "epoch", "region"),
    *required(BigInteger, "first", "last", "events"),
    *required(TimestampColumn, "since"),
)

# `upto`: every event from 1 to here is stored and linked. `head`: the hash at `upto`.
stream = _table(
    "stream",
    *key("station", "epoch", "region"),
    *required(BigInteger, "upto"),
    *required(Code, "head"),
    *required(BigInteger, "max_seen"),
    Column("gap_since", TimestampColumn),
    *required(TimestampColumn, "first_received_at", "last_received_at"),
)

# `reason`: fork, broken_chain, far_ahead, unknown_type, bad_data, oversized or bad_signature. Bounded for each station:
# of the oldest, and of those that are oversized, number, hash, reason and `size_bytes` are kept, and no `body`.
quarantine = _table(
    "quarantine",
    counted(),
    *required(Code, "station", "epoch"),
    *required(BigInteger, "seq"),
    *required(Code, "sha256", "reason", "type"),
    *required(LargeBinary, "body"),
    *required(TimestampColumn, "received_at"),
    *required(Code, "region"),
    *required(BigInteger, "size_bytes"),
    UniqueConstraint("station", "epoch", "seq", "sha256", "region"),
)

# What cannot be attributed to a station's event, raw; only the newest are kept.
refused = _table(
    "refused",
    counted(),
    *required(Code, "topic", "code"),
    *required(LargeBinary, "payload"),
    *required(BigInteger, "size_bytes"),
    *required(TimestampColumn, "received_at"),
    sqlite_autoincrement=True,
)

# `alarm`: what the station's newest status complains of, "" for nothing. `doctor`: the rows of its newest status as
# JSON of `SeenRow`; null until it has sent one.
station_status = _table(
    "station_status",
    *key("station", "region"),
    Column("online", Boolean),
    Column("pending", BigInteger),
    Column("epoch", Code),
    Column("software", Code),
    Column("last_seen", TimestampColumn),
    Column("alarm", Code),
    Column("doctor", Code),
)

# `kind`: fork, broken_chain, receipt_twice, second_region, too_many_epochs or county_log.
alarm = _table(
    "alarm",
    counted(),
    *required(Code, "kind", "station", "epoch"),
    *required(BigInteger, "seq"),
    *required(Code, "detail"),
    *required(TimestampColumn, "raised_at"),
    *required(Code, "region"),
    UniqueConstraint("kind", "station", "epoch", "seq", "region"),
)

# One row per receipt, however often its event was re-issued: what totals are made of.
intake = _table(
    "intake",
    *key("station", "receipt", "region"),
    *required(Code, "epoch"),
    *required(BigInteger, "seq", "feedseq"),
    *required(Code, "data_sha256"),
    Column("reissued", Code),
    *required(Code, "lot", "product", "mode"),
    *required(BigInteger, "net_g", "amount_fen"),
    *required(TimestampColumn, "received_at"),
    Index("intake_feedseq", "feedseq"),
    Index("intake_received_at", "received_at"),
)

# The bags of each row of `intake`; `code` is null for those whose event has none. A bag is found by its code, which
# contains its receipt and its number.
bag = _table(
    "bag",
    *key("station", "receipt"),
    Column("bag", BigInteger, primary_key=True, autoincrement=False),
    *key("region"),
    Column("code", Code),
    *required(BigInteger, "net_g"),
)

intake_void = _table(
    "intake_void",
    *key("station", "receipt", "region"),
    *required(Code, "epoch"),
    *required(BigInteger, "seq"),
    *required(Code, "reason"),
    Column("replacement", Code),
)

# How far a publisher got: everything up to here was acknowledged by its broker. `ARCHIVED` is no publisher: up to there
# events were archived, some of them at least, and the feed can no longer be read from its beginning.
feed_position = _table("feed_position", *key("name"), *required(BigInteger, "feedseq"))

ARCHIVED: Final = "archived"

# Released ranges, both ends included, whose events have no place in the feed yet: only where many processes write. No
# event with a problem is in one; none was received before `since`.
unnumbered = _table(
    "unnumbered",
    counted(),
    *required(Code, "station", "epoch", "region"),
    *required(BigInteger, "first", "last"),
    *required(TimestampColumn, "since"),
    sqlite_autoincrement=True,
)

# The same ranges when they have their places: the event `last` has `last_feedseq`, and those before it the places
# before that. Only in PostgreSQL has it rows; see `database.places`.
numbered = _table(
    "numbered",
    Column("last_feedseq", BigInteger, primary_key=True, autoincrement=False),
    *required(Code, "station", "epoch", "region"),
    *required(BigInteger, "first", "last"),
    *required(TimestampColumn, "since"),
    Index("numbered_stream", "station", "epoch", "region", "last", unique=True),
)

# Kept of an event whose body is in an archive: enough to distinguish a duplicate from a fork.
archived = _table(
    "archived",
    *key("station", "epoch"),
    *key("seq", kind=BigInteger),
    *key("region"),
    *required(Code, "sha256"),
    sqlite_with_rowid=False,
)

# The county's log: see `sorting_center.log`. `origin` names a tree; `generation` is that of the feed, and `first_place`
# the feedseq of the first leaf.
log_tree = _table(
    "log_tree",
    *key("origin"),
    *required(Code, "region"),
    *required(BigInteger, "year"),
    *required(Code, "generation"),
    *required(BigInteger, "first_place", "size"),
)

# `leaves`: of each its feedseq in 8 bytes, and the 32 of the event's hash. `subtrees`: when all leaves are there, the
# hashes of the complete subtrees that end with this block, the smallest first, 32 bytes each.
log_block = _table(
    "log_block",
    *key("origin"),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    *required(BigInteger, "first_place"),
    *required(LargeBinary, "leaves", "subtrees"),
    Index("log_block_place", "origin", "first_place"),
)

# `day`: 2026-12-01, in the county's zone; `root`: 64 hex digits; `note`: as it was signed.
log_checkpoint = _table(
    "log_checkpoint", *key("origin", "day"), *required(BigInteger, "size"), *required(Code, "root", "note")
)

# What stations report to keep of the log; `feedseq` of the newest event that reported it.
log_witness = _table(
    "log_witness",
    *key("origin", "station"),
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    *required(Code, "root"),
    *required(BigInteger, "feedseq"),
)

# Alembic's own; made here, so that a new ledger does not need it.
alembic_version = _table("alembic_version", *key("version_num", kind=String(32)))

# Only in PostgreSQL: the table behind the view `event`. One partition for each month (see `database.postgres`), and one
# for events of impossible clocks. The key must contain the partition column, so it cannot refuse a second copy: the
# locked row of `stream` does.
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
    """Match the stream; ``other``: the columns of another table, or an object with these attributes."""
    return and_(*(table.c[name] == getattr(other, name) for name in ("station", "epoch", "region")))


def same_receipt(table: Table, other: Any) -> ColumnElement[bool]:
    """Match the receipt; ``other`` as of `same_stream`."""
    return and_(*(table.c[name] == getattr(other, name) for name in ("station", "receipt", "region")))
