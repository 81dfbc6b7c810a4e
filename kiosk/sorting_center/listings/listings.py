"""Listings: looked at, edited, published and taken back by people."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, func, insert, select, tuple_, update

from kiosk.domain.events.photo import NO_WORDS, WordsData
from kiosk.sorting_center.desk.cases import checked_reason
from kiosk.sorting_center.desk.database import DeskDatabase
from kiosk.sorting_center.desk.errors import Refused
from kiosk.sorting_center.desk.schema import listing, listing_step, listing_told
from kiosk.sorting_center.ledger.database.times import told
from kiosk.sorting_center.listings.ports import Pictures
from kiosk.sorting_center.listings.records import (
    LEADS_TO,
    Deed,
    Key,
    Listing,
    Offer,
    Photo,
    Published,
    State,
    Step,
    Texts,
)
from kiosk.sorting_center.listings.shown import show

MAX_TITLE: Final = 150
"""Of a title in Google's product data."""
MAX_STORY: Final = 2_000
MAX_STEPS: Final = 200
"""Shown of a history: a station may offer a lot again and again."""
_PAGE: Final = 100
_encode: Final = msgspec.json.Encoder().encode
_OFFER: Final = msgspec.json.Decoder(Offer)
_TEXTS: Final = msgspec.json.Decoder(Texts)
_PUBLISHED: Final = msgspec.json.Decoder(Published)
"""All with the module: two threads that are the first to have msgspec look at a type make it crash (0.22)."""


@dataclass(frozen=True, slots=True)
class Doing:
    """Who does it, on which version of the listing, and why; "" where nobody need say."""

    who: str
    version: int
    now: datetime
    reason: str = ""


class Listings:
    """Each act is one transaction, with its step; of two people who saw the same the second is refused."""

    def __init__(self, database: DeskDatabase, pictures: Pictures) -> None:
        self._database, self._pictures = database, pictures

    def get(self, key: Key) -> Listing | None:
        """As it stands."""
        with self._database.reading() as connection:
            return found(connection, key)

    def page(self, states: Sequence[State], skip: int, limit: int) -> list[Listing]:
        """Those that changed last first."""
        last_first = (listing.c.updated_at.desc(), *listing.primary_key.columns)
        wanted = select(listing).where(listing.c.state.in_(states)).order_by(*last_first).offset(skip).limit(limit)
        with self._database.reading() as connection:
            return [_listing(row) for row in connection.execute(wanted)]

    def counts(self) -> Mapping[State, int]:
        """How many there are in each state."""
        wanted = select(listing.c.state, func.count()).group_by(listing.c.state)
        with self._database.reading() as connection:
            there = {State(state): int(count) for state, count in connection.execute(wanted)}
        return {state: there.get(state, 0) for state in State}

    def history(self, key: Key) -> list[Step]:
        """The newest MAX_STEPS of them, the oldest first."""
        steps = listing_step.c
        wanted = select(steps.at, steps.who, steps.act, steps.reason).where(_of(listing_step, key))
        with self._database.reading() as connection:
            rows = connection.execute(wanted.order_by(steps.id.desc()).limit(MAX_STEPS)).all()
        return [Step(*row) for row in reversed(rows)]

    def photos(self, one: Listing) -> list[Photo]:
        """Those of its newest offer, in their order. Raises DeskError and LedgerError."""
        return self._photos(one.key, one.offer.told.photos)

    def buyers_photos(self, one: Listing) -> list[Photo]:
        """Those that were published, in their order. Raises DeskError and LedgerError."""
        return self._photos(one.key, one.published.photos) if one.published is not None else []

    def _photos(self, key: Key, hashes: Sequence[str]) -> list[Photo]:
        with self._database.reading() as connection:
            known = told_of(connection, key, hashes)
        return [
            Photo(sha256, sha256 in known, self._pictures.path(key.region, key.station, sha256)) for sha256 in hashes
        ]

    def published(self) -> Iterator[tuple[Key, Published]]:
        """What buyers see, by key, in pages: a later page may be newer than an earlier one."""
        key = (listing.c.region, listing.c.station, listing.c.lot)
        after: tuple[str, str, str] = ("", "", "")
        wanted = select(listing).where(listing.c.state == State.PUBLISHED.value).order_by(*key).limit(_PAGE)
        while True:
            with self._database.reading() as connection:
                rows = [_listing(row) for row in connection.execute(wanted.where(tuple_(*key) > after))]
            yield from ((row.key, row.published) for row in rows if row.published is not None)
            if len(rows) < _PAGE:
                return
            after = (rows[-1].key.region, rows[-1].key.station, rows[-1].key.lot)

    # --- done by people; each raises Refused: no_such_listing, decided_meanwhile, no_such_act

    def edit(self, key: Key, texts: Texts, doing: Doing) -> Listing:
        """Write title and story anew; those of the offer again where they are the same. Raises Refused: no_title."""
        clean = Texts(_words(texts.title, MAX_TITLE), _words(texts.story, MAX_STORY))
        if clean.title == NO_WORDS:
            raise _no_title()
        with self._database.writing() as connection:
            seen = _seen(connection, key, Deed.EDIT, doing)
            offered = Texts(seen.offer.told.title, seen.offer.told.story)
            changes = {"edited": None if clean == offered else _json(clean)}
            return _done(connection, seen, Deed.EDIT, doing, changes)

    def publish(self, key: Key, doing: Doing) -> Listing:
        """Buyers see it from now on as it stands, with those of its photos that are here. Raises Refused:
        photo_pending, no_title.
        """
        before = self.get(key)
        photos = self.photos(before) if before is not None else []
        with self._database.writing() as connection:
            seen = _seen(connection, key, Deed.PUBLISH, doing)
            if before is None or before.version != seen.version:  # its photos are those of another offer
                raise Refused("decided_meanwhile", f"{key} has changed meanwhile: look at it again")
            if not (photos and photos[0].may_be_shown):
                raise Refused("photo_pending", "its first photo has not come from the station: wait until it is here")
            title = seen.texts.title
            if not any(text.strip() for text in (title.ug, title.zh, title.en)):
                raise _no_title()
            here = tuple(photo.sha256 for photo in photos if photo.may_be_shown)
            snapshot = _snapshot(seen, here, told(doing.now))
            return _done(connection, seen, Deed.PUBLISH, doing, {"published": _json(snapshot)})

    def pause(self, key: Key, doing: Doing) -> Listing:
        """Buyers do not see it until it is published again."""
        return self._lead(key, Deed.PAUSE, doing)

    def sell_out(self, key: Key, doing: Doing) -> Listing:
        """There is none left; when there is, it is published again."""
        return self._lead(key, Deed.SELL_OUT, doing)

    def withdraw(self, key: Key, doing: Doing) -> Listing:
        """For ever, with a reason. Raises Refused: no_reason."""
        checked_reason(doing.reason)
        return self._lead(key, Deed.WITHDRAW, doing)

    def _lead(self, key: Key, deed: Deed, doing: Doing) -> Listing:
        with self._database.writing() as connection:
            return _done(connection, _seen(connection, key, deed, doing), deed, doing, {})


