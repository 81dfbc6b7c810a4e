"""The tables of the reports: made of the feed of the ledger alone, dropped and made again whenever they do not fit.

Of integers that are added up, the upper and the lower bits have a column each, and are put together where integers have
no end: no number a station can tell makes a sum overflow. Times are milliseconds since 1970 in UTC, days are those of
the zone the reports were made for.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, MetaData, Table, Text, text

Code = Text().with_variant(Text(collation="C"), "postgresql")  # Text that is ordered by its bytes, on every database

metadata = MetaData()

# What the tables were made of and how far; see `stamps.ReportsStamp`.
stamp = Table("stamp", metadata, Column("name", Code, primary_key=True), Column("value", Code, nullable=False))

_IS_UNSET: Final = text("clock <> 'synced'")
_IS_MEMBERS: Final = text("member IS NOT NULL")


class NameKind(StrEnum):
    GOODS = "goods"
    GRADE = "grade"
    ORIGIN = "origin"


# One row for each receipt the ledger counts. `at_ms` is the corrected time, null where nobody can know it: then `day`
# and `hour` are those of the arrival. `price_fen` is of a kilogram, 0 where it is not known.
receipt = Table(
    "receipt",
    metadata,
    Column("station", Code, primary_key=True),
    Column("receipt", Code, primary_key=True),
    Column("region", Code, primary_key=True),
    Column("epoch", Code, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("feedseq", BigInteger, nullable=False),
    Column("lot", Code, nullable=False),
    Column("product", Code, nullable=False),
    Column("mode", Code, nullable=False),
    Column("member", Code),
    Column("bags", BigInteger, nullable=False),
    Column("net_g", BigInteger, nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Column("price_fen", BigInteger, nullable=False),
    Column("clock", Code, nullable=False),
    Column("boot", BigInteger, nullable=False),
    Column("monotonic_ms", BigInteger, nullable=False),
    Column("written_ms", BigInteger, nullable=False),
    Column("received_ms", BigInteger, nullable=False),
    Column("at_ms", BigInteger),
    Column("day", Code, nullable=False),
    Column("hour", Integer, nullable=False),
    Column("late", Boolean, nullable=False),
    Column("voided", Boolean, nullable=False),
    Index("receipt_feedseq", "feedseq"),
    Index("receipt_day", "day", "station"),
    Index("receipt_station", "station", "day"),
    Index("receipt_member", "member", "day", sqlite_where=_IS_MEMBERS, postgresql_where=_IS_MEMBERS),
    Index("receipt_unset", "station", "boot", sqlite_where=_IS_UNSET, postgresql_where=_IS_UNSET),
    sqlite_with_rowid=False,
)

# The first void of each receipt, also of one that is not here yet.
void = Table(
    "void",
    metadata,
    Column("station", Code, primary_key=True),
    Column("receipt", Code, primary_key=True),
    Column("region", Code, primary_key=True),
    Column("epoch", Code, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("feedseq", BigInteger, nullable=False),
    Column("reason", Code, nullable=False),
    Column("replacement", Code),
    sqlite_with_rowid=False,
)

# What the events of a set clock say of their boot: from `monotonic_ms` on, UTC is `offset_ms` above that clock.
clock_point = Table(
    "clock_point",
    metadata,
    Column("station", Code, primary_key=True),
    Column("boot", BigInteger, primary_key=True),
    Column("monotonic_ms", BigInteger, primary_key=True),
    Column("offset_ms", BigInteger, primary_key=True),
    Column("region", Code, primary_key=True),
    sqlite_with_rowid=False,
)

# Which events are about what: a receipt, a parcel, or the station itself. The events are in the ledger.
event_subject = Table(
    "told",
    metadata,
    Column("subject", Code, primary_key=True),
    Column("region", Code, primary_key=True),
    Column("type", Code, primary_key=True),
    Column("feedseq", BigInteger, primary_key=True),
    Column("station", Code, nullable=False),
    Column("epoch", Code, nullable=False),
    Column("seq", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# `digest`: eight hexadecimal digits of the SHA-256 of the normalized waybill. `shelf` is the slot it was put on last.
# `feedseq` is of its newest event.
parcel = Table(
    "parcel",
    metadata,
    Column("station", Code, primary_key=True),
    Column("parcel", Code, primary_key=True),
    Column("region", Code, primary_key=True),
    Column("digest", Code),
    Column("carrier", Code),
    Column("state", Code),
    Column("shelf", Code),
    Column("feedseq", BigInteger, nullable=False),
    Index("parcel_digest", "digest"),
    Index("parcel_shelf", "shelf"),
    sqlite_with_rowid=False,
)

# The newest event of each station in the feed, and its newest receipt that counts or did.
newest = Table(
    "newest",
    metadata,
    Column("station", Code, primary_key=True),
    Column("region", Code, primary_key=True),
    Column("clock", Code, nullable=False),
    Column("receipt", Code),
    sqlite_with_rowid=False,
)

# Closes of days, each once, keyed by the event that told it first; `told_epoch` and `told_seq` are of the one in the
# feed. `day` is when it was closed, or came where its clock was not set. `end_seq` is where the days of its epoch end
# so far. `said`, `found` and `not_counted` are JSON, see `projection.closing_checks`.
closing = Table(
    "closing",
    metadata,
    Column("station", Code, primary_key=True),
    Column("region", Code, primary_key=True),
    Column("epoch", Code, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("feedseq", BigInteger, nullable=False),
    Column("told_epoch", Code, nullable=False),
    Column("told_seq", BigInteger, nullable=False),
    Column("day", Code, nullable=False),
    Column("first_seq", BigInteger, nullable=False),
    Column("last_seq", BigInteger, nullable=False),
    Column("end_seq", BigInteger, nullable=False),
    Column("verdict", Code, nullable=False),
    Column("missing", BigInteger, nullable=False),
    Column("said", Code, nullable=False),
    Column("found", Code, nullable=False),
    Column("not_counted", Code, nullable=False),
    Column("prints_unknown", BigInteger, nullable=False),
    Index("closing_day", "day", "region", "station"),
    sqlite_with_rowid=False,
)

# Every product that was ever brought in.
goods = Table("goods", metadata, Column("product", Code, primary_key=True), sqlite_with_rowid=False)

# What goods, grades and origins are called: the newest word of each language that an offer told, null without any.
# `kind` is one of `NameKind`; the code of a grade is that of its goods, a slash, and its own.
name = Table(
    "name",
    metadata,
    Column("kind", Code, primary_key=True),
    Column("code", Code, primary_key=True),
    Column("ug", Code),
    Column("zh", Code),
    Column("en", Code),
    sqlite_with_rowid=False,
)


# What is bought is to be paid, what is on consignment is an estimate, and what is void is neither: three sums.
PARTS: Final = ("bought", "consigned", "void")
PARTED: Final = tuple(f"{part}_{unit}" for part in PARTS for unit in ("g", "fen"))
MEASURES: Final = (
    *("intakes", "voided", "bags"),
    *(f"{name}_{half}" for name in PARTED for half in ("high", "low")),
    *("late", "time_unknown"),
)


def _measures() -> tuple[Column[int], ...]:
    return tuple(Column(name, BigInteger, nullable=False) for name in MEASURES)


# Sums of `receipt`. All but `voided` and those that begin with `void_` are of receipts that are not void.
station_day = Table(
    "station_day",
    metadata,
    Column("day", Code, primary_key=True),
    Column("region", Code, primary_key=True),
    Column("station", Code, primary_key=True),
    *_measures(),
    Index("station_day_station", "station", "day"),
    sqlite_with_rowid=False,
)

# The same sums over all stations, by the hour.
county_hour = Table(
    "county_hour",
    metadata,
    Column("day", Code, primary_key=True),
    Column("hour", Integer, primary_key=True),
    Column("region", Code, primary_key=True),
    Column("product", Code, primary_key=True),
    *_measures(),
    sqlite_with_rowid=False,
)

# The same sums by the price of a kilogram.
station_price = Table(
    "station_price",
    metadata,
    Column("day", Code, primary_key=True),
    Column("region", Code, primary_key=True),
    Column("product", Code, primary_key=True),
    Column("station", Code, primary_key=True),
    Column("price_fen", BigInteger, primary_key=True, autoincrement=False),
    *_measures(),
    sqlite_with_rowid=False,
)

# The same sums of a year by the station that has the goods, and by the price of a kilogram.
station_year = Table(
    "station_year",
    metadata,
    Column("year", Code, primary_key=True),
    Column("region", Code, primary_key=True),
    Column("product", Code, primary_key=True),
    Column("station", Code, primary_key=True),
    *_measures(),
    sqlite_with_rowid=False,
)
price_year = Table(
    "price_year",
    metadata,
    Column("year", Code, primary_key=True),
    Column("region", Code, primary_key=True),
    Column("product", Code, primary_key=True),
    Column("price_fen", BigInteger, primary_key=True, autoincrement=False),
    *_measures(),
    sqlite_with_rowid=False,
)

# What each station's scale can show at most, as its newest event of a changed scale says.
scale_limit = Table(
    "scale_limit",
    metadata,
    Column("station", Code, primary_key=True),
    Column("region", Code, primary_key=True),
    Column("limit_g", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# When the first event of an epoch was written, where its clock was set.
epoch_begin = Table(
    "epoch_begin",
    metadata,
    Column("station", Code, primary_key=True),
    Column("region", Code, primary_key=True),
    Column("epoch", Code, primary_key=True),
    Column("written_ms", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# See `impossible.Finding`; those of prices are not in it.
impossible = Table(
    "impossible",
    metadata,
    Column("kind", Code, primary_key=True),
    Column("region", Code, primary_key=True),
    Column("station", Code, primary_key=True),
    Column("day", Code, primary_key=True),
    Column("about", Code, nullable=False),
    Column("figure", BigInteger, nullable=False),
    Column("allowed", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

SUMS: Final = (station_day, county_hour, station_price, station_year, price_year)
