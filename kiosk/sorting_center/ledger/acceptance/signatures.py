"""Check that the events released by a commit are signed by their stations.

They are checked in the order of their chains, so that each is checked with the keys that its station made before it. A
signature proves more than the station's connection does only where the key is known: events of a station without a
known key are accepted as they are. An unsigned event, or one signed with a key that is no longer trusted, counts and is
recorded; a wrongly signed one is set apart. The arithmetic starts before all other work of a commit, and its result is
known before the commit ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, delete, select

from kiosk.domain.events import EventsCovered, KeyMade
from kiosk.messaging.contract.event_signature import parse_signature
from kiosk.messaging.contract.received_event import ReceivedEvent
from kiosk.sorting_center.ledger.acceptance import streams
from kiosk.sorting_center.ledger.acceptance.streams import Chain
from kiosk.sorting_center.ledger.database import station_keys
from kiosk.sorting_center.ledger.database.rows import upsert_rows
from kiosk.sorting_center.ledger.database.schema import unsigned
from kiosk.sorting_center.ledger.database.station_keys import StationKeyRow
from kiosk.sorting_center.ledger.shared.records import BAD_SIGNATURE
from kiosk.sorting_center.shared.signature_checks import BeginChecks, check_inline, pack_check, verdicts
from kiosk.sorting_center.shared.stored_events import decode_data

_BEGIN_CHECKS: Final = 32  # So many at a time: 2 ms for another process
_MAX_SEEN: Final = 20_000  # Stations whose keys are in memory: more than there are in a province


class BadSignatures(Exception):
    """The commit has to be done again, with these events set apart; ``hashes`` are theirs."""

    def __init__(self, hashes: frozenset[str]) -> None:
        super().__init__(f"{len(hashes)} events are signed wrongly")
        self.hashes = hashes


class _UnsignedRow(NamedTuple):
    """A row of ``unsigned``, in the order of its columns."""

    station: str
    epoch: str
    region: str
    first: int
    last: int
    events: int
    since: str


StationKeys = dict[tuple[str, str], list[StationKeyRow]]  # By region and station


class ChecksAhead:
    """The checks that one attempt at a commit will need, if the keys are still those seen before.

    They start while messages are read and before the ledger has returned the valid keys; only those decide.
    ``refuted``: hashes of events whose signatures an earlier attempt found wrong.
    """

    def __init__(
        self,
        begin_checks: BeginChecks = check_inline,
        seen: StationKeys | None = None,
        refuted: frozenset[str] = frozenset(),
    ) -> None:
        """Take in ``seen`` the keys that earlier commits used; those of this one are added."""
        self._begin_checks, self._seen, self.refuted = begin_checks, {} if seen is None else seen, refuted
        # By the hash of an event its signature, the keys, and what was made of them: it is called twice for each.
        self._made: dict[str, tuple[str, Sequence[StationKeyRow], list[bytes]]] = {}
        self._waiting: list[bytes] = []
        self._started: list[tuple[list[bytes], Callable[[], bytes]]] = []
        self._found: dict[bytes, int] = {}

    def add(self, region: str, item: ReceivedEvent) -> None:
        """Begin to check the event's signature, together with those of others. Repeated calls change nothing."""
        if item.signature and item.sha256 not in self._made:
            self._waiting += self.checks_of(item, self._seen.get((region, item.station), ()))
            if len(self._waiting) >= _BEGIN_CHECKS:
                self.begin()

    def begin(self) -> None:
        """Start the checks that were added and are not started yet."""
        if self._waiting:
            self._started.append((self._waiting, self._begin_checks(self._waiting)))
            self._waiting = []

    def checks_of(self, item: ReceivedEvent, keys: Sequence[StationKeyRow]) -> list[bytes]:
        """Return one check for each key that the signature may be of."""
        before = self._made.get(item.sha256)
        if before is not None and before[:2] == (item.signature, keys):
            return before[2]
        signed = parse_signature(item.signature)
        checks = []
        if signed is not None:
            fitting = (row for row in keys if row.key_id == signed.key_id)
            checks = [pack_check(row.public, item.sha256, signed.signature) for row in fitting]
        self._made[item.sha256] = item.signature, list(keys), checks
        return checks

    def verdicts(self, checks: Sequence[bytes], keys: StationKeys) -> bytes:
        """Return a verdict for each check, made with ``keys``; start the checks that are missing."""
        missing = set(checks).difference(*(started for started, _ in self._started), self._found)
        self._waiting = list(missing)
        self.begin()
        for started, verdict in reversed(self._started):
            self._found.update(zip(started, verdict(), strict=True))
        self._started.clear()
        if len(self._seen) > _MAX_SEEN:
            self._seen.clear()
        self._seen.update(keys)
        return bytes(self._found[check] for check in checks)


