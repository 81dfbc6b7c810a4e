"""The worker: collects messages, commits them together, then acknowledges."""

from __future__ import annotations

import hashlib
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from msgspec.structs import replace

from kiosk.base.worker import Worker
from kiosk.domain.backoff import Backoff
from kiosk.messaging.contract.control import encode
from kiosk.messaging.contract.receive import MAX_BATCH_EVENTS
from kiosk.messaging.contract.received_event import ReceivedEvent
from kiosk.messaging.contract.topics import Topics
from kiosk.sorting_center.ingest.message_parsing import merge_deliveries, parse_message, refuse
from kiosk.sorting_center.ledger import Delivery, Ledger, LedgerDamaged, LedgerError, LedgerUnwritable
from kiosk.sorting_center.ledger import StreamState as State
from kiosk.sorting_center.ledger.acceptance.streams import StreamKey
from kiosk.sorting_center.ledger.shared.records import INTERNAL_ERROR
from kiosk.sorting_center.shared.health import CenterHealth
from kiosk.sorting_center.shared.ports import Inbound, Mailbox
from kiosk.sorting_center.shared.signature_checks import BeginChecks, check_inline

log = logging.getLogger(__name__)

MAX_COMMIT_EVENTS: Final = 1000
# Of the bodies of a commit's events, and one message more: thousands of ordinary events.
MAX_COMMIT_BYTES: Final = 2 * 1024 * 1024
COLLECT_S: Final = 0.020  # How long a commit waits for company: one flush to disk then serves all of it

# A commit begins after so long, however little has been read: what comes now waits for all of it.
MAX_READ_S: Final = 0.3

_IDLE_S: Final = 0.5
_RETRY_FIRST_S: Final = 0.5
_RETRY_MAX_S: Final = 5.0  # While the ledger cannot be written: it works again within seconds of the fault's end
_UNEXPECTED_RETRY_S: Final = 1.0  # Before a batch that failed is delivered again

# The third time a message cannot be stored, for an unexpected error, it is set aside and the others continue.
MAX_DELIVERIES: Final = 3
# Between two checks for streams that were released in part: by a process that has ended, or one beside this.
_UNFINISHED_POLL_S: Final = 60.0
_MAX_REMEMBERED: Final = 1000  # Messages that failed: as many as a broker has on its way to us

_Result = TypeVar("_Result")
_Message = tuple[Inbound, Delivery]  # And what it means

_UNEXPECTED: Final = "Unexpected error while storing messages (see the log); the broker is asked to deliver them again."


@dataclass(frozen=True, slots=True)
class _CountedMessage:
    """A message whose handling was started ``deliveries`` times before without an end, as far as that is counted."""

    message: Inbound
    digest: str = ""
    deliveries: int = 0


def _digest(message: Inbound) -> bytes:
    return hashlib.sha256(message.topic.encode() + b"\0" + message.payload).digest()


class _Stopped(Exception):
    """Stopped while the ledger could not be written: nothing was acknowledged."""


