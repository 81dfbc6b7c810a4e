"""The tables of the ledger: portable types only, so that the same statements run on PostgreSQL.

Versions are counted by hand in ``meta``: a ledger is created whole; `migrate` takes an older one here.

A station's number is unique within its region, so the region is in every key; it stands last in them, because the
number alone finds nearly everything.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

SCHEMA_VERSION: Final = 3

metadata = MetaData()

meta = Table("meta", metadata, Column("name", Text, primary_key=True), Column("value", Text, nullable=False))
"""``schema_version``, ``ledger_id``, ``generation``, and ``announced``: the generation every station was told."""

event = Table(
    "event",
    metadata,
    Column("station", Text, primary_key=True),
    Column("epoch", Text, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("region", Text, primary_key=True),
    Column("sha256", Text, nullable=False),
    Column("prevhash", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("problem", Text),
    Column("body", LargeBinary, nullable=False),
    Column("received_at", Text, nullable=False),
    Column("feedseq", BigInteger, unique=True),
)
"""One row per (region, station, epoch, seq), first come. ``feedseq`` is null while a gap below holds the event back,
and for good when ``problem`` (unknown_type, bad_data) was set as it came."""

stream = Table(
    "stream",
    metadata,
    Column("station", Text, primary_key=True),
    Column("epoch", Text, primary_key=True),
    Column("region", Text, primary_key=True),
    Column("upto", BigInteger, nullable=False),
    Column("head", Text, nullable=False),
    Column("max_seen", BigInteger, nullable=False),
    Column("gap_since", Text),
    Column("first_received_at", Text, nullable=False),
    Column("last_received_at", Text, nullable=False),
)
"""``upto``: every event from 1 to here is stored and linked. ``head``: the hash at ``upto``."""

quarantine = Table(
    "quarantine",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("station", Text, nullable=False),
    Column("epoch", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("received_at", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    UniqueConstraint("station", "epoch", "seq", "sha256", "region"),
)
"""``reason``: fork, broken_chain, far_ahead, unknown_type or bad_data. Bounded for each station: of the oldest only
number, hash, reason and ``size_bytes`` are kept, the ``body`` is empty."""

refused = Table(
    "refused",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("topic", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("received_at", Text, nullable=False),
    sqlite_autoincrement=True,
)
"""What nobody can attribute to a station's event, raw; only the newest are kept."""

station_status = Table(
    "station_status",
    metadata,
    Column("station", Text, primary_key=True),
    Column("region", Text, primary_key=True),
    Column("online", Boolean),
    Column("pending", BigInteger),
    Column("epoch", Text),
    Column("software", Text),
    Column("last_seen", Text),
    Column("alarm", Text),
)
"""``alarm``: what the station's newest status complains of, "" for nothing."""

alarm = Table(
    "alarm",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("kind", Text, nullable=False),
    Column("station", Text, nullable=False),
    Column("epoch", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("detail", Text, nullable=False),
    Column("raised_at", Text, nullable=False),
    Column("region", Text, nullable=False),
    UniqueConstraint("kind", "station", "epoch", "seq", "region"),
)
"""``kind``: fork, broken_chain, receipt_twice, second_region or too_many_epochs."""

intake = Table(
    "intake",
    metadata,
    Column("station", Text, primary_key=True),
    Column("receipt", Text, primary_key=True),
    Column("region", Text, primary_key=True),
    Column("epoch", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("feedseq", BigInteger, nullable=False),
    Column("data_sha256", Text, nullable=False),
    Column("reissued", Text),
    Column("lot", Text, nullable=False),
    Column("product", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("net_g", BigInteger, nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Column("received_at", Text, nullable=False),
    Index("intake_feedseq", "feedseq"),
    Index("intake_received_at", "received_at"),
)
"""One row per receipt, however often its event was re-issued: what totals are made of."""

intake_void = Table(
    "intake_void",
    metadata,
    Column("station", Text, primary_key=True),
    Column("receipt", Text, primary_key=True),
    Column("region", Text, primary_key=True),
    Column("epoch", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("replacement", Text),
)

feed_position = Table(
    "feed_position",
    metadata,
    Column("name", Text, primary_key=True),
    Column("feedseq", BigInteger, nullable=False),
)
"""How far a publisher got: everything up to here was acknowledged by its broker."""
