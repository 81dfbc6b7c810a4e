"""The rules for accepting a delivery's events, inside one transaction of the caller.

The ledger holds one unbroken chain per stream (region, station, epoch). An event is stored as soon as it arrives; it is
*released* (counted in ``upto``, given its place in the feed) when all events before it are stored and its ``prevhash``
is the hash of the event before it. Whatever contradicts the chain goes to quarantine, and only the chain decides: an
event above a gap may belong to a clone, so nothing downstream sees it before the gap is filled.

What every commit needs is read and written with one statement for all its streams; rare cases (a filled gap, an event
set apart) have statements of their own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import groupby
from typing import Any, Final

import msgspec
from msgspec.structs import replace
from sqlalchemy import Connection, Row, Select, Table, bindparam, delete, select, update

from kiosk.domain.identifiers import SERIES_LETTERS
from kiosk.messaging.contract.receive import parse_event
from kiosk.messaging.contract.received_event import ReceivedEvent
from kiosk.messaging.contract.seal import ZERO_HASH
from kiosk.sorting_center.ledger.acceptance import streams
from kiosk.sorting_center.ledger.acceptance.signatures import ChecksAhead, Signatures
from kiosk.sorting_center.ledger.acceptance.streams import Chain, Released
from kiosk.sorting_center.ledger.database import places, projection
from kiosk.sorting_center.ledger.database.alarms import IncidentRecorder
from kiosk.sorting_center.ledger.database.postgres import lock_stations
from kiosk.sorting_center.ledger.database.rows import (
    Keys,
    as_parameter,
    insert_autonumbered,
    insert_missing,
    upsert_rows,
)
from kiosk.sorting_center.ledger.database.schema import (
    archived,
    event_by_month,
    quarantine,
    same_stream,
    stream,
    unnumbered,
)
from kiosk.sorting_center.ledger.database.schema import event as event_table
from kiosk.sorting_center.ledger.shared.records import BROKEN_CHAIN, FAR_AHEAD, FORK, SECOND_REGION, TOO_MANY_EPOCHS
from kiosk.sorting_center.shared.alarm_texts import format_detail

# How far above `upto` an event may be held. A busy station writes some 700 a day and has at most 3,200 on their way (32
# batches): no center that runs is further behind. One that is, because of a backup of months ago, is sent everything
# from `upto` on, and then takes the event like any other.
MAX_AHEAD: Final = 50_000

# Of one station: each epoch uses a receipt letter of its own, and no station continues after the last letter.
MAX_EPOCHS: Final = len(SERIES_LETTERS)

MAX_HELD_EVENTS: Final = 2_000
# Of the bodies. What one commit releases is in memory until its end, and all other messages wait for it: a quarter of a
# second of work, and of waiting for a slow disk.
MAX_HELD_BYTES: Final = 2 * 1024 * 1024

_HELD_CHUNK_ROWS: Final = 32
_HELD_COLUMNS: Final = [event_table.c[name] for name in ("body", "sha256", "prevhash", "problem", "received_at")]

_ESCAPED_NUL: Final = rb"\u0000"  # U+0000 as canonical JSON writes it


class Acceptance:
    """Takes the events of one delivery in; ``received_at`` is RFC 3339 in UTC, the center's clock.

    Whether it may be committed says ``signatures``.
    """

    def __init__(self, connection: Connection, received_at: str, ahead: ChecksAhead) -> None:
        self._connection = connection
        self.signatures = Signatures(connection, received_at, ahead)
        self._received_at = received_at
        self._dialect = connection.dialect.name
        # What is released then gets its place in the feed here; else a `numberer` gives it.
        self._is_single_writer = self._dialect == "sqlite"
        # How much of what was held above gaps this commit may still release; the next ones release the rest.
        self._held_events_left, self._held_bytes_left = MAX_HELD_EVENTS, MAX_HELD_BYTES
        self._feedseq = places.last_feedseq(connection) if self._is_single_writer else 0
        self._quarantined_stations: set[tuple[str, str]] = set()  # Region and station of what was put into quarantine

    def accept(self, groups: Mapping[streams.StreamKey, Sequence[ReceivedEvent]]) -> list[Chain]:
        """Take in events, return the chains as they are now; nothing is stored of a stream one epoch too many.

        A known stream without events is one that an earlier commit released in part: it is continued.
        """
        chains = self._load_chains(groups)
        self.signatures.load_keys(chain.station for chain in chains)
        # The hashes of the numbers that may have come before.
        known: dict[streams.StreamKey, dict[int, str]] = {chain.key: {} for chain in chains}
        items = [(chain, item.seq) for chain in chains for item in chain.events if item.seq <= chain.highest_stored]
        self._add_hashes(event_table, ((*chain.key, seq) for chain, seq in items), known)
        # Events below ``upto`` that are no longer in the table.
        missing = ((*chain.key, seq) for chain, seq in items if seq <= chain.upto and seq not in known[chain.key])
        self._add_hashes(archived, missing, known)
        for chain in chains:
            self._set_forks_apart(chain, known[chain.key])
            self._advance(chain)
        self._store(chains)
        self.signatures.write()
        if self._is_single_writer:
            self._project(chains)
        else:
            self._enqueue_for_numbering(chains)
        self._write_streams(chains)
        for region, station in self._quarantined_stations:
            self._recorder(region).trim(station)
        return chains

    def _load_chains(self, groups: Mapping[streams.StreamKey, Sequence[ReceivedEvent]]) -> list[Chain]:
        stations = as_parameter((name,) for name in sorted({key[0] for key in groups}))
        known = self._load_streams(_streams_query(self._dialect), stations)
        if not self._is_single_writer and not known.keys() >= groups.keys():
            lock_stations(self._connection, (station for station, _, _ in groups.keys() - known.keys()))
            known = self._load_streams(_streams_query(self._dialect), stations)
        epochs = Counter((station, region) for station, _, region in known)
        within = []
        for key in groups:
            station, _, region = key
            if key not in known:
                if epochs[station, region] >= MAX_EPOCHS:
                    detail = format_detail("too_many_epochs", n=MAX_EPOCHS)
                    self._recorder(region).raise_alarm(TOO_MANY_EPOCHS, (station, "", 0), detail)
                    continue
                epochs[station, region] += 1
            within.append(key)
        if not self._is_single_writer:
            # No other process works on these streams until this transaction ends. All processes lock them in the same
            # order, so that no two wait for each other.
            at, ordered = self._received_at, sorted(within)
            new = [(*key, 0, ZERO_HASH, 0, None, at, at) for key in ordered if key not in known]
            insert_missing(self._connection, stream, new)
            known = self._load_streams(_lock_streams_query(self._dialect), as_parameter(ordered))
        with_quarantine = {tuple(row) for row in self._connection.execute(_quarantined_query(self._dialect), stations)}
        return [self._chain(key, known.get(key), groups[key], key in with_quarantine) for key in within]

    def _load_streams(self, query: Select[Any], keys: dict[str, str]) -> dict[streams.StreamKey, Row[Any]]:
        return {(row.station, row.epoch, row.region): row for row in self._connection.execute(query, keys)}

    def _chain(
        self, key: streams.StreamKey, row: Row[Any] | None, events: Sequence[ReceivedEvent], has_quarantined: bool
    ) -> Chain:
        if row is None:
            chain = Chain(*key, 0, ZERO_HASH, 0, None, events)
        else:
            chain = Chain(*key, row.upto, row.head, row.max_seen, row.gap_since, events, row.max_seen)
        chain.has_quarantined = has_quarantined
        chain.last_received_at = self._received_at if events or row is None else row.last_received_at
        if events:
            self._reject_out_of_range(chain)
        return chain

    def _reject_out_of_range(self, chain: Chain) -> None:
        """Quarantine events with an absurd number: one would leave a gap that no station can ever fill."""
        if any(item.region not in ("", chain.region) for item in chain.events):
            detail = format_detail("names_another_region")
            self._recorder(chain.region).raise_alarm(SECOND_REGION, (chain.station, "", 0), detail)
        if any(_ESCAPED_NUL in item.body for item in chain.events):
            chain.events = [replace_nul(item) for item in chain.events]
        seqs = [item.seq for item in chain.events]
        limit = chain.upto + len(seqs) + MAX_AHEAD
        if max(seqs) > limit:
            for item in chain.events:
                if item.seq > limit:
                    self._quarantine(chain, item, FAR_AHEAD)
            chain.events = [item for item in chain.events if item.seq <= limit]
            seqs = [item.seq for item in chain.events]
        chain.max_seen = max([chain.max_seen, *seqs])

    def _add_hashes(
        self,
        table: Table,
        keys: Iterable[tuple[str, str, str, int]],
        hashes: dict[streams.StreamKey, dict[int, str]],
    ) -> None:
        if unique := dict.fromkeys(keys):
            rows = self._connection.execute(_hashes_query(self._dialect, table), as_parameter(unique))
            for station, epoch, region, seq, sha256 in rows:
                hashes[station, epoch, region][seq] = sha256

    def _set_forks_apart(self, chain: Chain, known: dict[int, str]) -> None:
        """Drop repeated events; quarantine as a fork a second event under a known number, with another hash."""
        for item in chain.events:
            have = known.get(item.seq)
            if have is None:
                known[item.seq], chain.fresh[item.seq] = item.sha256, item
            elif have != item.sha256:
                self._quarantine(chain, item, FORK, format_detail("came_twice", seq=item.seq))
                self.signatures.note_fork(chain, item)

    def _advance(self, chain: Chain) -> None:
        """Release events above ``upto`` while the chain holds and the budget lasts; evict the event that breaks it."""
        held = self._iter_held(chain)
        while True:
            seq, held_since = chain.upto + 1, None
            item = chain.fresh.get(seq)
            if item is None:
                item, held_since = next(held, (None, None))
            if item is None or item.seq != seq:
                return
            # An event whose envelope was too bad to name its ``prevhash`` is linked by its successor alone.
            if item.prevhash != chain.head and (item.prevhash or item.problem is None):
                self._quarantine(chain, item, BROKEN_CHAIN, format_detail("breaks_the_chain", seq=seq))
                if held_since is None:
                    del chain.fresh[seq]
                else:
                    self._connection.execute(
                        delete(event_table).where(same_stream(event_table, chain), event_table.c.seq == seq)
                    )
                return
            if held_since is not None:
                self._held_events_left -= 1
                self._held_bytes_left -= len(item.body)
            problem = self.signatures.problem_of(chain, item)
            if problem != item.problem:
                item = replace(item, problem=problem)
                if held_since is None:
                    chain.fresh[seq] = item
                else:
                    self._set_apart_held(chain, item, held_since)
            feedseq = None
            if self._is_single_writer and item.problem is None:
                self._feedseq += 1
                feedseq = self._feedseq
            chain.upto, chain.head = seq, item.sha256
            chain.released.append(Released(item, feedseq, held_since))

    def _set_apart_held(self, chain: Chain, item: ReceivedEvent, held_since: str) -> None:
        table = event_table if self._is_single_writer else event_by_month
        here = same_stream(table, chain) & (table.c.seq == item.seq) & (table.c.received_at == held_since)
        self._connection.execute(update(table).where(here).values(problem=item.problem))
        self._quarantine(chain, item, str(item.problem))

    def _iter_held(self, chain: Chain) -> Iterator[tuple[ReceivedEvent, str]]:
        """Yield stored events above ``upto`` and when they came, ascending, read in small steps as needed, until the
        budget of the commit is spent.
        """
        after, chunk = chain.upto, 1  # mostly there is a gap below the first one
        while after < chain.highest_stored:
            rows = self._connection.execute(
                select(*_HELD_COLUMNS)
                .where(same_stream(event_table, chain), event_table.c.seq > after)
                .order_by(event_table.c.seq)
                .limit(chunk)
            ).all()
            if not rows:
                return
            chunk = _HELD_CHUNK_ROWS
            for row in rows:
                if self._held_events_left <= 0 or self._held_bytes_left <= 0:
                    chain.has_more = True
                    return
                # The body of an oversized event gives neither hash nor problem.
                stored_fields = {"sha256": row.sha256, "prevhash": row.prevhash, "problem": row.problem}
                item = replace(parse_event(bytes(row.body)), **stored_fields)
                after = item.seq
                yield item, row.received_at

    def _quarantine(self, chain: Chain, item: ReceivedEvent, reason: str, alarm: str = "") -> None:
        """Quarantine the event. ``alarm``: the detail of an alarm to raise, too."""
        recorder = self._recorder(chain.region)
        recorder.record_quarantined(item, reason)
        if alarm:
            recorder.raise_alarm(reason, (item.station, item.epoch, item.seq), alarm)
        chain.has_quarantined = True
        self._quarantined_stations.add((chain.region, chain.station))

    def _store(self, chains: Sequence[Chain]) -> None:
        rows: list[tuple[object, ...]] = []  # In the order of the table's columns
        for chain in chains:
            feedseqs = {item.event.seq: item.feedseq for item in chain.released}
            for seq, item in chain.fresh.items():
                key = (chain.station, chain.epoch, seq, chain.region)
                content = (item.sha256, item.prevhash, item.type, item.problem, item.body)
                rows.append((*key, *content, self._received_at, feedseqs.get(seq)))
        places.insert_events(self._connection, rows)
        for chain in chains:
            filled = [
                {"key": event.seq, "place": feedseq}
                for event, feedseq, held_since in chain.released
                if held_since and feedseq
            ]
            if filled:
                self._connection.execute(
                    update(event_table)
                    .where(same_stream(event_table, chain), event_table.c.seq == bindparam("key"))
                    .values(feedseq=bindparam("place")),
                    filled,
                )
            if chain.has_quarantined:
                self._release_from_quarantine(chain)
            for item in chain.fresh.values():
                if item.problem is not None:
                    self._quarantine(chain, item, item.problem)

    def _release_from_quarantine(self, chain: Chain) -> None:
        """Delete released events from quarantine: a clone's event had their place, or they came too early."""
        if not chain.released:
            return
        first, last = chain.released[0].event.seq, chain.released[-1].event.seq
        rows = self._connection.execute(
            select(quarantine.c.id, quarantine.c.sha256).where(
                same_stream(quarantine, chain),
                quarantine.c.seq.between(first, last),
                quarantine.c.reason.in_((FORK, BROKEN_CHAIN, FAR_AHEAD)),
            )
        ).all()
        hashes = {item.event.sha256 for item in chain.released if item.event.problem is None}
        for row in rows:
            if row.sha256 in hashes:
                self._connection.execute(delete(quarantine).where(quarantine.c.id == row.id))

    def _project(self, chains: Sequence[Chain]) -> None:
        events = []
        for chain in chains:
            for event, feedseq, held_since in chain.released:
                if feedseq and event.type in projection.TYPES:
                    received_at = held_since or self._received_at
                    events.append(
                        projection.ReleasedEvent(feedseq, *chain.key, event.seq, event.type, received_at, event.body)
                    )
        projection.project(self._connection, events)

    def _enqueue_for_numbering(self, chains: Sequence[Chain]) -> None:
        ranges = []
        for chain in chains:
            for is_believed, run in groupby(chain.released, lambda one: one.event.problem is None):
                if is_believed:
                    items = list(run)
                    since = min(one.held_since or self._received_at for one in items)
                    ranges.append((*chain.key, items[0].event.seq, items[-1].event.seq, since))
        insert_autonumbered(self._connection, unnumbered, ranges)

    def _write_streams(self, chains: Sequence[Chain]) -> None:
        """Write the rows of the streams; an existing row keeps its ``first_received_at``."""
        at = self._received_at
        rows = []
        for chain in sorted(chains, key=lambda one: one.key):
            gap_since = (chain.gap_since or at) if chain.upto < chain.max_seen else None
            rows.append((*chain.key, chain.upto, chain.head, chain.max_seen, gap_since, at, chain.last_received_at))
        upsert_rows(self._connection, stream, rows, unchanged="first_received_at")

    def _recorder(self, region: str) -> IncidentRecorder:
        return IncidentRecorder(self._connection, region, self._received_at)


