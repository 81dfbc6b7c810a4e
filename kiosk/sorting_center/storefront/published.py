"""What is published, as buyers look for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import msgspec
from sqlalchemy import func, select, tuple_

from kiosk.sorting_center.desk.shared.schema import listing, listing_picture, listing_shown
from kiosk.sorting_center.listings.listings import searchable
from kiosk.sorting_center.listings.records import ListingKey, ListingState, Published
from kiosk.sorting_center.storefront.database import DeskReader

MAX_WORDS: Final = 5  # Of a search; what comes behind them is left out
_PICTURES_PER_QUERY: Final = 500
_KEY: Final = (listing_shown.c.region, listing_shown.c.station, listing_shown.c.lot)
_decode: Final = msgspec.json.Decoder(Published).decode


class NoLongerPublished(LookupError):
    """Buyers saw it once."""


@dataclass(frozen=True, slots=True)
class PublishedLot:
    key: ListingKey
    published: Published


@dataclass(frozen=True, slots=True)
class PublishedPage:
    goods: tuple[PublishedLot, ...]
    total: int


class PublishedListings:
    """Nothing else about a lot is ever read. Every call may raise DeskError."""

    def __init__(self, reader: DeskReader) -> None:
        self._reader = reader

    def page(self, search: str, skip: int, limit: int) -> PublishedPage:
        """Those with every word of ``search`` in title, goods code or lot; what was published last first."""
        conditions = [
            listing_shown.c.words.contains(word, autoescape=True) for word in searchable(search).split()[:MAX_WORDS]
        ]
        last_first = [column.desc() for column in (listing_shown.c.at, *_KEY)]
        keys = select(*_KEY).where(*conditions).order_by(*last_first).offset(skip).limit(limit)
        with self._reader.reading() as connection:
            total = connection.execute(select(func.count()).select_from(listing_shown).where(*conditions)).scalar_one()
            found = [ListingKey(*row) for row in connection.execute(keys)]
            rows = connection.execute(
                select(listing.c.region, listing.c.station, listing.c.lot, listing.c.published).where(
                    tuple_(listing.c.region, listing.c.station, listing.c.lot).in_(
                        [(key.region, key.station, key.lot) for key in found]
                    )
                )
            )
            texts = {ListingKey(row.region, row.station, row.lot): row.published for row in rows}
        return PublishedPage(tuple(PublishedLot(key, _decode(texts[key])) for key in found), int(total))

    def get(self, key: ListingKey) -> PublishedLot | None:
        """None when buyers never saw it; raises NoLongerPublished."""
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
        """Region and station of each published lot that shows this picture."""
        shown = listing_picture.c
        query = select(shown.region, shown.station).where(shown.sha256 == sha256).distinct()
        with self._reader.reading() as connection:
            return [(row.region, row.station) for row in connection.execute(query)]

    def pictures(self) -> Iterator[tuple[str, str, str]]:
        """Yield hash, region and station of the pictures of published lots, each hash once, in pages."""
        shown, after = listing_picture.c, ""
        query = select(shown.sha256, func.min(shown.region), func.min(shown.station)).group_by(shown.sha256)
        while True:
            with self._reader.reading() as connection:
                page = query.where(shown.sha256 > after).order_by(shown.sha256).limit(_PICTURES_PER_QUERY)
                rows = [(row[0], row[1], row[2]) for row in connection.execute(page)]
            yield from rows
            if len(rows) < _PICTURES_PER_QUERY:
                return
            after = rows[-1][0]

    def revision(self) -> tuple[int, str]:
        """Return what is another one whenever something more is published."""
        with self._reader.reading() as connection:
            row = connection.execute(
                select(func.count(), func.max(listing_shown.c.at)).select_from(listing_shown)
            ).one()
        return int(row[0]), str(row[1])

    def count(self) -> int:
        with self._reader.reading() as connection:
            return int(connection.execute(select(func.count()).select_from(listing_shown)).scalar_one())

    def keys(self, skip: int, limit: int) -> list[tuple[ListingKey, str]]:
        query = select(*_KEY, listing_shown.c.at).order_by(*_KEY).offset(skip).limit(limit)
        with self._reader.reading() as connection:
            return [(ListingKey(row.region, row.station, row.lot), row.at) for row in connection.execute(query)]