def found(connection: Connection, key: Key) -> Listing | None:
    """As it stands in this transaction."""
    row = connection.execute(select(listing).where(_of(listing, key))).first()
    return _listing(row) if row is not None else None


def told_of(connection: Connection, key: Key, asked: Sequence[str]) -> frozenset[str]:
    """Which of these accepted events said of the lot; a station may have said thousands of other things of it."""
    wanted = select(listing_told.c.what).where(_of(listing_told, key), listing_told.c.what.in_(asked))
    return frozenset(connection.execute(wanted).scalars())


def change(connection: Connection, one: Listing, step: Step, changes: Mapping[str, str | int | None]) -> None:
    """One step of a listing that is there, and what it changes."""
    connection.execute(update(listing).where(_of(listing, one.key)).values(updated_at=step.at, **changes))
    add_step(connection, one.key, step)
    if "state" in changes and (after := found(connection, one.key)) is not None:
        show(connection, after)


def add_step(connection: Connection, key: Key, step: Step) -> None:
    """At the end of its history."""
    of = {"region": key.region, "station": key.station, "lot": key.lot}
    connection.execute(insert(listing_step).values(at=step.at, who=step.who, act=step.act, reason=step.reason, **of))


def _no_title() -> Refused:
    return Refused("no_title", "give a title in one language at least")


def _seen(connection: Connection, key: Key, deed: Deed, doing: Doing) -> Listing:
    one = found(connection, key)
    if one is None:
        raise Refused("no_such_listing", f"there is no listing {key}", lot=key.lot)
    if one.version != doing.version:
        raise Refused("decided_meanwhile", f"{key} has changed meanwhile: look at it again")
    if not one.may(deed):
        raise Refused("no_such_act", f"one that is {one.state} cannot be changed so ({deed})")
    return one


def _done(
    connection: Connection, seen: Listing, deed: Deed, doing: Doing, changes: Mapping[str, str | None]
) -> Listing:
    reason = checked_reason(doing.reason) if doing.reason.strip() else ""
    state = LEADS_TO.get(deed, seen.state)
    step = Step(told(doing.now), doing.who, deed.value, reason)
    change(connection, seen, step, {**changes, "state": state.value, "version": seen.version + 1})
    after = found(connection, seen.key)
    if after is None:
        raise LookupError(f"{seen.key} is gone in the middle of a transaction")
    return after


def _snapshot(one: Listing, photos: tuple[str, ...], at: str) -> Published:
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
    )


def _words(words: WordsData, most: int) -> WordsData:
    return WordsData(*(one_line(text)[:most].rstrip() for text in (words.ug, words.zh, words.en)))


def one_line(text: str) -> str:
    """Without what would act on a page or in a file: control and format characters, line ends."""
    spaced = " ".join(text.split())
    return "".join(character for character in spaced if unicodedata.category(character)[0] != "C")


def _json(value: object) -> str:
    return _encode(value).decode()


def _of(table: Any, key: Key) -> Any:
    return (table.c.region == key.region) & (table.c.station == key.station) & (table.c.lot == key.lot)


def _listing(row: Row[Any]) -> Listing:
    return Listing(
        key=Key(row.region, row.station, row.lot),
        offer=_OFFER.decode(row.offered),
        state=State(row.state),
        version=row.version,
        edited=_TEXTS.decode(row.edited) if row.edited is not None else None,
        published=_PUBLISHED.decode(row.published) if row.published is not None else None,
        updated_at=row.updated_at,
    )
