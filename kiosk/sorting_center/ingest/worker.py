"""The worker: collects messages, commits them together, then acknowledges."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

from msgspec.structs import replace

from kiosk.domain.backoff import Backoff
from kiosk.messaging.contract.control import encode
from kiosk.messaging.contract.receive import MAX_BATCH_EVENTS
from kiosk.messaging.contract.topics import Topics
from kiosk.sorting_center.ingest.message_parsing import (
    HelloQuery,
    ParsedMessage,
    merge_deliveries,
    parse_message,
    refuse_unparsed,
)
from kiosk.sorting_center.ledger import Delivery, Ledger, LedgerDamaged, LedgerError, LedgerUnwritable
from kiosk.sorting_center.ledger import StreamState as State
from kiosk.sorting_center.ledger.acceptance.streams import StreamKey
from kiosk.sorting_center.shared.health import CenterHealth
from kiosk.sorting_center.shared.ports import Inbound, Mailbox

log = logging.getLogger(__name__)

MAX_COMMIT_EVENTS: Final = 1000
# Of the bodies of a commit's events, and one message more: thousands of ordinary events.
MAX_COMMIT_BYTES: Final = 2 * 1024 * 1024
COLLECT_S: Final = 0.020  # How long a commit waits for company: one flush to disk then serves all of it

# A commit begins after so long, however little has been read: whoever comes now waits for all of it.
MAX_READ_S: Final = 0.3

_IDLE_S: Final = 0.5
_RETRY_FIRST_S: Final = 0.5
_RETRY_MAX_S: Final = 5.0  # While the ledger cannot be written: it works again within seconds of the fault's end
# Before a batch that failed is delivered again: a fault that stays fills the log by a line a second, no more.
_UNFORESEEN_S: Final = 1.0

# The third time a message cannot be stored, for an unexpected error, it is set aside and the others go on.
MAX_DELIVERIES: Final = 3
# Between two looks for streams that were released in part: by a process that has ended, or one beside this.
_UNFINISHED_POLL_S: Final = 60.0
_MAX_REMEMBERED: Final = 1000  # Messages that failed: as many as a broker has on its way to us

_Result = TypeVar("_Result")

_UNFORESEEN: Final = "Unexpected error while storing messages (see the log); the broker is asked to deliver them again."


@dataclass(frozen=True, slots=True)
class _PendingMessage:
    """A message that is in hand for the ``deliveries``-th time after its first, as far as that is counted."""

    message: Inbound
    digest: str = ""
    deliveries: int = 0

    @property
    def needs_own_commit(self) -> bool:
        """To be committed without others: the next end of the process would count against them, too."""
        return self.deliveries == MAX_DELIVERIES - 1

    def parse(self) -> ParsedMessage:
        """What it means; of one that this program has ended with too often, nothing but that."""
        reading = refuse_unparsed(self.message) if self.deliveries >= MAX_DELIVERIES else parse_message(self.message)
        if not self.deliveries:
            return reading
        return replace(reading, delivery=replace(reading.delivery, counted=[self.digest]))


def _digest(message: Inbound) -> bytes:
    return hashlib.sha256(message.topic.encode() + b"\0" + message.payload).digest()


class _Stopped(Exception):
    """Asked to end while the ledger could not be written: nothing was acknowledged."""


class IngestWorker:
    """One thread, one commit at a time. ``committed`` is called after every commit that took events in."""

    def __init__(
        self,
        mailbox: Mailbox,
        ledger: Ledger,
        health: CenterHealth,
        clock: Callable[[], str],
        committed: Callable[[], None] = lambda: None,
    ) -> None:
        self._mailbox = mailbox
        self._ledger = ledger
        self._health = health
        self._clock = clock
        self._committed = committed
        # How often each message could not be stored, by its digest; the newest only.
        self._failed: OrderedDict[bytes, int] = OrderedDict()
        # Digests of messages that were in hand each time this program ended, and were set aside: they are set aside
        # when their station sends them again, too. After the next start they are tried again.
        self._crash_digests: set[str] = set()
        self._postponed: _PendingMessage | None = None  # For the next step
        # Streams that were released in part, by station; the first has the next turn.
        self._unfinished: dict[str, dict[StreamKey, None]] = {}
        self._next_unfinished_poll = 0.0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ingest worker", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Finish the batch in hand and end."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    @property
    def is_alive(self) -> bool:
        """Whether the thread runs; it does until `stop`."""
        return self._thread.is_alive()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.step(_IDLE_S)
            except _Stopped:
                return
            except Exception:
                log.exception("A batch failed in an unforeseen way; it was not acknowledged and will come again.")
                self._health.set_fault("worker", _UNFORESEEN)
                self._mailbox.request_redelivery()
                self._stopping.wait(_UNFORESEEN_S)

    def step(self, timeout_s: float) -> int:
        """Take one batch through, then go on with one stream that was released in part.

        The number of messages that came to their end.
        """
        self._load_unfinished()
        readings = self._collect(0 if self._unfinished else timeout_s)
        done = self._ingest(readings) if readings else 0
        self._continue_unfinished()
        return done

    def _ingest(self, readings: Sequence[ParsedMessage]) -> int:
        states, ends = self._settle(readings)
        # Acknowledged in the order in which they came (MQTT 5, 4.6): what is stored behind a failed one comes again.
        first_failed = ends.index(None) if None in ends else len(ends)
        done = [end for end in ends[:first_failed] if end is not None]
        if held_back := sum(state.held_back for state in states):
            self._health.count(dropped=held_back)
        if done:
            self._mailbox.acknowledge([end.message for end in done])
        self._answer(states, [question for end in done for question in end.queries])
        self._tally(done)
        self._health.set_fault("worker", "" if len(done) == len(ends) else _UNFORESEEN)
        if len(done) < len(ends):
            self._mailbox.request_redelivery()
        return len(done)

    def _collect(self, timeout_s: float) -> list[ParsedMessage]:
        pending = self._next(timeout_s)
        readings: list[ParsedMessage] = []
        events, size_bytes, started = 0, 0, time.monotonic()
        while pending is not None:
            if pending.needs_own_commit and readings:
                self._postponed = pending
                break
            readings.append(pending.parse())
            events += len(readings[-1].delivery.events)
            size_bytes += sum(len(item.body) for _, item in readings[-1].delivery.events)
            spent_s = time.monotonic() - started
            is_full = events + MAX_BATCH_EVENTS > MAX_COMMIT_EVENTS or size_bytes >= MAX_COMMIT_BYTES
            if pending.needs_own_commit or is_full or spent_s > MAX_READ_S:
                break
            pending = self._next(COLLECT_S - spent_s)
        return readings

    def _next(self, timeout_s: float) -> _PendingMessage | None:
        if self._postponed is not None:
            pending, self._postponed = self._postponed, None
            return pending
        message = self._mailbox.take(timeout_s)
        return None if message is None else self._with_delivery_count(message)

    def _with_delivery_count(self, message: Inbound) -> _PendingMessage:
        """Only what comes again is counted: other messages cost nothing."""
        if not message.redelivered and not self._crash_digests:
            return _PendingMessage(message)
        digest = _digest(message).hex()
        if digest in self._crash_digests:
            return _PendingMessage(message, digest, MAX_DELIVERIES)
        if not message.redelivered:
            return _PendingMessage(message)
        times = self._retry_until_writable(partial(self._ledger.count_delivery, digest))
        if times >= MAX_DELIVERIES:
            log.error("A message on %r was in hand each of %d times that this program ended.", message.topic, times)
            if len(self._crash_digests) < _MAX_REMEMBERED:
                self._crash_digests.add(digest)
        return _PendingMessage(message, digest, times)

    def _settle(self, readings: Sequence[ParsedMessage]) -> tuple[list[State], list[ParsedMessage | None]]:
        """Commit; when a message cannot be stored, find it and commit the others.

        Also how each message came to its end: as it was read, as a refusal, or not at all (None).
        """
        try:
            return self._store(merge_deliveries(readings)), [*readings]
        except _Stopped:
            raise
        except Exception:
            if len(readings) == 1:
                return [], [self._refuse_failed(readings[0].message)]
            log.exception("Unexpected error while storing a batch; each of its messages is tried alone.")
        states: list[State] = []
        ends: list[ParsedMessage | None] = []
        for reading in readings:
            more, end = self._settle([reading])
            states += more
            ends += end
        return states, ends

    def _refuse_failed(self, message: Inbound) -> ParsedMessage | None:
        """Keep a message that has failed often enough among the refused; None: let the broker deliver it again.

        Its events are not acknowledged to the station, which has them still.
        """
        digest = _digest(message)
        failures = self._failed.pop(digest, 0) + 1
        log.exception("A message on %r cannot be stored; delivery %d of %d.", message.topic, failures, MAX_DELIVERIES)
        if failures < MAX_DELIVERIES:
            self._failed[digest] = failures
            if len(self._failed) > _MAX_REMEMBERED:
                self._failed.popitem(last=False)
            return None
        apart = refuse_unparsed(message)
        self._store(apart.delivery)
        return apart

    def _store(self, delivery: Delivery) -> list[State]:
        return self._timed_commit(lambda: self._ledger.commit(delivery, self._clock()))

    def _timed_commit(self, commit: Callable[[], _Result]) -> _Result:
        def timed() -> _Result:
            started = time.monotonic()
            result = commit()
            self._health.add_commit(time.monotonic() - started)
            return result

        return self._retry_until_writable(timed)

    def _retry_until_writable(self, call: Callable[[], _Result]) -> _Result:
        """Ask the ledger, again for as long as it cannot be written."""
        pauses = Backoff(_RETRY_FIRST_S, _RETRY_MAX_S)
        while True:
            try:
                result = call()
            except (LedgerUnwritable, LedgerDamaged) as error:
                if self._health.set_fault("ledger", str(error)):
                    log.error("%s. Nothing is acknowledged until it works again.", error)
                if self._stopping.wait(pauses.next()):
                    raise _Stopped from error
            else:
                if self._health.set_fault("ledger"):
                    log.info("The ledger can be written again.")
                return result

    def _load_unfinished(self) -> None:
        now = time.monotonic()
        if now < self._next_unfinished_poll:
            return
        self._next_unfinished_poll = now + _UNFINISHED_POLL_S
        try:
            self._add_unfinished(self._ledger.unfinished())
        except LedgerError as error:
            log.warning("What was released in part is looked for again in a minute: %s", error)

    def _add_unfinished(self, keys: Iterable[StreamKey]) -> None:
        for key in keys:
            self._unfinished.setdefault(key[0], {})[key] = None

    def _continue_unfinished(self) -> None:
        """With the stream whose turn it is. One that fails is found again by the next look."""
        if not self._unfinished:
            return
        station = next(iter(self._unfinished))
        (key, *others) = self._unfinished.pop(station)
        self._add_unfinished(others)
        try:
            state = self._timed_commit(lambda: self._ledger.release_held(key, self._clock()))
        except _Stopped:
            raise
        except Exception:
            log.exception("Unexpected error while releasing the held events of %s.", station)
            return
        self._answer([state], ())
        self._committed()

    def _answer(self, states: Iterable[State], queries: Iterable[HelloQuery]) -> None:
        """An answer that fails is that station's alone: it asks again."""
        states = list(states)
        self._add_unfinished((one.station, one.epoch, one.region) for one in states if one.has_more)
        answers = {(state.region, state.station, state.epoch, 0): state for state in states}
        for question in queries:
            key = (question.region, question.station, question.epoch, question.at)
            if key not in answers:
                try:
                    answers[key] = self._ledger.stream(question.station, question.epoch, question.region, question.at)
                except LedgerError as error:
                    log.warning("%s says hello, but: %s", question.station, error)
        for state in answers.values():
            try:
                self._mailbox.send(Topics(state.region, state.station).ack, encode(state.ack))
            except Exception:
                log.exception("%s cannot be told how far the ledger is.", state.station)

    def _tally(self, readings: Sequence[ParsedMessage]) -> None:
        events = sum(len(reading.delivery.events) for reading in readings)
        refused = sum(len(reading.delivery.refusals) for reading in readings)
        self._health.count(messages=len(readings), events=events, refused=refused)
        if refused:
            log.warning("%d messages could not be attributed to any event and were refused.", refused)
        if events:
            self._committed()
