"""The tables of the photos lane: what events announced, what was received, what was refused."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, Table, Text

SCHEMA: Final = "photos"  # Of the ledger's database in PostgreSQL. In SQLite the tables are a file of their own.

Code = Text().with_variant(Text(collation="C"), "postgresql")

metadata = MetaData()

# In which generation of the ledger's feed, and up to where.
followed = Table("followed", metadata, Column("name", Code, primary_key=True), Column("value", Code, nullable=False))

# Pictures of accepted shots, by the first event that reported each. Made from the feed.
announced = Table(
    "announced",
    metadata,
    Column("station", Code, primary_key=True),
    Column("region", Code, primary_key=True),
    Column("sha256", Code, primary_key=True),
    Column("size_bytes", Integer, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("feedseq", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# Those whose file is in the folder, checked. The only record of when it came.
received = Table(
    "received",
    metadata,
    Column("station", Code, primary_key=True),
    Column("region", Code, primary_key=True),
    Column("sha256", Code, primary_key=True),
    Column("size_bytes", Integer, nullable=False),
    Column("received_at", Code, nullable=False),
    Index("received_time", "received_at"),
    sqlite_with_rowid=False,
)

# How often what a station sent was refused, and for what.
refused = Table(
    "refused",
    metadata,
    Column("station", Code, primary_key=True),
    Column("region", Code, primary_key=True),
    Column("reason", Code, primary_key=True),
    Column("times", BigInteger, nullable=False),
    Column("last_at", Code, nullable=False),
    Column("last_sha256", Code, nullable=False),
    sqlite_with_rowid=False,
)
