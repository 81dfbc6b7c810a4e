"""Which listings buyers see, and which pictures of them: kept so that nobody looks through all listings for it."""

from __future__ import annotations

import unicodedata

from sqlalchemy import Connection, delete, insert

from kiosk.sorting_center.desk.shared.schema import listing_picture, listing_shown
from kiosk.sorting_center.listings.records import Listing, ListingState


def update_public_index(connection: Connection, one: Listing) -> None:
    """Show it as it was published, or no longer, as its state says."""
    key = {"region": one.key.region, "station": one.key.station, "lot": one.key.lot}
    for table in (listing_shown, listing_picture):
        connection.execute(delete(table).where(*(table.c[name] == value for name, value in key.items())))
    if one.state is not ListingState.PUBLISHED or one.published is None:
        return
    title = one.published.texts.title
    words = searchable("\n".join((title.ug, title.zh, title.en, one.published.product, one.key.lot)))
    connection.execute(insert(listing_shown).values(**key, at=one.published.at, words=words))
    if one.published.photos:
        connection.execute(insert(listing_picture), [{"sha256": sha256, **key} for sha256 in one.published.photos])


def searchable(text: str) -> str:
    """As words are kept and looked for: whatever their case and width."""
    return unicodedata.normalize("NFKC", text).casefold()
