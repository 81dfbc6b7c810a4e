"""Listings: looked at, edited, published and taken back by people."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, delete, func, insert, select, tuple_, update

from kiosk.base.refused import Refused
from kiosk.domain.events.photo import NO_WORDS, WordsData
from kiosk.sorting_center.desk.shared.cases import checked_reason
from kiosk.sorting_center.desk.shared.database import DeskDatabase
from kiosk.sorting_center.desk.shared.schema import listing, listing_facts, listing_picture, listing_shown, listing_step
from kiosk.sorting_center.ledger.database.times import to_rfc3339
from kiosk.sorting_center.listings.lot_receipts import LotReceipts
from kiosk.sorting_center.listings.ports import PictureStore
from kiosk.sorting_center.listings.records import (
    RESULTING_STATE,
    Listing,
    ListingAction,
    ListingKey,
    ListingState,
    ListingStep,
    ListingTexts,
    LotWeighing,
    OfferPhoto,
    Published,
    StationOffer,
)

MAX_TITLE: Final = 150  # Of a title in Google's product data
MAX_STORY: Final = 2_000
MAX_STEPS: Final = 200  # Shown of a history: a station may offer a lot again and again
_PAGE: Final = 100
_encode: Final = msgspec.json.Encoder().encode
_OFFER: Final = msgspec.json.Decoder(StationOffer)
_TEXTS: Final = msgspec.json.Decoder(ListingTexts)
# Made when the module is loaded: msgspec 0.22 crashes when two threads are the first to use a type.
_PUBLISHED: Final = msgspec.json.Decoder(Published)


@dataclass(frozen=True, slots=True)
class ActionContext:
    """Who acts, on which version of the listing, and why; "" where no reason is needed."""

    who: str
    version: int
    now: datetime
    reason: str = ""


class CenterListings:
    """Each act is one transaction, with its step; of two people who saw the same the second is refused."""

    def __init__(self, database: DeskDatabase, pictures: PictureStore, receipts: LotReceipts | None = None) -> None:
        self._database, self._pictures, self._receipts = database, pictures, receipts

    def get(self, key: ListingKey) -> Listing | None:
        with self._database.reading() as connection:
            return load_listing(connection, key)

    def page(self, states: Sequence[ListingState], skip: int, limit: int) -> list[Listing]:
        last_first = (listing.c.updated_at.desc(), *listing.primary_key.columns)
        query = select(listing).where(listing.c.state.in_(states)).order_by(*last_first).offset(skip).limit(limit)
        with self._database.reading() as connection:
            return [_listing(row) for row in connection.execute(query)]

    def of_station(self, region: str, station: str, limit: int) -> list[Listing]:
        """Return the station's listings, the last changed first."""
        here = (listing.c.region == region) & (listing.c.station == station)
        query = select(listing).where(here).order_by(listing.c.updated_at.desc(), listing.c.lot).limit(limit)
        with self._database.reading() as connection:
            return [_listing(row) for row in connection.execute(query)]

    def counts(self) -> Mapping[ListingState, int]:
        query = select(listing.c.state, func.count()).group_by(listing.c.state)
        with self._database.reading() as connection:
            there = {ListingState(state): int(count) for state, count in connection.execute(query)}
        return {state: there.get(state, 0) for state in ListingState}

    def history(self, key: ListingKey) -> list[ListingStep]:
        """Return the newest MAX_STEPS steps, the oldest first."""
        steps = listing_step.c
        query = select(steps.at, steps.who, steps.act, steps.reason).where(_matches_key(listing_step, key))
        with self._database.reading() as connection:
            rows = connection.execute(query.order_by(steps.id.desc()).limit(MAX_STEPS)).all()
        return [ListingStep(*row) for row in reversed(rows)]

    def photos(self, one: Listing) -> list[OfferPhoto]:
        """Return the photos of its newest offer, in their order. Raises DeskError and LedgerError."""
        return self._photos(one.key, one.offer.told.photos)

    def published_photos(self, one: Listing) -> list[OfferPhoto]:
        """Return the photos that were published, in their order. Raises DeskError and LedgerError."""
        return self._photos(one.key, one.published.photos) if one.published is not None else []

    def _photos(self, key: ListingKey, hashes: Sequence[str]) -> list[OfferPhoto]:
        with self._database.reading() as connection:
            known = known_facts(connection, key, hashes)
        return [
            OfferPhoto(sha256, sha256 in known, self._pictures.path(key.region, key.station, sha256))
            for sha256 in hashes
        ]

    def published(self) -> Iterator[tuple[ListingKey, Published]]:
        """Yield what buyers see, by key, in pages: a later page may be newer than an earlier one."""
        key = (listing.c.region, listing.c.station, listing.c.lot)
        after: tuple[str, str, str] = ("", "", "")
        query = select(listing).where(listing.c.state == ListingState.PUBLISHED.value).order_by(*key).limit(_PAGE)
        while True:
            with self._database.reading() as connection:
                rows = [_listing(row) for row in connection.execute(query.where(tuple_(*key) > after))]
            yield from ((row.key, row.published) for row in rows if row.published is not None)
            if len(rows) < _PAGE:
                return
            after = (rows[-1].key.region, rows[-1].key.station, rows[-1].key.lot)

    # --- done by people; each raises Refused: no_such_listing, decided_meanwhile, no_such_act

    def edit(self, key: ListingKey, texts: ListingTexts, context: ActionContext) -> Listing:
        """Replace title and story; when they equal the offer's, the edit is dropped. Raises Refused: no_title."""
        clean = ListingTexts(_words(texts.title, MAX_TITLE), _words(texts.story, MAX_STORY))
        if clean.title == NO_WORDS:
            raise _no_title()
        with self._database.writing() as connection:
            seen = _load_for_action(connection, key, ListingAction.EDIT, context)
            offered = ListingTexts(seen.offer.told.title, seen.offer.told.story)
            changes = {"edited": None if clean == offered else _json(clean)}
            return _apply_action(connection, seen, ListingAction.EDIT, context, changes)

    def publish(self, key: ListingKey, context: ActionContext) -> Listing:
        """Publish the current version, with its photos that have arrived and what is known of its weighing. Raises
        Refused: photo_pending, no_title.
        """
        before = self.get(key)
        photos = self.photos(before) if before is not None else []
        weighing = self._receipts.weighing(key) if self._receipts is not None else None
        with self._database.writing() as connection:
            seen = _load_for_action(connection, key, ListingAction.PUBLISH, context)
            if before is None or before.version != seen.version:  # its photos are those of another offer
                raise Refused("decided_meanwhile", f"{key} has changed meanwhile: look at it again")
            if not (photos and photos[0].may_be_shown):
                raise Refused("photo_pending", "its first photo has not come from the station: wait until it is here")
            title = seen.texts.title
            if not any(text.strip() for text in (title.ug, title.zh, title.en)):
                raise _no_title()
            here = tuple(photo.sha256 for photo in photos if photo.may_be_shown)
            snapshot = _published_snapshot(seen, here, weighing, to_rfc3339(context.now))
            return _apply_action(connection, seen, ListingAction.PUBLISH, context, {"published": _json(snapshot)})

    def pause(self, key: ListingKey, context: ActionContext) -> Listing:
        """Hide it from buyers until it is published again."""
        return self._change_state(key, ListingAction.PAUSE, context)

    def sell_out(self, key: ListingKey, context: ActionContext) -> Listing:
        """Mark it as sold out; when more is available, it is published again."""
        return self._change_state(key, ListingAction.SELL_OUT, context)

    def withdraw(self, key: ListingKey, context: ActionContext) -> Listing:
        """Withdraw it permanently, with a reason. Raises Refused: no_reason."""
        checked_reason(context.reason)
        return self._change_state(key, ListingAction.WITHDRAW, context)

    def _change_state(self, key: ListingKey, action: ListingAction, context: ActionContext) -> Listing:
        with self._database.writing() as connection:
            return _apply_action(connection, _load_for_action(connection, key, action, context), action, context, {})


