"""The tables of the reports: made from the ledger's feed alone, dropped and made again whenever they do not fit.

Integers that are added up have one column for their upper and one for their lower bits, and are joined in Python, whose
integers have no limit: no number from a station makes a sum overflow. Times are milliseconds since 1970 in UTC, days
are those of the zone the reports were made for.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, MetaData, Table, text
from sqlalchemy.schema import SchemaItem

from kiosk.sorting_center.ledger.database.schema import Code, key, required

metadata = MetaData()


def _table(name: str, *items: SchemaItem) -> Table:
    return Table(name, metadata, *items, sqlite_with_rowid=False)


# What the tables were made of and how far; see `stamps.ReportsStamp`.
stamp = Table("stamp", metadata, *key("name"), *required(Code, "value"))

_IS_UNSET: Final = text("clock <> 'synced'")
_IS_MEMBERS: Final = text("member IS NOT NULL")


class NameKind(StrEnum):
    GOODS = "goods"
    GRADE = "grade"
    ORIGIN = "origin"


# One row for each receipt the ledger counts. `at_ms` is the corrected time, null where it cannot be known: then `day`
# and `hour` are those of the arrival. `price_fen` is per kilogram, 0 where it is not known.
receipt = _table(
    "receipt",
    *key("station", "receipt", "region"),
    *required(Code, "epoch"),
    *required(BigInteger, "seq", "feedseq"),
    *required(Code, "lot", "product", "mode"),
    Column("member", Code),
    *required(BigInteger, "bags", "net_g", "amount_fen", "price_fen"),
    *required(Code, "clock"),
    *required(BigInteger, "boot", "monotonic_ms", "written_ms", "received_ms"),
    Column("at_ms", BigInteger),
    *required(Code, "day"),
    *required(Integer, "hour"),
    *required(Boolean, "late", "voided"),
    Index("receipt_feedseq", "feedseq"),
    Index("receipt_day", "day", "station"),
    Index("receipt_station", "station", "day"),
    Index("receipt_member", "member", "day", sqlite_where=_IS_MEMBERS, postgresql_where=_IS_MEMBERS),
    Index("receipt_unset", "station", "boot", sqlite_where=_IS_UNSET, postgresql_where=_IS_UNSET),
)

# The first void of each receipt, also of one that is not here yet.
void = _table(
    "void",
    *key("station", "receipt", "region"),
    *required(Code, "epoch"),
    *required(BigInteger, "seq", "feedseq"),
    *required(Code, "reason"),
    Column("replacement", Code),
)

# What the events of a set clock say of their boot: from `monotonic_ms` on, UTC is `offset_ms` above that clock.
clock_point = _table(
    "clock_point", *key("station"), *key("boot", "monotonic_ms", "offset_ms", kind=BigInteger), *key("region")
)

# Which events are about what: a receipt, a parcel, or the station itself. The events are in the ledger.
event_subject = _table(
    "told",
    *key("subject", "region", "type"),
    *key("feedseq", kind=BigInteger),
    *required(Code, "station", "epoch"),
    *required(BigInteger, "seq"),
)

# `digest`: eight hexadecimal digits of the SHA-256 of the normalized waybill. `shelf` is the slot it was put on last.
# `feedseq` is of its newest event.
parcel = _table(
    "parcel",
    *key("station", "parcel", "region"),
    Column("digest", Code),
    Column("carrier", Code),
    Column("state", Code),
    Column("shelf", Code),
    *required(BigInteger, "feedseq"),
    Index("parcel_digest", "digest"),
    Index("parcel_shelf", "shelf"),
)

# The newest event of each station in the feed, and its newest receipt that counts or did.
newest = _table("newest", *key("station", "region"), *required(Code, "clock"), Column("receipt", Code))

# Closes of days, each once, keyed by the first event that reported it; `told_epoch` and `told_seq` are of the one in
# the feed. `day` is when it was closed, or arrived if its clock was not set. `end_seq` is where the days of its epoch
# end so far. `said`, `found` and `not_counted` are JSON, see `projection.closing_checks`.
closing = _table(
    "closing",
    *key("station", "region", "epoch"),
    *key("seq", kind=BigInteger),
    *required(BigInteger, "feedseq"),
    *required(Code, "told_epoch"),
    *required(BigInteger, "told_seq"),
    *required(Code, "day"),
    *required(BigInteger, "first_seq", "last_seq", "end_seq"),
    *required(Code, "verdict"),
    *required(BigInteger, "missing"),
    *required(Code, "said", "found", "not_counted"),
    *required(BigInteger, "prints_unknown"),
    Index("closing_day", "day", "region", "station"),
)

# Every product that was ever brought in.
goods = _table("goods", *key("product"))

# Names of goods, grades and origins: the newest one in each language from an offer, null without any. `kind` is one of
# `NameKind`; the code of a grade is that of its goods, a slash, and its own.
name = _table("name", *key("kind", "code"), Column("ug", Code), Column("zh", Code), Column("en", Code))


# What is bought is to be paid, what is on consignment is an estimate, and what is void is neither: three sums.
PARTS: Final = ("bought", "consigned", "void")
PARTED: Final = tuple(f"{part}_{unit}" for part in PARTS for unit in ("g", "fen"))
MEASURES: Final = (
    *("intakes", "voided", "bags"),
    *(f"{name}_{half}" for name in PARTED for half in ("high", "low")),
    *("late", "time_unknown"),
)


# Sums of `receipt`. All but `voided` and those that begin with `void_` are of receipts that are not void.
station_day = _table(
    "station_day",
    *key("day", "region", "station"),
    *required(BigInteger, *MEASURES),
    Index("station_day_station", "station", "day"),
)

# The same sums over all stations, by the hour.
county_hour = _table(
    "county_hour", *key("day"), *key("hour", kind=Integer), *key("region", "product"), *required(BigInteger, *MEASURES)
)

# The same sums by the price of a kilogram.
station_price = _table(
    "station_price",
    *key("day", "region", "product", "station"),
    Column("price_fen", BigInteger, primary_key=True, autoincrement=False),
    *required(BigInteger, *MEASURES),
)

# The same sums of a year by the station that has the goods, and by the price of a kilogram.
station_year = _table("station_year", *key("year", "region", "product", "station"), *required(BigInteger, *MEASURES))
price_year = _table(
    "price_year",
    *key("year", "region", "product"),
    Column("price_fen", BigInteger, primary_key=True, autoincrement=False),
    *required(BigInteger, *MEASURES),
)

# What each station's scale can show at most, as its newest event of a changed scale says.
scale_limit = _table("scale_limit", *key("station", "region"), *required(BigInteger, "limit_g"))

# When the first event of an epoch was written, where its clock was set.
epoch_begin = _table("epoch_begin", *key("station", "region", "epoch"), *required(BigInteger, "written_ms"))

# See `impossible.Finding`; those of prices are not in it.
impossible = _table(
    "impossible",
    *key("kind", "region", "station", "day"),
    *required(Code, "about"),
    *required(BigInteger, "figure", "allowed"),
)

SUMS: Final = (station_day, county_hour, station_price, station_year, price_year)
