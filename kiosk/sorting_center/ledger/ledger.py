"""The ledger: the only door to the sorting center's database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Row, delete, func, select, tuple_
from sqlalchemy.exc import DBAPIError

from kiosk.base.closable import Closable
from kiosk.messaging.contract.control import MAX_GAPS, MAX_QUARANTINED
from kiosk.messaging.contract.received_event import ReceivedEvent
from kiosk.messaging.contract.seal import ZERO_HASH
from kiosk.messaging.contract.topics import Topics
from kiosk.sorting_center.ledger import overview as overviews
from kiosk.sorting_center.ledger import shares, sightings
from kiosk.sorting_center.ledger.acceptance import streams
from kiosk.sorting_center.ledger.acceptance.accept import Acceptance
from kiosk.sorting_center.ledger.acceptance.signatures import BadSignatures, ChecksAhead, StationKeys
from kiosk.sorting_center.ledger.acceptance.streams import Chain
from kiosk.sorting_center.ledger.database import places, station_keys
from kiosk.sorting_center.ledger.database.faults import damage_error, translate_error
from kiosk.sorting_center.ledger.database.opening import (
    OpenedLedger,
    begin_generation,
    open_for_reading,
    open_for_writing,
    open_shared,
)
from kiosk.sorting_center.ledger.database.rows import upsert_rows
from kiosk.sorting_center.ledger.database.schema import feed_position, meta, stream
from kiosk.sorting_center.ledger.event_reader import stored_events
from kiosk.sorting_center.ledger.quarantine import ReadmitResult, readmit
from kiosk.sorting_center.ledger.shared.records import (
    TOO_MANY_EPOCHS,
    TOO_MANY_REGIONS,
    Delivery,
    EventKey,
    FeedEntry,
    RejectedMessage,
    Sighting,
    StoredEvent,
    StreamState,
)
from kiosk.sorting_center.ledger.shares import ROW_BYTES, DailyShares, HeldBack
from kiosk.sorting_center.shared.signature_checks import BeginChecks, check_inline

MAX_FEED_PAGE: Final = 1000
_ANNOUNCED_KEY: Final = "announced"
_DELIVERED: Final = "delivered "  # Before the digest of a message; a row of `meta` each
_Result = TypeVar("_Result")
_MAX_COUNTED: Final = 1000  # As many as a broker has on its way to one process; beyond that counting restarts


class Ledger(Closable):
    """Safe to call from several threads. A file is opened for writing by one process at a time, for reading by any; a
    database of PostgreSQL by any number for both.
    """

    def __init__(self, opened: OpenedLedger) -> None:
        self._opened = opened
        self._seen_keys: StationKeys = {}
        self._ahead: ChecksAhead | None = None  # What the next commit has to check
        # The disk of PostgreSQL's server cannot be measured here: its administrator watches it.
        self._shares = DailyShares(opened.address.path.parent if opened.address.path is not None else None)

    @classmethod
    def open(cls, url: str) -> Ledger:
        """Open or create ``sqlite:///path``, or in PostgreSQL ``postgresql://user@host:port/name``.

        Raises a LedgerError that says what to do. A large file is checked in the background: see `damage`.
        """
        return cls(open_for_writing(url))

    @classmethod
    def open_shared(cls, url: str) -> Ledger:
        """Open it in a further process of the sorting center that has the ledger open; raises a LedgerError."""
        return cls(open_shared(url))

    @classmethod
    def open_readonly(cls, url: str) -> Ledger:
        """Open an existing ledger for reading. Raises a LedgerError."""
        return cls(open_for_reading(url))

    @staticmethod
    def begin_generation(url: str) -> str:
        """Begin a new generation of the feed after a backup replaced this ledger, and return it."""
        return begin_generation(url)

    @property
    def url(self) -> str:
        """Where it is, for another process of the same program: its password is in it."""
        return self._opened.address.url.render_as_string(hide_password=False)

    @property
    def ledger_id(self) -> str:
        """16 hex digits, made with the ledger."""
        return self._opened.identity.ledger_id

    @property
    def generation(self) -> str:
        """16 hex digits, other ones after a restored backup: feedseqs of two generations cannot be compared."""
        return self._opened.identity.generation

    def close(self) -> None:
        """Release the file. No call may follow."""
        self._opened.close()

    def expect(self, region: str, item: ReceivedEvent, begin_checks: BeginChecks) -> None:
        """Begin to check the signature of an event that the next `commit` of this thread takes in."""
        self._ahead = self._ahead or ChecksAhead(begin_checks, self._seen_keys)
        self._ahead.add(region, item)

    def accept(self, batch: Sequence[ReceivedEvent], region: str, received_at: str) -> list[StreamState]:
        """Take in events of one region in one transaction; return the state of every stream they touched.

        Raises LedgerUnwritable when nothing was stored.
        """
        return self.commit(Delivery(events=[(region, item) for item in batch]), received_at)

    def commit(
        self, delivery: Delivery, received_at: str, begin_checks: BeginChecks = check_inline
    ) -> list[StreamState]:
        """Take in a whole delivery in one transaction, as `accept` does. ``begin_checks`` checks its signatures."""
        if self._opened.partitions is not None:
            self._opened.partitions.prepare(received_at)

        def take_in(ahead: ChecksAhead) -> list[StreamState]:
            try:
                return self._commit(delivery, received_at, ahead)
            except BaseException:
                self._shares.forget()
                raise

        return self._until_all_fit(begin_checks, delivery.events, take_in)

    def _until_all_fit(
        self,
        begin_checks: BeginChecks,
        events: Sequence[tuple[str, ReceivedEvent]],
        attempt: Callable[[ChecksAhead], _Result],
    ) -> _Result:
        """Repeat an attempt, rolled back because signatures do not fit, without believing those signatures."""
        refuted: frozenset[str] = frozenset()
        while True:
            ahead, self._ahead = self._ahead or ChecksAhead(begin_checks, self._seen_keys, refuted), None
            for region, item in events:
                ahead.add(region, item)
            ahead.begin()
            try:
                return attempt(ahead)
            except BadSignatures as found:
                refuted |= found.hashes

    def _commit(self, delivery: Delivery, received_at: str, ahead: ChecksAhead) -> list[StreamState]:
        with self.writing() as connection:
            station_keys = {(item.station, region) for region, item in delivery.events}
            station_keys |= {(one.station, one.region) for one in delivery.sightings}
            regions = sightings.regions_of(connection, (station for station, _ in station_keys))
            excess = sightings.excess_regions(station_keys, regions)
            refusals = list(delivery.refusals)
            incoming: dict[streams.StreamKey, list[ReceivedEvent]] = {}
            for region, item in delivery.events:
                if (item.station, region) in excess:
                    topic = Topics(region, item.station).event
                    refusals.append(RejectedMessage(topic, TOO_MANY_REGIONS, item.body))
                else:
                    incoming.setdefault((item.station, item.epoch, region), []).append(item)
            held = self._shares.held_back(connection, {(key[0], key[2]) for key in incoming}, received_at)
            groups = {key: events for key, events in incoming.items() if (key[0], key[2]) not in held}
            acceptance = Acceptance(connection, received_at, ahead)
            chains = acceptance.accept(groups) if groups else []
            sizes: Counter[sightings.StationKey] = Counter()
            for chain in chains:
                fresh = chain.fresh.values()
                size_bytes = sum(len(one.body) + one.left_out_bytes + ROW_BYTES for one in fresh)
                sizes[chain.station, chain.region] += size_bytes
            self._shares.spend(connection, sizes)
            accepted = {chain.key for chain in chains}
            for key in groups:
                if key not in accepted:
                    topic = Topics(key[2], key[0]).event
                    refusals += [RejectedMessage(topic, TOO_MANY_EPOCHS, item.body) for item in groups[key]]
            seen = [Sighting(region, station) for station, _, region in incoming]
            seen += [one for one in delivery.sightings if (one.station, one.region) not in excess]
            sightings.record(connection, seen, received_at, regions)
            sightings.store_rejected(connection, refusals, received_at)
            if counters := [_DELIVERED + digest for digest in delivery.counted]:
                connection.execute(delete(meta).where(meta.c.name.in_(counters)))
            held_states = [self._state(connection, *key) for key in incoming if key not in groups]
            states = [
                *(self._state_of(connection, chain) for chain in chains),
                *(replace(state, held_back=True) for state in held_states),
            ]
            acceptance.signatures.require_good()
            return states

    def count_delivery(self, digest: str) -> int:
        """Count one more attempt at a message; return how many there were. The count survives this process, and ends
        with the commit of a `Delivery` that names it. Raises LedgerUnwritable.
        """
        name, is_counter = _DELIVERED + digest, meta.c.name.startswith(_DELIVERED)
        with self.writing() as connection:
            before = connection.execute(select(meta.c.value).where(meta.c.name == name)).scalar()
            counters = select(func.count()).where(is_counter)
            if before is None and connection.execute(counters).scalar_one() >= _MAX_COUNTED:
                connection.execute(delete(meta).where(is_counter))
            times = int(before or 0) + 1
            upsert_rows(connection, meta, [(name, str(times))])
        return times

    def held_back(self, now: str) -> list[HeldBack]:
        """Return the stations held back at ``now`` (RFC 3339, UTC)."""
        with self.reading() as connection:
            return shares.held_back(connection, now)

    def unfinished(self) -> list[streams.StreamKey]:
        """Return streams that `release_held` can release more of: one commit releases only so much of what was held."""
        with self.reading() as connection:
            return streams.unfinished(connection)

    def release_held(
        self, key: streams.StreamKey, received_at: str, begin_checks: BeginChecks = check_inline
    ) -> StreamState:
        """Release held events of a known stream that are next in its chain, as many as one commit may.

        Two processes at once release each event once. Raises LedgerUnwritable when nothing was stored.
        """

        def release(ahead: ChecksAhead) -> StreamState:
            with self.writing() as connection:
                acceptance = Acceptance(connection, received_at, ahead)
                (chain,) = acceptance.accept({key: []})
                acceptance.signatures.require_good()
                return self._state_of(connection, chain)

        return self._until_all_fit(begin_checks, (), release)

    def number(self, limit: int) -> int:
        """Give released events their places in the feed; return how many were processed, whether they got one or not.

        Return 0 when there is nothing to do, another process does it, or the ledger numbers in its commits. Raises
        LedgerUnwritable when nothing was numbered.
        """
        if self._opened.numberer is None:
            return 0
        try:
            return self._opened.numberer.number(limit)
        except DBAPIError as error:
            raise translate_error(self._opened.address, error) from error

    def revoke_key(self, region: str, station: str, key_id: str) -> int:
        """Revoke the station's keys with this id, in hex; return how many. Raises LedgerUnwritable."""
        with self.writing() as connection:
            return station_keys.revoke(connection, region, station, key_id)

    def readmit(self, key: EventKey) -> ReadmitResult:
        """Accept a quarantined event if it is valid to this software; otherwise change nothing.

        Raises LedgerUnwritable when nothing was stored.
        """
        with self.writing() as connection:
            return readmit(connection, key)

    @property
    def damage(self) -> str:
        """What a check beside the work has found, and that nothing is taken in any more; "" for nothing."""
        check = self._opened.check
        return str(damage_error(self._opened.address, check.finding)) if check is not None and check.finding else ""

    @property
    def is_publisher(self) -> bool:
        """Whether this process may publish the feed: of a file always, else while it has the role of the numberer."""
        return self._opened.numberer is None or self._opened.numberer.has_role

    @property
    def numbers_separately(self) -> bool:
        """Whether places in the feed are given by `number`, and not in the commits."""
        return self._opened.numberer is not None

    def stream(self, station: str, epoch: str, region: str, at: int = 0) -> StreamState:
        """Return the answer to a station's hello, with the hash at number ``at``; upto 0 for an unknown stream."""
        with self.reading() as connection:
            state = self._state(connection, station, epoch, region)
            return replace(state, at=at, hash_at=streams.hash_at(connection, state, at)) if at else state

    def stream_count(self) -> int:
        with self.reading() as connection:
            return int(connection.execute(select(func.count()).select_from(stream)).scalar_one())

    def stream_keys(self, after: streams.StreamKey, limit: int) -> list[streams.StreamKey]:
        """Return the next streams above ``after``, in the order of their keys."""
        key = (stream.c.station, stream.c.epoch, stream.c.region)
        with self.reading() as connection:
            rows = connection.execute(select(*key).where(tuple_(*key) > tuple_(*after)).order_by(*key).limit(limit))
            return [(row.station, row.epoch, row.region) for row in rows]

    def announced(self) -> str:
        """Return the generation that was announced to every stream; "" when none was."""
        with self.reading() as connection:
            return connection.execute(select(meta.c.value).where(meta.c.name == _ANNOUNCED_KEY)).scalar() or ""

    def set_announced(self, generation: str) -> None:
        """Store that every stream was sent this generation. Raises LedgerUnwritable."""
        with self.writing() as connection:
            upsert_rows(connection, meta, [(_ANNOUNCED_KEY, generation)])

    def _state(self, connection: Connection, station: str, epoch: str, region: str) -> StreamState:
        row = connection.execute(
            select(stream).where(stream.c.station == station, stream.c.epoch == epoch, stream.c.region == region)
        ).one_or_none()
        return self._state_of(connection, row or Chain(station, epoch, region, 0, ZERO_HASH, 0, None, ()))

    def _state_of(self, connection: Connection, row: Row[Any] | Chain) -> StreamState:
        may_have_quarantined = not isinstance(row, Chain) or row.has_quarantined
        return StreamState(
            row.station,
            row.epoch,
            row.region,
            row.upto,
            row.head,
            row.max_seen,
            streams.gaps(connection, row, MAX_GAPS),
            streams.quarantined(connection, row, MAX_QUARANTINED) if may_have_quarantined else (),
            self.generation,
            has_more=isinstance(row, Chain) and row.has_more,
        )

    def feed(self, after: int, limit: int) -> list[FeedEntry]:
        """Return accepted events with feedseq above ``after``, in order; at most MAX_FEED_PAGE."""
        with self.reading() as connection:
            rows = places.feed_page(connection, after, min(limit, MAX_FEED_PAGE), ("region", "type", "body"))
            return [FeedEntry(row.feedseq, row.region, row.type, bytes(row.body)) for row in rows]

    def feed_end(self) -> int:
        """Return the highest feedseq given out; 0 when none was."""
        with self.reading() as connection:
            return places.last_feedseq(connection)

    def feed_position(self, name: str) -> int:
        """Return the feedseq after which the publisher ``name`` continues; 0 at first."""
        with self.reading() as connection:
            found = connection.execute(select(feed_position.c.feedseq).where(feed_position.c.name == name)).scalar()
            return int(found or 0)

    def set_feed_position(self, name: str, feedseq: int) -> None:
        """Store that the broker has taken everything up to ``feedseq``. Raises LedgerUnwritable."""
        with self.writing() as connection:
            upsert_rows(connection, feed_position, [(name, feedseq)])

    def events(self, *, with_standing: bool = True) -> Iterator[StoredEvent]:
        """Yield every stored event by (station, epoch, seq), read in pages from one snapshot of the ledger.

        ``with_standing``: also which events count for their receipts, which takes as long again.
        """
        with self.reading() as connection:
            yield from stored_events(connection, with_standing=with_standing)

    def counts(self) -> overviews.Counts:
        with self.reading() as connection:
            return overviews.counts(connection)

    def figures(self) -> overviews.MonitoringFigures:
        with self.reading() as connection:
            return overviews.figures(connection)

    def overview(self, today_since: str) -> overviews.Overview:
        """Compute the overview; ``today_since`` is RFC 3339 in UTC."""
        with self.reading() as connection:
            return overviews.overview(connection, today_since)

    def intakes(self, after_feedseq: int, limit: int) -> tuple[overviews.IntakeRow, ...]:
        """Return intakes released after ``after_feedseq``, in feed order."""
        with self.reading() as connection:
            return overviews.intakes_after(connection, after_feedseq, limit)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open one snapshot of the ledger; the database refuses writing through it."""
        try:
            with self._opened.reader.connect() as connection:
                yield connection
        except DBAPIError as error:
            raise translate_error(self._opened.address, error) from error

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open one transaction. Raises LedgerUnwritable."""
        check = self._opened.check
        if check is not None and check.finding:
            raise damage_error(self._opened.address, check.finding)
        try:
            with self._opened.writing.begin() as connection:
                yield connection
        except DBAPIError as error:
            raise translate_error(self._opened.address, error) from error