def load_listing(connection: Connection, key: ListingKey) -> Listing | None:
    row = connection.execute(select(listing).where(_matches_key(listing, key))).first()
    return _listing(row) if row is not None else None


def known_facts(connection: Connection, key: ListingKey, candidates: Sequence[str]) -> frozenset[str]:
    """Return which ``candidates`` accepted events reported of the lot, which may have thousands of other facts."""
    query = select(listing_facts.c.what).where(_matches_key(listing_facts, key), listing_facts.c.what.in_(candidates))
    return frozenset(connection.execute(query).scalars())


def apply_step(
    connection: Connection, one: Listing, step: ListingStep, changes: Mapping[str, str | int | None]
) -> None:
    connection.execute(update(listing).where(_matches_key(listing, one.key)).values(updated_at=step.at, **changes))
    add_step(connection, one.key, step)
    if "state" in changes and (after := load_listing(connection, one.key)) is not None:
        update_public_index(connection, after)


def add_step(connection: Connection, key: ListingKey, step: ListingStep) -> None:
    of = {"region": key.region, "station": key.station, "lot": key.lot}
    connection.execute(insert(listing_step).values(at=step.at, who=step.who, act=step.act, reason=step.reason, **of))


def _no_title() -> Refused:
    return Refused("no_title", "give a title in one language at least")