@cache
def _streams_query(dialect: str) -> Select[Any]:
    keys = Keys(dialect)
    return select(stream).select_from(keys.table).join(stream, stream.c.station == keys.text(0))


@cache
def _lock_streams_query(dialect: str) -> Select[Any]:
    keys, c = Keys(dialect), stream.c
    same = (c.station == keys.text(0)) & (c.epoch == keys.text(1)) & (c.region == keys.text(2))
    query = select(stream).select_from(keys.table).join(stream, same)
    return query.order_by(c.station, c.epoch, c.region).with_for_update(of=stream)


@cache
def _quarantined_query(dialect: str) -> Select[Any]:
    keys = Keys(dialect)
    of_stream = (quarantine.c.station, quarantine.c.epoch, quarantine.c.region)
    return select(*of_stream).distinct().select_from(keys.table).join(quarantine, of_stream[0] == keys.text(0))


@cache
def _hashes_query(dialect: str, table: Table) -> Select[Any]:
    keys, c = Keys(dialect), table.c
    same = (c.station == keys.text(0)) & (c.epoch == keys.text(1)) & (c.region == keys.text(2))
    stored = select(c.station, c.epoch, c.region, c.seq, c.sha256)
    return stored.select_from(keys.table).join(table, same & (c.seq == keys.number(3)))


def replace_nul(item: ReceivedEvent) -> ReceivedEvent:
    """Replace U+0000 in texts for columns: PostgreSQL stores none. The body and its hash still have it."""
    data = msgspec.json.decode(item.data)
    fields = data.values() if isinstance(data, dict) else ()
    texts = (item.type, *(value for value in fields if isinstance(value, str)))
    if not any("\0" in text for text in texts):
        return item
    return replace(item, type=item.type.replace("\0", "\N{REPLACEMENT CHARACTER}"), problem=item.problem or "bad_data")
