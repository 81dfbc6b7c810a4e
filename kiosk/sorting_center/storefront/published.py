"""What is published, as buyers search it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, and_, func, select, tuple_

from kiosk.sorting_center.desk.shared.schema import listing, listing_picture, listing_shown
from kiosk.sorting_center.listings.listings import searchable
from kiosk.sorting_center.listings.records import ListingKey, ListingState, Published
from kiosk.sorting_center.storefront.database import DeskReader

MAX_WORDS: Final = 5  # Of a search; what comes behind them is left out
_PICTURES_PER_QUERY: Final = 500
_GRADE_SIGN: Final = "~"
_shown: Final = listing_shown.c
_KEY: Final = (_shown.region, _shown.station, _shown.lot)
_GOODS: Final = (_shown.region, _shown.product, _shown.grade)
# A row for each kind of goods: there are few, however many lots of them are offered.
_OFFERS: Final = (
    select(
        *_GOODS,
        func.count().label("lots"),
        func.max(_shown.at).label("at"),
        func.min(_shown.price_fen).label("least_fen"),
        func.max(_shown.price_fen).label("greatest_fen"),
        func.min(_shown.pack_g).label("least_g"),
        func.max(_shown.pack_g).label("greatest_g"),
    )
    .group_by(*_GOODS)
    .order_by(*(column.desc() for column in (func.max(_shown.at), *_GOODS)))
)
_LOTS: Final = select(*_KEY, _shown.product, _shown.grade, listing.c.published).join(
    listing, and_(*(listing.c[column.name] == column for column in _KEY))
)
_decode: Final = msgspec.json.Decoder(Published).decode


class NoLongerPublished(LookupError):
    """Buyers saw it once."""


@dataclass(frozen=True, slots=True)
class PublishedLot:
    key: ListingKey
    published: Published


@dataclass(frozen=True, slots=True)
class GoodsKey:
    """Lots of the same goods and grade in one county are offered together. ``grade``: empty for goods without."""

    region: str
    product: str
    grade: str

    @classmethod
    def of(cls, goods: PublishedLot) -> GoodsKey:
        return cls(goods.key.region, goods.published.product, goods.published.grade)

    @classmethod
    def parse(cls, region: str, name: str) -> GoodsKey:
        product, _, grade = name.partition(_GRADE_SIGN)
        return cls(region, product, grade)

    @property
    def name(self) -> str:
        """In an address; codes of goods and grades have no such sign."""
        return f"{self.product}{_GRADE_SIGN}{self.grade}" if self.grade else self.product


@dataclass(frozen=True, slots=True)
class GoodsOffer:
    """What is published of one kind of goods: ``newest`` lot, how many there are, least and greatest price and pack."""

    key: GoodsKey
    newest: PublishedLot
    lots: int
    prices_fen: tuple[int, int]
    packs_g: tuple[int, int]


@dataclass(frozen=True, slots=True)
class GoodsPage:
    """``goods`` of the page; ``kinds`` and ``lots`` of all pages."""

    goods: tuple[GoodsOffer, ...]
    kinds: int
    lots: int


class PublishedListings:
    """Nothing else about a lot is ever read. Every call may raise DeskError."""

    def __init__(self, reader: DeskReader) -> None:
        self._reader = reader

    def page(self, search: str, skip: int, limit: int) -> GoodsPage:
        """Find goods with a lot that has every word of ``search`` in title, goods code or lot, the last published
        first.
        """
        conditions = [_shown.words.contains(word, autoescape=True) for word in searchable(search).split()[:MAX_WORDS]]
        with self._reader.reading() as connection:
            rows = connection.execute(_OFFERS.where(*conditions)).all()
            goods = _with_newest(connection, rows[skip : skip + limit], conditions)
        return GoodsPage(goods, len(rows), sum(row.lots for row in rows))

    def goods(self, key: GoodsKey, skip: int, limit: int) -> tuple[GoodsOffer, list[PublishedLot]] | None:
        """Return the offer and some of its lots, the last published first; None when none is published."""
        conditions = [column == value for column, value in zip(_GOODS, astuple(key), strict=True)]
        last_first = [column.desc() for column in (_shown.at, _shown.station, _shown.lot)]
        lots = _LOTS.where(*conditions).order_by(*last_first).offset(skip).limit(limit)
        with self._reader.reading() as connection:
            offers = _with_newest(connection, connection.execute(_OFFERS.where(*conditions)).all(), conditions)
            return (offers[0], [_lot(row) for row in connection.execute(lots)]) if offers else None

    def get(self, key: ListingKey) -> PublishedLot | None:
        """Return the published lot; None when buyers never saw it. Raises NoLongerPublished."""
        same = (listing.c.region == key.region) & (listing.c.station == key.station) & (listing.c.lot == key.lot)
        query = select(listing.c.state, listing.c.published).where(same)
        with self._reader.reading() as connection:
            row = connection.execute(query).first()
        if row is None or row.published is None:
            return None
        if row.state != ListingState.PUBLISHED:
            raise NoLongerPublished(str(key))
        return PublishedLot(key, _decode(row.published))

    def stations_of(self, sha256: str) -> list[tuple[str, str]]:
        """Return region and station of each published lot that shows this picture."""
        of = listing_picture.c
        query = select(of.region, of.station).where(of.sha256 == sha256).distinct()
        with self._reader.reading() as connection:
            return [(row.region, row.station) for row in connection.execute(query)]

    def pictures(self) -> Iterator[tuple[str, str, str]]:
        """Yield hash, region and station of the pictures of published lots, each hash once, in pages."""
        of, after = listing_picture.c, ""
        query = select(of.sha256, func.min(of.region), func.min(of.station)).group_by(of.sha256)
        while True:
            with self._reader.reading() as connection:
                page = query.where(of.sha256 > after).order_by(of.sha256).limit(_PICTURES_PER_QUERY)
                rows = [(row[0], row[1], row[2]) for row in connection.execute(page)]
            yield from rows
            if len(rows) < _PICTURES_PER_QUERY:
                return
            after = rows[-1][0]

    def revision(self) -> tuple[int, str]:
        """Return a value that changes whenever something more is published."""
        with self._reader.reading() as connection:
            row = connection.execute(select(func.count(), func.max(_shown.at)).select_from(listing_shown)).one()
        return int(row[0]), str(row[1])

    def count(self) -> int:
        with self._reader.reading() as connection:
            return int(connection.execute(select(func.count()).select_from(listing_shown)).scalar_one())

    def keys(self, skip: int, limit: int) -> list[tuple[ListingKey, str]]:
        query = select(*_KEY, _shown.at).order_by(*_KEY).offset(skip).limit(limit)
        with self._reader.reading() as connection:
            return [(ListingKey(row.region, row.station, row.lot), row.at) for row in connection.execute(query)]


def _with_newest(
    connection: Connection, rows: Sequence[Row[Any]], conditions: Sequence[ColumnElement[bool]]
) -> tuple[GoodsOffer, ...]:
    newest = tuple_(*_GOODS, _shown.at).in_([(row.region, row.product, row.grade, row.at) for row in rows])
    found = {
        GoodsKey(row.region, row.product, row.grade): _lot(row)
        for row in connection.execute(_LOTS.where(newest, *conditions).order_by(*_KEY))
    }
    keys = [GoodsKey(row.region, row.product, row.grade) for row in rows]
    return tuple(
        GoodsOffer(key, found[key], row.lots, (row.least_fen, row.greatest_fen), (row.least_g, row.greatest_g))
        for key, row in zip(keys, rows, strict=True)
    )


def _lot(row: Any) -> PublishedLot:
    return PublishedLot(ListingKey(row.region, row.station, row.lot), _decode(row.published))