def _load_for_action(connection: Connection, key: ListingKey, action: ListingAction, context: ActionContext) -> Listing:
    one = load_listing(connection, key)
    if one is None:
        raise Refused("no_such_listing", f"there is no listing {key}", {"lot": key.lot})
    if one.version != context.version:
        raise Refused("decided_meanwhile", f"{key} has changed meanwhile: look at it again")
    if not one.allows(action):
        raise Refused("no_such_act", f"one that is {one.state} cannot be changed so ({action})")
    return one


def _apply_action(
    connection: Connection,
    seen: Listing,
    action: ListingAction,
    context: ActionContext,
    changes: Mapping[str, str | None],
) -> Listing:
    reason = checked_reason(context.reason) if context.reason.strip() else ""
    state = RESULTING_STATE.get(action, seen.state)
    step = ListingStep(to_rfc3339(context.now), context.who, action.value, reason)
    apply_step(connection, seen, step, {**changes, "state": state.value, "version": seen.version + 1})
    after = load_listing(connection, seen.key)
    if after is None:
        raise LookupError(f"{seen.key} is gone in the middle of a transaction")
    return after


def _published_snapshot(one: Listing, photos: tuple[str, ...], weighing: LotWeighing | None, at: str) -> Published:
    offer = one.offer.told
    return Published(
        texts=one.texts,
        storage=offer.storage,
        product=offer.product,
        photos=photos,
        pack_g=offer.pack_g,
        price_fen=offer.price_fen,
        origin=offer.origin,
        grade=offer.grade,
        harvest=offer.harvest,
        allergens=offer.allergens,
        at=at,
        offer=one.offer.sha256,
        origin_words=offer.origin_words,
        grade_words=offer.grade_words,
        weighing=weighing,
    )


def _words(words: WordsData, max_length: int) -> WordsData:
    return WordsData(*(one_line(text)[:max_length].rstrip() for text in (words.ug, words.zh, words.en)))


def one_line(text: str) -> str:
    """Remove what would act on a page or in a file: control and format characters, line ends."""
    spaced = " ".join(text.split())
    return "".join(character for character in spaced if unicodedata.category(character)[0] != "C")


def _json(value: object) -> str:
    return _encode(value).decode()


def _matches_key(table: Any, key: ListingKey) -> Any:
    return (table.c.region == key.region) & (table.c.station == key.station) & (table.c.lot == key.lot)


def _listing(row: Row[Any]) -> Listing:
    return Listing(
        key=ListingKey(row.region, row.station, row.lot),
        offer=_OFFER.decode(row.offered),
        state=ListingState(row.state),
        version=row.version,
        edited=_TEXTS.decode(row.edited) if row.edited is not None else None,
        published=_PUBLISHED.decode(row.published) if row.published is not None else None,
        updated_at=row.updated_at,
    )


def update_public_index(connection: Connection, one: Listing) -> None:
    key = {"region": one.key.region, "station": one.key.station, "lot": one.key.lot}
    for table in (listing_shown, listing_picture):
        connection.execute(delete(table).where(*(table.c[name] == value for name, value in key.items())))
    if one.state is not ListingState.PUBLISHED or one.published is None:
        return
    goods, title = one.published, one.published.texts.title
    words = searchable("\n".join((title.ug, title.zh, title.en, goods.product, one.key.lot)))
    shown = {"product": goods.product, "grade": goods.grade, "price_fen": goods.price_fen, "pack_g": goods.pack_g}
    connection.execute(insert(listing_shown).values(**key, at=goods.at, words=words, **shown))
    if goods.photos:
        connection.execute(insert(listing_picture), [{"sha256": sha256, **key} for sha256 in goods.photos])


def searchable(text: str) -> str:
    """Normalize text for storing and searching words: case and width are ignored."""
    return unicodedata.normalize("NFKC", text).casefold()
