"""Follows the feed of the ledger into the desk: what stations offer, the pictures of it, intakes that are voided, and
what stations say of the county's documents and requests.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import msgspec
from sqlalchemy import Connection, delete, insert, select

from kiosk.domain.events import IntakeVoided, ListingSubmitted, PhotoAccepted, RequestAnswered
from kiosk.sorting_center.desk import station_configurations
from kiosk.sorting_center.desk.shared.database import DeskDatabase
from kiosk.sorting_center.desk.shared.schema import listing, listing_facts, listing_place, listing_step
from kiosk.sorting_center.desk.station_requests import record_answer
from kiosk.sorting_center.followers.feed_follower import FeedPosition, resume_position
from kiosk.sorting_center.ledger import FeedEntry, Ledger
from kiosk.sorting_center.ledger.database.rows import insert_missing
from kiosk.sorting_center.ledger.database.times import to_rfc3339
from kiosk.sorting_center.listings.listings import add_step, apply_step, known_facts, load_listing
from kiosk.sorting_center.listings.records import (
    LEDGER_USER,
    VOIDED,
    Listing,
    ListingAction,
    ListingKey,
    ListingState,
    ListingStep,
    StationOffer,
)
from kiosk.sorting_center.shared.stored_events import decode_envelope, decode_known

STEP_EVENTS: Final = 250  # Were all of them offers, people at the desk would wait for a fraction of a second
_OWN_TYPES: Final = (ListingSubmitted.TYPE, PhotoAccepted.TYPE, IntakeVoided.TYPE, RequestAnswered.TYPE)
_TYPES: Final = frozenset({*_OWN_TYPES, *station_configurations.EVENT_TYPES})


class OfferFollower:
    """Any number of processes may follow into one desk: of two that read the same events one writes them."""

    def __init__(
        self, ledger: Ledger, database: DeskDatabase, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._ledger, self._database, self._now = ledger, database, now

    def step(self, limit: int = STEP_EVENTS) -> int:
        """Apply the next feed events in one transaction; return how many, 0 when there is nothing to do here.

        In a generation after a restored backup the feed is read from its beginning; an offer already applied is
        skipped. Raises LedgerError and DeskError, and then nothing was done.
        """
        with self._database.reading() as connection:
            stored = _read_position(connection)
        start = resume_position(self._ledger, stored)
        entries = self._ledger.feed(start.feedseq, limit)
        if not entries:
            return 0
        with self._database.writing() as connection:
            if _read_position(connection) != stored:
                return 0
            for entry in entries:
                if entry.type in _TYPES:
                    _apply_event(connection, entry, self._now())
            connection.execute(delete(listing_place))
            connection.execute(insert(listing_place).values(generation=start.generation, feedseq=entries[-1].feedseq))
        return len(entries)


def _read_position(connection: Connection) -> FeedPosition | None:
    row = connection.execute(select(listing_place)).first()
    return FeedPosition(row.generation, row.feedseq) if row is not None else None


def _apply_event(connection: Connection, entry: FeedEntry, at: datetime) -> None:
    event, now = decode_envelope(entry.body), to_rfc3339(at)
    data = decode_known(event)
    if isinstance(data, ListingSubmitted):
        offer = StationOffer(event.epoch, event.seq, data)
        _apply_offer(connection, ListingKey(entry.region, event.station, data.lot), offer, now)
    elif isinstance(data, PhotoAccepted):
        insert_missing(connection, listing_facts, [(entry.region, event.station, data.lot, data.master.sha256)])
    elif isinstance(data, IntakeVoided):
        insert_missing(connection, listing_facts, [(entry.region, event.station, data.lot, VOIDED)])
        key = ListingKey(entry.region, event.station, data.lot)
        if (one := load_listing(connection, key)) is not None:
            _withdraw(connection, one, now)
    elif isinstance(data, RequestAnswered):
        record_answer(connection, entry.region, event.station, data)
    elif data is not None:
        station_configurations.record_event(connection, (entry.region, entry.feedseq), event, data, at)


def _apply_offer(connection: Connection, key: ListingKey, offer: StationOffer, now: str) -> None:
    """Replace the older offer by the newer one, and nothing else: what people did stays."""
    steps = listing_step.c
    same = (steps.region == key.region) & (steps.station == key.station) & (steps.lot == key.lot)
    query = select(steps.id).where(same, steps.act == ListingAction.OFFER.value, steps.reason == offer.place)
    if connection.execute(query.limit(1)).first() is not None:
        return
    one = load_listing(connection, key)
    step = ListingStep(now, LEDGER_USER, ListingAction.OFFER.value, offer.place)
    offered = msgspec.json.encode(offer).decode()
    if one is None:
        of = {"region": key.region, "station": key.station, "lot": key.lot}
        fresh = {"offered": offered, "state": ListingState.REVIEW.value, "version": 1, "updated_at": now}
        connection.execute(insert(listing).values(**of, **fresh))
        add_step(connection, key, step)
    else:
        is_other = one.offer.sha256 != offer.sha256
        apply_step(connection, one, step, {"offered": offered, "version": one.version + is_other})
    if (after := load_listing(connection, key)) is not None and known_facts(connection, key, [VOIDED]):
        _withdraw(connection, after, now)


def _withdraw(connection: Connection, one: Listing, now: str) -> None:
    if one.state is ListingState.WITHDRAWN:
        return
    step = ListingStep(now, LEDGER_USER, ListingAction.WITHDRAW.value, VOIDED)
    apply_step(connection, one, step, {"state": ListingState.WITHDRAWN.value, "version": one.version + 1})
