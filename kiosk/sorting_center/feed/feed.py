"""The feed: every accepted event, once in order, for everyone downstream. Delivered at least once."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import msgspec

from kiosk.base.worker import Worker
from kiosk.messaging.contract.strict_json import canonical_parsed
from kiosk.messaging.contract.topics import feed_topic
from kiosk.sorting_center.ledger import FeedEntry, Ledger, LedgerError
from kiosk.sorting_center.shared.health import CenterHealth
from kiosk.sorting_center.shared.ports import Publisher

log = logging.getLogger(__name__)

POSITION_NAME: Final = "mqtt"
_UNEXPECTED: Final = "Unexpected error {} (see the log); it is tried again."
_DECODER: Final = msgspec.json.Decoder()
# Of the event's canonical form, where `feedseq` is inserted: up to the end there are no brackets, so it is the
# outermost object, and `id` comes next, so there is no such attribute yet and none that must precede it.
_FEEDSEQ_INSERT_POINT: Final = re.compile(
    rb'"epoch":"[0-9a-f]{16}",(?="id":"[^"\\]*+"(?:,"[a-z]++":(?:"[^"\\]*+"|[0-9]++))*+\}\Z)'
)
_WINDOW: Final = 500  # Messages under way to the broker
# Between two writes of the position while there is more to publish: each takes its turn between commits. What went out
# since is published twice when the process dies.
_POSITION_SAVE_INTERVAL_S: Final = 0.5
_IDLE_S: Final = 1.0
_REFUSED_S: Final = 0.5  # While the broker does not take a topic, whatever news come: its rules must be changed first
_NUMBERING_EVENTS: Final = 1000  # In one transaction
_NUMBERING_IDLE_S: Final = 0.2
_NUMBERING_RETRY_S: Final = 1.0


def feed_message(entry: FeedEntry) -> bytes:
    """Return the canonical event with the extension attribute ``feedseq`` (an integer from 1, gap-free).

    To check a hash downstream, remove ``feedseq`` and ``signature`` again.
    """
    if (place := _FEEDSEQ_INSERT_POINT.search(entry.body)) is not None:
        at = place.end()
        return b'%b"feedseq":%d,%b' % (entry.body[:at], entry.feedseq, entry.body[at:])
    found: dict[str, object] = _DECODER.decode(entry.body)
    found["feedseq"] = entry.feedseq
    return canonical_parsed(found)


class Feed:
    """Publishes from the kept position on, and moves it when the broker has acknowledged."""

    def __init__(
        self, ledger: Ledger, publisher: Publisher, health: CenterHealth, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._ledger, self._publisher, self._health, self._clock = ledger, publisher, health, clock
        self._failing = ""
        self._published_upto = 0  # Up to where the broker has taken everything, as far as this process knows
        self._position_saved_at = clock()
        # To be stopped after the publisher. Without news a step comes every _IDLE_S: other processes commit, too.
        self.worker = Worker(
            "feed",
            self._step_reporting_faults,
            retry_s=_IDLE_S,
            expected=(LedgerError,),
            on_end=self._save_position_at_end,
        )

    def _save_position_at_end(self) -> None:
        with suppress(LedgerError):
            self._save_position()

    def _step_reporting_faults(self) -> float:
        try:
            more = self.step()
        except Exception as error:
            is_known = isinstance(error, LedgerError)
            self._failing = f"The feed waits: {error}" if is_known else _UNEXPECTED.format("in the feed")
            self._health.set_fault("feed", self._failing)
            raise
        if self._failing and self._health.report().feed_trouble.endswith(self._failing):
            self._health.set_fault("feed")
        self._failing = ""
        return 0.0 if more else _IDLE_S

    def step(self) -> bool:
        """Publish one window if this process is the publisher; return whether there may be more."""
        if not self._ledger.is_publisher:
            return False
        # Another process may have been the publisher meanwhile, and have published more.
        position = max(self._published_upto, self._ledger.feed_position(POSITION_NAME))
        entries = self._ledger.feed(position, _WINDOW)
        if not entries:
            self._save_position()
            return False
        messages = [(feed_topic(entry.region, entry.type), feed_message(entry)) for entry in entries]
        published = self._publisher.publish(messages)
        if published:
            self._published_upto = entries[published - 1].feedseq
            if published < _WINDOW or self._clock() - self._position_saved_at >= _POSITION_SAVE_INTERVAL_S:
                self._save_position()
            self._health.set_fault("feed")
        if published == len(entries):
            return True
        if not self.worker.is_stopping:
            text = (
                f"The broker does not take the feed on {messages[published][0]}: allow the sorting center to publish "
                "there."
            )
            if self._health.set_fault("feed", text):
                log.error("%s", text)
            self.worker.pause(_REFUSED_S)
        return False

    def _save_position(self) -> None:
        """Write the position unless it is stored; never move it behind another process's."""
        if self._published_upto > self._ledger.feed_position(POSITION_NAME):
            self._ledger.set_feed_position(POSITION_NAME, self._published_upto)
        self._position_saved_at = self._clock()


def numbering_worker(ledger: Ledger, health: CenterHealth, on_numbered: Callable[[], None]) -> Worker:
    """Build the worker that numbers released events for the feed, where the ledger's commits do not.

    ``on_numbered`` is called when there is more to publish. It continues without the broker.
    """

    def step() -> float:
        try:
            done = ledger.number(_NUMBERING_EVENTS)
        except Exception as error:
            is_known = isinstance(error, LedgerError)
            unexpected = _UNEXPECTED.format("while numbering events for the feed")
            health.set_fault("numbering", f"Events get no places in the feed: {error}" if is_known else unexpected)
            raise
        health.set_fault("numbering")
        if not done:
            return _NUMBERING_IDLE_S
        on_numbered()
        return 0.0

    return Worker("numbering", step, retry_s=_NUMBERING_RETRY_S, expected=(LedgerError,))