class IngestWorker:
    """One thread, one commit at a time. ``committed`` is called after every commit that took events in;
    ``begin_checks`` checks their signatures.
    """

    def __init__(
        self,
        mailbox: Mailbox,
        ledger: Ledger,
        health: CenterHealth,
        clock: Callable[[], str],
        committed: Callable[[], None] = lambda: None,
        begin_checks: BeginChecks = check_inline,
    ) -> None:
        self._mailbox = mailbox
        self._ledger = ledger
        self._health = health
        self._clock = clock
        self._committed = committed
        self._begin_checks = begin_checks
        # How often each message could not be stored, by its digest; the newest only.
        self._failed: OrderedDict[bytes, int] = OrderedDict()
        # Digests of messages that were being handled each time this program ended, and were set aside: they are set
        # aside when their station sends them again, too. After the next start they are tried again.
        self._crash_digests: set[str] = set()
        self._postponed: _CountedMessage | None = None  # For the next step
        # Streams that were released in part, by station; the first has the next turn.
        self._unfinished: dict[str, dict[StreamKey, None]] = {}
        self._next_unfinished_poll = 0.0
        # Called with every delivery that came to its end; it must not wait, nor raise anything.
        self.on_delivery: Callable[[Delivery], None] = lambda _: None
        self.thread = Worker("ingest worker", self._run_step, retry_s=_UNEXPECTED_RETRY_S)

    def _run_step(self) -> float:
        try:
            self.step(_IDLE_S)
        except _Stopped:
            pass
        except Exception:
            self._health.set_fault("worker", _UNEXPECTED)
            self._mailbox.request_redelivery()
            raise
        return 0.0

    def step(self, timeout_s: float) -> int:
        """Process one batch, then continue one partly released stream; return the number of finished messages."""
        self._find_unfinished()
        batch = self._collect(0 if self._unfinished else timeout_s)
        done: list[_Message] = []
        if batch:
            states, ends = self._settle(batch)
            for (message, _), end in zip(batch, ends, strict=True):
                if end is None:
                    break  # acknowledged in the order in which they came (MQTT 5, 4.6): what is behind comes again
                done.append((message, end))
            if held_back := sum(state.held_back for state in states):
                self._health.count(dropped=held_back)
            if done:
                self._mailbox.acknowledge([message for message, _ in done])
            self._answer(states, [delivery for _, delivery in done])
            self._tally([delivery for _, delivery in done])
            for _, delivery in done:
                self.on_delivery(delivery)
            self._health.set_fault("worker", "" if len(done) == len(batch) else _UNEXPECTED)
            if len(done) < len(batch):
                self._mailbox.request_redelivery()
        self._continue_unfinished()
        return len(done)

    def _collect(self, timeout_s: float) -> list[_Message]:
        batch: list[_Message] = []
        events, size_bytes, started = 0, 0, time.monotonic()
        while (counted := self._next(timeout_s)) is not None:
            message, times = counted.message, counted.deliveries
            # To be committed without others: the next end of the process would count against them, too.
            is_alone = times == MAX_DELIVERIES - 1
            if is_alone and batch:
                self._postponed = counted
                break
            # One that this program has ended with too often is not looked into.
            delivery = (
                parse_message(message, self._expect) if times < MAX_DELIVERIES else refuse(message, INTERNAL_ERROR)
            )
            if times:
                delivery = replace(delivery, counted=[counted.digest])
            batch.append((message, delivery))
            events += len(delivery.events)
            size_bytes += sum(len(item.body) for _, item in delivery.events)
            spent_s = time.monotonic() - started
            is_full = events + MAX_BATCH_EVENTS > MAX_COMMIT_EVENTS or size_bytes >= MAX_COMMIT_BYTES
            if is_alone or is_full or spent_s > MAX_READ_S:
                break
            timeout_s = COLLECT_S - spent_s
        return batch

    def _expect(self, region: str, item: ReceivedEvent) -> None:
        self._ledger.expect(region, item, self._begin_checks)

    def _next(self, timeout_s: float) -> _CountedMessage | None:
        """Take the next message; only redelivered ones are counted: other messages cost nothing."""
        if self._postponed is not None:
            counted, self._postponed = self._postponed, None
            return counted
        message = self._mailbox.take(timeout_s)
        if message is None:
            return None
        if not message.redelivered and not self._crash_digests:
            return _CountedMessage(message)
        digest = _digest(message).hex()
        if digest in self._crash_digests:
            return _CountedMessage(message, digest, MAX_DELIVERIES)
        if not message.redelivered:
            return _CountedMessage(message)
        times = self._retry_until_writable(lambda: self._ledger.count_delivery(digest))
        if times >= MAX_DELIVERIES:
            log.error("A message on %r was in hand each of %d times that this program ended.", message.topic, times)
            if len(self._crash_digests) < _MAX_REMEMBERED:
                self._crash_digests.add(digest)
        return _CountedMessage(message, digest, times)

    def _settle(self, batch: Sequence[_Message]) -> tuple[list[State], list[Delivery | None]]:
        """Commit; when a message cannot be stored, find it and commit the others.

        Return also how each message was finished: as it was read, as a refusal, or not at all (None).
        """
        try:
            return self._store(merge_deliveries(delivery for _, delivery in batch)), [delivery for _, delivery in batch]
        except _Stopped:
            raise
        except Exception:
            if len(batch) == 1:
                return [], [self._refuse_failed(batch[0][0])]
            log.exception("Unexpected error while storing a batch; each of its messages is tried alone.")
        states: list[State] = []
        ends: list[Delivery | None] = []
        for one in batch:
            more, end = self._settle([one])
            states += more
            ends += end
        return states, ends

    def _refuse_failed(self, message: Inbound) -> Delivery | None:
        """Store a message that has failed often enough as refused; None: let the broker deliver it again.

        Its events are not acknowledged to the station, which still has them.
        """
        digest = _digest(message)
        failures = self._failed.pop(digest, 0) + 1
        log.exception("A message on %r cannot be stored; delivery %d of %d.", message.topic, failures, MAX_DELIVERIES)
        if failures < MAX_DELIVERIES:
            self._failed[digest] = failures
            if len(self._failed) > _MAX_REMEMBERED:
                self._failed.popitem(last=False)
            return None
        refusal = refuse(message, INTERNAL_ERROR)
        self._store(refusal)
        return refusal

    def _store(self, delivery: Delivery) -> list[State]:
        return self._retry_until_writable(
            lambda: self._ledger.commit(delivery, self._clock(), self._begin_checks), is_commit=True
        )

    def _retry_until_writable(self, call: Callable[[], _Result], *, is_commit: bool = False) -> _Result:
        """Call the ledger, and repeat that while it cannot be written."""
        pauses = Backoff(_RETRY_FIRST_S, _RETRY_MAX_S)
        while True:
            started = time.monotonic()
            try:
                result = call()
            except (LedgerUnwritable, LedgerDamaged) as error:
                if self._health.set_fault("ledger", str(error)):
                    log.error("%s. Nothing is acknowledged until it works again.", error)
                if self.thread.pause(pauses.next()):
                    raise _Stopped from error
            else:
                if is_commit:
                    self._health.add_commit(time.monotonic() - started)
                if self._health.set_fault("ledger"):
                    log.info("The ledger can be written again.")
                return result

    def _find_unfinished(self) -> None:
        now = time.monotonic()
        if now < self._next_unfinished_poll:
            return
        self._next_unfinished_poll = now + _UNFINISHED_POLL_S
        try:
            self._add_unfinished(self._ledger.unfinished())
        except LedgerError as error:
            log.warning("Streams that were released in part are looked for again in a minute: %s", error)

    def _add_unfinished(self, keys: Iterable[StreamKey]) -> None:
        for key in keys:
            self._unfinished.setdefault(key[0], {})[key] = None

    def _continue_unfinished(self) -> None:
        """Continue the stream whose turn it is. One that fails is found again by the next search."""
        if not self._unfinished:
            return
        station = next(iter(self._unfinished))
        (key, *others) = self._unfinished.pop(station)
        self._add_unfinished(others)
        try:
            state = self._retry_until_writable(
                lambda: self._ledger.release_held(key, self._clock(), self._begin_checks), is_commit=True
            )
        except _Stopped:
            raise
        except Exception:
            log.exception("Unexpected error while releasing the held events of %s.", station)
            return
        self._answer([state], ())
        self._committed()

    def _answer(self, states: Sequence[State], deliveries: Iterable[Delivery]) -> None:
        """Acknowledge to the stations, and answer those that say hello. A station without an answer asks again."""
        self._add_unfinished((one.station, one.epoch, one.region) for one in states if one.has_more)
        answers = {(state.region, state.station, state.epoch, 0): state for state in states}
        for sighting in (sighting for delivery in deliveries for sighting in delivery.sightings):
            if (hello := sighting.hello) is None:
                continue
            key = (sighting.region, sighting.station, hello.epoch, hello.at)
            if key not in answers:
                try:
                    answers[key] = self._ledger.stream(sighting.station, hello.epoch, sighting.region, hello.at)
                except LedgerError as error:
                    log.warning("%s says hello, but: %s", sighting.station, error)
        for state in answers.values():
            try:
                self._mailbox.send(Topics(state.region, state.station).ack, encode(state.ack))
            except Exception:
                log.exception("%s cannot be told how far the ledger is.", state.station)

    def _tally(self, deliveries: Sequence[Delivery]) -> None:
        events = sum(len(delivery.events) for delivery in deliveries)
        refused = sum(len(delivery.refusals) for delivery in deliveries)
        self._health.count(messages=len(deliveries), events=events, refused=refused)
        if refused:
            log.warning("%d messages could not be attributed to any event and were refused.", refused)
        if events:
            self._committed()