class Signatures:
    """Of one commit."""

    def __init__(self, connection: Connection, received_at: str, ahead: ChecksAhead) -> None:
        self._connection, self._received_at, self._ahead = connection, received_at, ahead
        self._keys: StationKeys = {}
        self._made: list[StationKeyRow] = []
        self._cloned: list[StationKeyRow] = []
        self._checks: list[bytes] = []
        self._checked: list[str] = []  # For each check the hash of its event, of which one has to fit
        self._unsigned: dict[streams.StreamKey, _UnsignedRow | None] = {}

    def load_keys(self, stations: Iterable[str]) -> None:
        """Load the keys after the streams are locked: no other process takes in a key of these epochs then."""
        self._keys = station_keys.load(self._connection, stations)

    def problem_of(self, chain: Chain, item: ReceivedEvent) -> str | None:
        """Return the problem of the next event in its chain: its own, or BAD_SIGNATURE. Call it once per event."""
        known = self._keys.get((chain.region, chain.station), [])
        made = self._key_of(chain, item)
        if made is None and not known:
            return item.problem
        if not item.signature and made is None:
            if item.problem is None:
                self._note_unsigned(chain, item.seq)
            return item.problem
        candidates = known if made is None else [made]
        checks = self._ahead.checks_of(item, candidates)
        if not checks or item.sha256 in self._ahead.refuted:
            return BAD_SIGNATURE
        self._checks += checks
        self._checked += [item.sha256] * len(checks)
        if made is not None:
            self._add_key(chain, made, known)
        elif item.problem is None:
            believed = [row for row in known if not row.state]
            if len(believed) < len(known) and not self._ahead.checks_of(item, believed):
                self._note_unsigned(chain, item.seq)
            elif item.type == EventsCovered.TYPE:
                self._cover(chain, decode_data(EventsCovered, item.data))
        return item.problem

    def note_fork(self, chain: Chain, item: ReceivedEvent) -> None:
        """Mark as cloned the keys that verify the second of two events with one number: two machines have them."""
        keys = self._keys.get((chain.region, chain.station), [])
        for place, row in enumerate(keys):
            if not row.state and any(verdicts(b"".join(self._ahead.checks_of(item, [row])))):
                keys[place] = row._replace(state=station_keys.CLONED)
                self._cloned.append(row)

    def write(self) -> None:
        """Store what was found beside the events: new and cloned keys, unsigned events."""
        station_keys.register(self._connection, self._made)
        for row in self._cloned:
            station_keys.mark_cloned(self._connection, row)
        for key, events in self._unsigned.items():
            if events is None:
                self._connection.execute(delete(unsigned).where(_is_stream(key)))
        upsert_rows(self._connection, unsigned, [row for row in self._unsigned.values() if row is not None])

    def require_good(self) -> None:
        """Wait for the verdicts. Raises BadSignatures."""
        verdict = self._ahead.verdicts(self._checks, self._keys)
        fitting = {sha256 for sha256, fits in zip(self._checked, verdict, strict=True) if fits}
        if bad := frozenset(self._checked) - fitting:
            raise BadSignatures(bad)

    def _key_of(self, chain: Chain, item: ReceivedEvent) -> StationKeyRow | None:
        if item.type != KeyMade.TYPE or item.problem is not None:
            return None
        public = decode_data(KeyMade, item.data).public
        return StationKeyRow(chain.region, chain.station, public, "", chain.epoch, item.seq, self._received_at)

    def _add_key(self, chain: Chain, made: StationKeyRow, known: list[StationKeyRow]) -> None:
        if any(row.state for row in known if row.public == made.public):
            self._note_unsigned(chain, made.made_seq)
            return
        if all(row.state or row.made_epoch != chain.epoch for row in known) and self._unsigned_of(chain):
            self._unsigned[chain.key] = None  # Through the chain the first key of an epoch signs what was before it
        if made.public not in (row.public for row in known) and len(known) < station_keys.MAX_KEYS:
            self._keys.setdefault((made.region, made.station), known).append(made)
            self._made.append(made)

    def _note_unsigned(self, chain: Chain, seq: int) -> None:
        before = self._unsigned_of(chain)
        if before is None:
            self._unsigned[chain.key] = _UnsignedRow(*chain.key, seq, seq, 1, self._received_at)
        else:
            self._unsigned[chain.key] = before._replace(last=seq, events=before.events + 1)

    def _unsigned_of(self, chain: Chain) -> _UnsignedRow | None:
        if chain.key not in self._unsigned:
            row = self._connection.execute(select(unsigned).where(_is_stream(chain.key))).one_or_none()
            self._unsigned[chain.key] = _UnsignedRow(*row) if row is not None else None
        return self._unsigned[chain.key]

    def _cover(self, chain: Chain, covered: EventsCovered) -> None:
        """Mark unsigned events as covered; nothing when the stated range or head does not fit the stored events."""
        row = self._unsigned_of(chain)
        if row is None or row.first < covered.first_seq or row.last > covered.last_seq:
            return
        here = (one.event.sha256 for one in chain.released if one.event.seq == covered.last_seq)
        if covered.head == (next(here, "") or streams.hash_at(self._connection, chain, covered.last_seq)):
            self._unsigned[chain.key] = None


def _is_stream(key: streams.StreamKey) -> ColumnElement[bool]:
    station, epoch, region = key
    return and_(unsigned.c.station == station, unsigned.c.epoch == epoch, unsigned.c.region == region)
