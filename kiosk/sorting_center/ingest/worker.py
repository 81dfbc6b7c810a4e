"""The worker: collects messages, commits them together, then acknowledges."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol

from kiosk.messaging.contract.control import encode
from kiosk.messaging.contract.receive import MAX_BATCH_EVENTS
from kiosk.messaging.contract.topics import Topics
from kiosk.sorting_center.health import Health
from kiosk.sorting_center.ingest.reading import Inbound, Question, Reading, merged, read_message
from kiosk.sorting_center.ledger import Delivery, Ledger, LedgerDamaged, LedgerError, LedgerUnwritable, Refusal
from kiosk.sorting_center.ledger import StreamState as State

log = logging.getLogger(__name__)

MAX_COMMIT_EVENTS: Final = 500
COLLECT_S: Final = 0.020
"""How long a commit waits for company: one flush to disk then serves all of it."""

_IDLE_S: Final = 0.5
_RETRY_S: Final = (0.5, 1.0, 2.0, 5.0)


class Mailbox(Protocol):
    """The messages come from here and are acknowledged here; a Consumer."""

    def take(self, timeout_s: float) -> Inbound | None:
        """The next message, or None when none came in time."""

    def acknowledge(self, message: Inbound) -> None:
        """Tell the broker that the message is safe."""

    def tell(self, topic: str, payload: bytes) -> None:
        """Tell a station something; may get lost."""


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
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ingest worker", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Finish the batch in hand and end."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.step(_IDLE_S)
            except _Stopped:
                return
            except Exception:
                log.exception("A batch failed in an unforeseen way; it was not acknowledged and will come again.")
                self._stopping.wait(1.0)

    def step(self, timeout_s: float) -> int:
        """Take one batch through; the number of messages in it."""
        readings = self._collect(timeout_s)
        if readings:
            states = self._settle(readings)
            for reading in readings:
                self._mailbox.acknowledge(reading.message)
            self._answer(states, [question for reading in readings for question in reading.questions])
            self._tally(readings)
        return len(readings)

    def _collect(self, timeout_s: float) -> list[Reading]:
        message = self._mailbox.take(timeout_s)
        readings: list[Reading] = []
        events, deadline = 0, time.monotonic() + COLLECT_S
        while message is not None:
            readings.append(read_message(message))
            events += len(readings[-1].delivery.events)
            if events + MAX_BATCH_EVENTS > MAX_COMMIT_EVENTS:
                break
            message = self._mailbox.take(deadline - time.monotonic())
        return readings

    def _settle(self, readings: Sequence[Reading]) -> list[State]:
        """Commit; when one message cannot be stored at all, find it, keep it as refused and commit the others."""
        try:
            return self._store(merged(readings))
        except _Stopped:
            raise
        except Exception:
            if len(readings) > 1:
                return [state for reading in readings for state in self._settle([reading])]
            message = readings[0].message
            log.exception("A message on %r cannot be stored; it is kept among the refused.", message.topic)
            return self._store(Delivery(refusals=[Refusal(message.topic, "internal", message.payload)]))

    def _store(self, delivery: Delivery) -> list[State]:
        """Commit, trying again for as long as the ledger cannot be written."""
        attempt = 0
        while True:
            try:
                states = self._ledger.commit(delivery, self._clock())
            except (LedgerUnwritable, LedgerDamaged) as error:
                if self._health.trouble("ledger", str(error)):
                    log.error("%s. Nothing is acknowledged until it works again.", error)
                if self._stopping.wait(_RETRY_S[min(attempt, len(_RETRY_S) - 1)]):
                    raise _Stopped from error
                attempt += 1
            else:
                if self._health.trouble("ledger"):
                    log.info("The ledger can be written again.")
                return states

    def _answer(self, states: Iterable[State], questions: Iterable[Question]) -> None:
        answers = {(state.station, state.epoch): state for state in states}
        for question in questions:
            if (question.station, question.epoch) not in answers:
                try:
                    state = self._ledger.stream(question.station, question.epoch, question.region)
                except LedgerError as error:
                    log.warning("%s says hello, but: %s", question.station, error)
                    continue
                answers[question.station, question.epoch] = state
        for state in answers.values():
            self._mailbox.tell(Topics(state.region, state.station).ack, encode(state.ack))

    def _tally(self, readings: Sequence[Reading]) -> None:
        events = sum(len(reading.delivery.events) for reading in readings)
        refused = sum(len(reading.delivery.refusals) for reading in readings)
        self._health.count(messages=len(readings), events=events, refused=refused)
        if refused:
            log.warning("%d messages could not be attributed to any event and were refused.", refused)
        if events:
            self._committed()
