"""Nothing is acknowledged before it is committed, whatever the ledger does."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

import pytest
from sqlalchemy import select

from kiosk.messaging.contract.control import Ack, Hello, decode, encode
from kiosk.messaging.contract.receive import build_batch
from kiosk.sorting_center.health import Health
from kiosk.sorting_center.ingest.reading import Inbound
from kiosk.sorting_center.ingest.worker import MAX_COMMIT_EVENTS, Worker
from kiosk.sorting_center.ledger import Delivery, Ledger, LedgerUnwritable, StreamState
from kiosk.sorting_center.ledger.schema import refused
from tests.sorting_center.brokers import SOON_S, until
from tests.sorting_center.stations import NOW, Station

EVENT = "kiosk/v1/shache/S0147/up/event"
BATCH = "kiosk/v1/shache/S0147/up/batch"
HELLO = "kiosk/v1/shache/S0147/up/hello"


class Mailbox:
    def __init__(self) -> None:
        self.waiting: deque[Inbound] = deque()
        self.acknowledged: list[int] = []
        self.told: list[Ack] = []
        self.order: list[str] = []

    def put(self, topic: str, payload: bytes, retained: bool = False) -> None:
        self.waiting.append(Inbound(topic, payload, retained, packet_id=len(self.waiting) + 1, qos=1))

    def take(self, timeout_s: float) -> Inbound | None:
        return self.waiting.popleft() if self.waiting else None

    def acknowledge(self, message: Inbound) -> None:
        self.acknowledged.append(message.packet_id)
        self.order.append("puback")

    def tell(self, topic: str, payload: bytes) -> None:
        assert topic == "kiosk/v1/shache/S0147/down/ack"
        self.told.append(decode(Ack, payload))
        self.order.append("ack")


class Watched(Ledger):
    """The real ledger; runs ``before`` each commit."""

    before: Callable[[Delivery], None] = staticmethod(lambda _: None)

    def commit(self, delivery: Delivery, received_at: str) -> list[StreamState]:
        self.before(delivery)
        return super().commit(delivery, received_at)


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


def worker_of(ledger: Ledger, mailbox: Mailbox, health: Health | None = None) -> Worker:
    return Worker(mailbox, ledger, health or Health(), lambda: NOW)


def test_messages_are_committed_together_then_acknowledged_in_order(
    ledger_url: str, mailbox: Mailbox, station: Station
) -> None:
    commits: list[int] = []
    with Watched.open(ledger_url) as ledger:
        assert isinstance(ledger, Watched)
        ledger.before = lambda delivery: commits.append(len(delivery.events) + len(mailbox.acknowledged))
        for event in station.run(5):
            mailbox.put(EVENT, event.body)
        assert worker_of(ledger, mailbox).step(0) == 5
    assert commits == [5]
    assert mailbox.acknowledged == [1, 2, 3, 4, 5]
    assert mailbox.order == ["puback"] * 5 + ["ack"]
    assert [(ack.upto, ack.head) for ack in mailbox.told] == [(5, station.head)]


def test_a_commit_is_bounded(ledger_url: str, mailbox: Mailbox, station: Station) -> None:
    sizes: list[int] = []
    with Watched.open(ledger_url) as ledger:
        assert isinstance(ledger, Watched)
        ledger.before = lambda delivery: sizes.append(len(delivery.events))
        events = [event.body for event in station.run(800)]
        for start in range(0, 800, 100):
            mailbox.put(BATCH, build_batch(events[start : start + 100]))
        worker = worker_of(ledger, mailbox)
        while worker.step(0):
            pass
        assert ledger.counts().events == 800
    assert sum(sizes) == 800
    assert max(sizes) <= MAX_COMMIT_EVENTS


def test_a_failing_commit_is_tried_again_and_nothing_is_acknowledged_before(
    ledger_url: str, mailbox: Mailbox, station: Station
) -> None:
    failures = 2
    seen: list[tuple[list[int], str]] = []
    health = Health()

    def fail(_: Delivery) -> None:
        seen.append((list(mailbox.acknowledged), health.report().ledger_trouble))
        if len(seen) <= failures:
            raise LedgerUnwritable("the disk is full")

    with Watched.open(ledger_url) as ledger:
        assert isinstance(ledger, Watched)
        ledger.before = fail
        mailbox.put(EVENT, station.start().body)
        worker_of(ledger, mailbox, health).step(0)
        assert ledger.counts().events == 1
    assert seen == [([], ""), ([], "the disk is full"), ([], "the disk is full")]
    assert mailbox.acknowledged == [1]
    assert health.report().ledger_trouble == ""


def test_asked_to_end_while_the_ledger_fails_it_acknowledges_nothing(
    ledger_url: str, mailbox: Mailbox, station: Station
) -> None:
    failed = threading.Event()

    def fail(_: Delivery) -> None:
        failed.set()
        raise LedgerUnwritable("the disk is full")

    with Watched.open(ledger_url) as ledger:
        assert isinstance(ledger, Watched)
        ledger.before = fail
        mailbox.put(EVENT, station.start().body)
        worker = worker_of(ledger, mailbox)
        worker.start()
        assert failed.wait(SOON_S)
        worker.stop(SOON_S)
    assert (mailbox.acknowledged, mailbox.told) == ([], [])


def test_one_message_that_cannot_be_stored_does_not_hold_up_the_others(
    ledger_url: str, mailbox: Mailbox, station: Station
) -> None:
    events = station.run(3)

    def choke(delivery: Delivery) -> None:
        if any(event.seq == 2 for _, event in delivery.events):
            raise RuntimeError("unforeseen")

    with Watched.open(ledger_url) as ledger:
        assert isinstance(ledger, Watched)
        ledger.before = choke
        for event in events:
            mailbox.put(EVENT, event.body)
        worker_of(ledger, mailbox).step(0)
        assert [event.seq for event in ledger.events()] == [1, 3]
        assert ledger.counts().refused == 1
    assert mailbox.acknowledged == [1, 2, 3]
    assert mailbox.told[-1].upto == 1


def test_a_hello_in_the_same_batch_as_events_is_answered_after_them(
    ledger: Ledger, mailbox: Mailbox, station: Station
) -> None:
    mailbox.put(HELLO, encode(Hello(station.epoch, 2, 1, 1, "1.0.0")))
    mailbox.put(EVENT, station.start().body)
    worker_of(ledger, mailbox).step(0)
    assert [ack.upto for ack in mailbox.told] == [1]


def test_what_the_broker_had_retained_is_refused_and_no_sign_of_life(
    ledger: Ledger, mailbox: Mailbox, station: Station
) -> None:
    events = [event.body for event in station.run(3)]
    mailbox.put(EVENT, events[0], retained=True)
    mailbox.put(BATCH, build_batch(events), retained=True)
    mailbox.put(HELLO, encode(Hello(station.epoch, 2, 1, 1, "1.0.0")), retained=True)
    worker_of(ledger, mailbox).step(0)
    assert mailbox.acknowledged == [1, 2, 3]
    assert mailbox.told == []
    assert (ledger.counts().events, ledger.overview("").stations) == (0, ())
    with ledger.reading() as connection:
        assert list(connection.execute(select(refused.c.code)).scalars()) == ["retained"] * 3


def test_the_thread_survives_what_nobody_foresaw(ledger: Ledger, mailbox: Mailbox, station: Station) -> None:
    failures = [OSError("odd"), RuntimeError("odd")]
    take = mailbox.take

    def odd(timeout_s: float) -> Inbound | None:
        if failures:
            raise failures.pop()
        return take(timeout_s)

    mailbox.take = odd  # type: ignore[method-assign]
    mailbox.put(EVENT, station.start().body)
    worker = worker_of(ledger, mailbox)
    worker.start()
    until(lambda: mailbox.told)
    worker.stop(SOON_S)
    assert mailbox.told[0].upto == 1
