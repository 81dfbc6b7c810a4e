"""Follows the feed of the ledger for what stations offer, for the pictures of it, and for intakes that are voided."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import msgspec
from sqlalchemy import Connection, delete, insert, select

from kiosk.base.json_reader import reader
from kiosk.domain.events import IntakeVoided, ListingSubmitted, PhotoAccepted
from kiosk.domain.events.photo import PictureData
from kiosk.sorting_center.desk.database import DeskDatabase
from kiosk.sorting_center.desk.schema import listing, listing_place, listing_step, listing_told
from kiosk.sorting_center.following import Place, follow, go_on
from kiosk.sorting_center.ledger import FeedEntry, Ledger
from kiosk.sorting_center.ledger.database.rows import insert_missing
from kiosk.sorting_center.ledger.database.times import told
from kiosk.sorting_center.listings.listings import add_step, change, found, told_of
from kiosk.sorting_center.listings.records import ITSELF, VOIDED, Deed, Key, Listing, Offer, State, Step

log = logging.getLogger(__name__)

STEP_EVENTS: Final = 250
"""Were all of them offers, people at the desk would wait for a fraction of a second."""
_TYPES: Final = frozenset({ListingSubmitted.TYPE, PhotoAccepted.TYPE, IntakeVoided.TYPE})


class _Shot(msgspec.Struct):
    lot: str
    master: PictureData


class _ShotTold(msgspec.Struct):
    station: str
    data: _Shot


class _Void(msgspec.Struct):
    lot: str


class _VoidTold(msgspec.Struct):
    station: str
    data: _Void


class _OfferTold(msgspec.Struct):
    station: str
    epoch: str
    seq: int
    data: ListingSubmitted


_offer_told: Final = reader(msgspec.json.Decoder(_OfferTold))
_shot_told: Final = reader(msgspec.json.Decoder(_ShotTold))


_void_told: Final = reader(msgspec.json.Decoder(_VoidTold))


class Arrivals:
    """Any number of processes may follow into one desk: of two that read the same events one writes them."""

    def __init__(
        self, ledger: Ledger, database: DeskDatabase, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        """Closes none of them."""
        self._ledger, self._database, self._now = ledger, database, now

    def step(self, limit: int = STEP_EVENTS) -> int:
        """Take in the next events of the feed, in one transaction; how many, 0 when there is nothing to do here.

        In a generation after a restored backup the feed is followed from its beginning: an offer that was taken is
        not taken again. Raises LedgerError and DeskError, and then nothing was done.
        """
        kept = self._kept()
        start = go_on(self._ledger, kept)
        entries = self._ledger.feed(start.feedseq, limit)
        if not entries:
            return 0
        with self._database.writing() as connection:
            if _place(connection) != kept:
                return 0
            for entry in entries:
                if entry.type in _TYPES:
                    _take(connection, entry, told(self._now()))
            connection.execute(delete(listing_place))
            connection.execute(insert(listing_place).values(generation=start.generation, feedseq=entries[-1].feedseq))
        return len(entries)

    def run(self, ending: threading.Event) -> None:
        """Follow until ``ending`` is set, whatever happens."""
        follow(self.step, "Listings", ending)

    def _kept(self) -> Place | None:
        with self._database.reading() as connection:
            return _place(connection)


def _place(connection: Connection) -> Place | None:
    row = connection.execute(select(listing_place)).first()
    return Place(row.generation, row.feedseq) if row is not None else None


def _take(connection: Connection, entry: FeedEntry, now: str) -> None:
    if entry.type == ListingSubmitted.TYPE:
        offered = _offer_told(entry.body)
        offer = Offer(offered.epoch, offered.seq, offered.data)
        _offered(connection, Key(entry.region, offered.station, offered.data.lot), offer, now)
    elif entry.type == PhotoAccepted.TYPE:
        shot = _shot_told(entry.body)
        _tell(connection, Key(entry.region, shot.station, shot.data.lot), shot.data.master.sha256)
    else:
        void = _void_told(entry.body)
        key = Key(entry.region, void.station, void.data.lot)
        _tell(connection, key, VOIDED)
        if (one := found(connection, key)) is not None:
            _withdraw(connection, one, now)


def _offered(connection: Connection, key: Key, offer: Offer, now: str) -> None:
    """A newer offer replaces the older one, and nothing else: what people did stays."""
    if _is_taken(connection, key, offer):
        return
    one = found(connection, key)
    step = Step(now, ITSELF, Deed.OFFER.value, offer.place)
    offered = msgspec.json.encode(offer).decode()
    if one is None:
        of = {"region": key.region, "station": key.station, "lot": key.lot}
        fresh = {"offered": offered, "state": State.REVIEW.value, "version": 1, "updated_at": now}
        connection.execute(insert(listing).values(**of, **fresh))
        add_step(connection, key, step)
    else:
        is_other = one.offer.sha256 != offer.sha256
        change(connection, one, step, {"offered": offered, "version": one.version + is_other})
    if (after := found(connection, key)) is not None and told_of(connection, key, [VOIDED]):
        _withdraw(connection, after, now)


def _withdraw(connection: Connection, one: Listing, now: str) -> None:
    if one.state is State.WITHDRAWN:
        return
    step = Step(now, ITSELF, Deed.WITHDRAW.value, VOIDED)
    change(connection, one, step, {"state": State.WITHDRAWN.value, "version": one.version + 1})


def _is_taken(connection: Connection, key: Key, offer: Offer) -> bool:
    steps = listing_step.c
    same = (steps.region == key.region) & (steps.station == key.station) & (steps.lot == key.lot)
    wanted = select(steps.id).where(same, steps.act == Deed.OFFER.value, steps.reason == offer.place)
    return connection.execute(wanted.limit(1)).first() is not None


def _tell(connection: Connection, key: Key, what: str) -> None:
    insert_missing(connection, listing_told, [(key.region, key.station, key.lot, what)])
