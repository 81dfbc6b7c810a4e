"""The worker: collects messages, commits them together, then acknowledges."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from kiosk.domain.backoff import Backoff
from kiosk.messaging.contract.control import encode
from kiosk.messaging.contract.receive import MAX_BATCH_EVENTS
from kiosk.messaging.contract.topics import Topics
from kiosk.sorting_center.health import Health
from kiosk.sorting_center.ingest.reading import Question, Reading, merged, read_message
from kiosk.sorting_center.ledger import Delivery, Ledger, LedgerDamaged, LedgerError, LedgerUnwritable, Refusal
from kiosk.sorting_center.ledger import StreamState as State
from kiosk.sorting_center.ledger.records import SET_ASIDE
from kiosk.sorting_center.ports import Inbound, Mailbox

log = logging.getLogger(__name__)

MAX_COMMIT_EVENTS: Final = 1000
COLLECT_S: Final = 0.020
"""How long a commit waits for company: one flush to disk then serves all of it."""

MAX_READ_S: Final = 0.3
"""A commit begins after so long, however little has been read: whoever comes now waits for all of it."""

_IDLE_S: Final = 0.5
_RETRY_FIRST_S: Final = 0.5
_RETRY_MAX_S: Final = 5.0
"""While the ledger cannot be written: it works again within seconds of the fault's end."""
_UNFORESEEN_S: Final = 1.0
"""Before a batch that failed is delivered again: a fault that stays fills the log by a line a second, no more."""

MAX_DELIVERIES: Final = 3
"""The third time a message cannot be stored, for a reason nobody foresaw, it is set aside and the others go on."""
_MAX_REMEMBERED: Final = 1000
"""Messages that failed: as many as a broker has on its way to us."""

_UNFORESEEN: Final = (
    "Messages cannot be taken in, for a reason nobody foresaw (see the log); the broker is asked to deliver again."
)


class _Stopped(Exception):
    """Asked to end while the ledger could not be written: nothing was acknowledged."""


class Worker:
    """One thread, one commit at a time. ``committed`` is called after every commit that took events in."""

    def __init__(
        self,
        mailbox: Mailbox,
        ledger: Ledger,
        health: Health,
        clock: Callable[[], str],
        committed: Callable[[], None] = lambda: None,
    ) -> None:
        self._mailbox = mailbox
        self._ledger = ledger
        self._health = health
        self._clock = clock
        self._committed = committed
        self._failed: OrderedDict[bytes, int] = OrderedDict()
        """How often each message could not be stored, by its digest; the newest only."""
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
                self._health.trouble("worker", _UNFORESEEN)
                self._mailbox.deliver_again()
                self._stopping.wait(_UNFORESEEN_S)

    def step(self, timeout_s: float) -> int:
        """Take one batch through; the number of messages that came to their end."""
        readings = self._collect(timeout_s)
        if not readings:
            return 0
        states, ends = self._settle(readings)
        # Acknowledged in the order in which they came (MQTT 5, 4.6): what is stored behind a failed one comes again.
        first_failed = ends.index(None) if None in ends else len(ends)
        done = [end for end in ends[:first_failed] if end is not None]
        if done:
            self._mailbox.acknowledge([end.message for end in done])
        self._answer(states, [question for end in done for question in end.questions])
        self._tally(done)
        self._health.trouble("worker", "" if len(done) == len(ends) else _UNFORESEEN)
        if len(done) < len(ends):
            self._mailbox.deliver_again()
        return len(done)

    def _collect(self, timeout_s: float) -> list[Reading]:
        message = self._mailbox.take(timeout_s)
        readings: list[Reading] = []
        events, started = 0, time.monotonic()
        while message is not None:
            readings.append(read_message(message))
            events += len(readings[-1].delivery.events)
            spent_s = time.monotonic() - started
            if events + MAX_BATCH_EVENTS > MAX_COMMIT_EVENTS or spent_s > MAX_READ_S:
                break
            message = self._mailbox.take(COLLECT_S - spent_s)
        return readings

    def _settle(self, readings: Sequence[Reading]) -> tuple[list[State], list[Reading | None]]:
        """Commit; when a message cannot be stored, find it and commit the others.

        Also how each message came to its end: as it was read, as a refusal, or not at all (None).
        """
        try:
            return self._store(merged(readings)), [*readings]
        except _Stopped:
            raise
        except Exception:
            if len(readings) == 1:
                return [], [self._set_aside(readings[0].message)]
            log.exception("A batch cannot be stored, for a reason nobody foresaw; each of its messages is tried alone.")
        states: list[State] = []
        ends: list[Reading | None] = []
        for reading in readings:
            more, end = self._settle([reading])
            states += more
            ends += end
        return states, ends

    def _set_aside(self, message: Inbound) -> Reading | None:
        """Keep a message that has failed often enough among the refused; None: let the broker deliver it again.

        Its events are not acknowledged to the station, which has them still.
        """
        digest = hashlib.sha256(message.topic.encode() + b"\0" + message.payload).digest()
        failures = self._failed.pop(digest, 0) + 1
        log.exception("A message on %r cannot be stored; delivery %d of %d.", message.topic, failures, MAX_DELIVERIES)
        if failures < MAX_DELIVERIES:
            self._failed[digest] = failures
            if len(self._failed) > _MAX_REMEMBERED:
                self._failed.popitem(last=False)
            return None
        apart = Reading(message, Delivery(refusals=[Refusal(message.topic, SET_ASIDE, message.payload)]))
        self._store(apart.delivery)
        return apart

    def _store(self, delivery: Delivery) -> list[State]:
        """Commit, trying again for as long as the ledger cannot be written."""
        pauses = Backoff(_RETRY_FIRST_S, _RETRY_MAX_S)
        while True:
            started = time.monotonic()
            try:
                states = self._ledger.commit(delivery, self._clock())
            except (LedgerUnwritable, LedgerDamaged) as error:
                if self._health.trouble("ledger", str(error)):
                    log.error("%s. Nothing is acknowledged until it works again.", error)
                if self._stopping.wait(pauses.next()):
                    raise _Stopped from error
            else:
                self._health.committed(time.monotonic() - started)
                if self._health.trouble("ledger"):
                    log.info("The ledger can be written again.")
                return states

    def _answer(self, states: Iterable[State], questions: Iterable[Question]) -> None:
        """An answer that fails is that station's alone: it asks again."""
        answers = {(state.region, state.station, state.epoch, 0): state for state in states}
        for question in questions:
            key = (question.region, question.station, question.epoch, question.at)
            if key not in answers:
                try:
                    answers[key] = self._ledger.stream(question.station, question.epoch, question.region, question.at)
                except LedgerError as error:
                    log.warning("%s says hello, but: %s", question.station, error)
        for state in answers.values():
            try:
                self._mailbox.tell(Topics(state.region, state.station).ack, encode(state.ack))
            except Exception:
                log.exception("%s cannot be told how far the ledger is.", state.station)

    def _tally(self, readings: Sequence[Reading]) -> None:
        events = sum(len(reading.delivery.events) for reading in readings)
        refused = sum(len(reading.delivery.refusals) for reading in readings)
        self._health.count(messages=len(readings), events=events, refused=refused)
        if refused:
            log.warning("%d messages could not be attributed to any event and were refused.", refused)
        if events:
            self._committed()
