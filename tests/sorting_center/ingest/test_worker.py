"""Nothing is acknowledged before it is committed, whatever the ledger does."""

from __future__ import annotations

import secrets
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress

import pytest
from sqlalchemy import select

from kiosk.messaging.contract.control import Ack, Hello, decode, encode
from kiosk.messaging.contract.receive import build_batch
from kiosk.sorting_center.ingest.worker import MAX_COMMIT_EVENTS, IngestWorker
from kiosk.sorting_center.ledger import Delivery, Ledger, LedgerUnwritable, StreamState
from kiosk.sorting_center.ledger.database.schema import refused
from kiosk.sorting_center.shared.health import CenterHealth
from kiosk.sorting_center.shared.ports import Inbound
from kiosk.sorting_center.shared.signature_checks import BeginChecks, check_inline
from tests.sorting_center.brokers import SOON_S, until
from tests.sorting_center.station_journal import NOW, Station

EVENT = "kiosk/v1/shache/S0147/up/event"
BATCH = "kiosk/v1/shache/S0147/up/batch"
HELLO = "kiosk/v1/shache/S0147/up/hello"


class Mailbox:
    def __init__(self) -> None:
        self.waiting: deque[Inbound] = deque()
        self.acknowledged: list[int] = []
        self.told: list[Ack] = []
        self.order: list[str] = []
        self.hung_up = 0
        self._taken: list[Inbound] = []

    def put(self, topic: str, payload: bytes, retained: bool = False, redelivered: bool = False) -> None:
        self.waiting.append(Inbound(topic, payload, retained, tag=len(self.waiting) + 1, redelivered=redelivered))

    def take(self, timeout_s: float) -> Inbound | None:
        if not self.waiting:
            return None
        self._taken.append(self.waiting.popleft())
        return self._taken[-1]

    def acknowledge(self, messages: Sequence[Inbound]) -> None:
        self.acknowledged += [message.tag for message in messages]
        self.order += ["puback"] * len(messages)

    def request_redelivery(self) -> None:
        """As a broker: in the order of the first time."""
        self.hung_up += 1
        owed = [message for message in self._taken if message.tag not in self.acknowledged]
        self.waiting.extendleft(reversed(owed))
        self._taken.clear()

    def send(self, topic: str, payload: bytes) -> bool:
        assert topic in ("kiosk/v1/shache/S0147/down/ack", "kiosk/v1/shache/S0148/down/ack")
        self.told.append(decode(Ack, payload))
        self.order.append("ack")
        return True


class Watched(Ledger):
    """The real ledger; runs ``before`` each commit."""

    before: Callable[[Delivery], None] = staticmethod(lambda _: None)

    def commit(
        self, delivery: Delivery, received_at: str, begin_checks: BeginChecks = check_inline
    ) -> list[StreamState]:
        self.before(delivery)
        return super().commit(delivery, received_at, begin_checks)


@pytest.fixture(autouse=True)
def tried_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_RETRY_FIRST_S", "_UNEXPECTED_RETRY_S"):
        monkeypatch.setattr(f"kiosk.sorting_center.ingest.worker.{name}", 0.02)


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


def worker_of(ledger: Ledger, mailbox: Mailbox, health: CenterHealth | None = None) -> IngestWorker:
    return IngestWorker(mailbox, ledger, health or CenterHealth(), lambda: NOW)


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
        events = [event.body for event in station.run(1500)]
        for start in range(0, 1500, 100):
            mailbox.put(BATCH, build_batch(events[start : start + 100]))
        worker = worker_of(ledger, mailbox)
        while worker.step(0):
            pass
        assert ledger.counts().events == 1500
    assert sum(sizes) == 1500
    assert max(sizes) <= MAX_COMMIT_EVENTS


def test_a_commit_is_bounded_in_bytes(ledger_url: str, mailbox: Mailbox, station: Station) -> None:
    sizes: list[int] = []
    with Watched.open(ledger_url) as ledger:
        assert isinstance(ledger, Watched)
        ledger.before = lambda delivery: sizes.append(sum(len(item.body) for _, item in delivery.events))
        for _ in range(200):
            mailbox.put(EVENT, station.raw(type="station.pallet.wrapped.v1", data={"x": "y" * 60_000}).body)
        worker = worker_of(ledger, mailbox)
        while worker.step(0):
            pass
        assert ledger.counts().events == 200
    assert max(sizes) < 10_000_000


@pytest.fixture
def small_commits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kiosk.sorting_center.ledger.acceptance.accept.MAX_HELD_EVENTS", 20)


@pytest.mark.usefixtures("small_commits")
def test_what_was_held_is_released_in_several_commits_and_others_are_served_between(
    ledger: Ledger, mailbox: Mailbox, station: Station
) -> None:
    events = [event.body for event in station.run(81)]
    other = Station("S0148", "f" * 16)
    worker = worker_of(ledger, mailbox)
    mailbox.put(BATCH, build_batch(events[1:]))
    worker.step(0)
    mailbox.told.clear()
    mailbox.put(EVENT, events[0])
    uptos = []
    for _ in range(4):
        worker.step(0)
        mailbox.put(EVENT.replace("S0147", "S0148"), (other.intake(1) if other.sealed else other.start()).body)
        uptos.append([(ack.epoch[0], ack.upto) for ack in mailbox.told])
        mailbox.told.clear()
    assert uptos == [[("0", 21), ("0", 41)], [("f", 1), ("0", 61)], [("f", 2), ("0", 81)], [("f", 3)]]


@pytest.mark.usefixtures("small_commits")
def test_a_center_that_starts_again_releases_the_rest_without_any_message(
    ledger: Ledger, mailbox: Mailbox, station: Station
) -> None:
    events = station.run(61)
    ledger.accept(events[1:], "shache", NOW)
    ledger.accept(events[:1], "shache", NOW)
    worker = worker_of(ledger, mailbox)
    for _ in range(3):
        worker.step(0)
    assert [ack.upto for ack in mailbox.told] == [41, 61]
    assert mailbox.told[-1].head == station.head


@pytest.mark.usefixtures("small_commits")
def test_a_stream_that_cannot_go_on_disturbs_nobody(
    ledger: Ledger, mailbox: Mailbox, station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = station.run(61)
    ledger.accept(events[1:], "shache", NOW)
    ledger.accept(events[:1], "shache", NOW)

    def odd(*_: object) -> None:
        raise RuntimeError("odd")

    monkeypatch.setattr(Ledger, "release_held", odd)
    mailbox.put("kiosk/v1/shache/S0148/up/event", Station("S0148").start().body)
    worker = worker_of(ledger, mailbox)
    assert worker.step(0) == 1
    assert worker.step(0) == 0
    assert (mailbox.acknowledged, mailbox.hung_up) == ([1], 0)


class Killed(BaseException):
    """As the kernel does it when there is no memory left."""


def test_a_message_that_ends_the_program_again_and_again_is_set_aside(ledger_url: str, station: Station) -> None:
    """The broker delivers it again each time, with the others that it has sent ahead."""
    bodies = [event.body for event in station.run(5)]

    def die(delivery: Delivery) -> None:
        if any(item.seq == 3 for _, item in delivery.events):
            raise Killed

    def life(again: bool, owed: list[bytes], and_then: Sequence[bytes] = ()) -> list[bytes]:
        """What is owed after one life of the program."""
        mailbox = Mailbox()
        for body in owed:
            mailbox.put(EVENT, body, redelivered=again)
        with Watched.open(ledger_url) as ledger:
            assert isinstance(ledger, Watched)
            ledger.before = die
            worker = worker_of(ledger, mailbox)
            with suppress(Killed):
                while worker.step(0):
                    pass
                for body in and_then:
                    mailbox.put(EVENT, body)
                    assert worker.step(0) == 1
        return [body for tag, body in enumerate(owed, 1) if tag not in mailbox.acknowledged]

    owed = life(False, bodies)
    lives = [len(owed)]
    while owed:
        owed = life(True, owed, bodies[2:3])
        lives.append(len(owed))
    assert lives == [5, 5, 3, 0], "others are taken in without it before it is set aside"
    with Ledger.open(ledger_url) as ledger:
        assert refusals(ledger) == [("internal", bodies[2])] * 2, "also when the station sends it again"
        assert ledger.stream("S0147", station.epoch, "shache").gaps == ((3, 3),)


def test_a_failing_commit_is_tried_again_and_nothing_is_acknowledged_before(
    ledger_url: str, mailbox: Mailbox, station: Station
) -> None:
    failures = 2
    seen: list[tuple[list[int], str]] = []
    health = CenterHealth()

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
        worker.thread.start()
        assert failed.wait(SOON_S)
        worker.thread.stop(SOON_S)
    assert (mailbox.acknowledged, mailbox.told) == ([], [])


def choking(ledger: Watched, seq: int, times: int = 1000) -> None:
    """Let the ledger fail ``times`` times with a delivery that has this event, in a way nobody foresaw."""
    left = [times]

    def choke(delivery: Delivery) -> None:
        if left[0] and any(event.seq == seq for _, event in delivery.events):
            left[0] -= 1
            raise RuntimeError("unforeseen")

    ledger.before = choke


def refusals(ledger: Ledger) -> list[tuple[str, bytes]]:
    with ledger.reading() as connection:
        rows = connection.execute(select(refused.c.code, refused.c.payload).order_by(refused.c.id))
        return [(row.code, bytes(row.payload)) for row in rows]


def test_one_message_that_cannot_be_stored_is_set_aside_at_its_third_delivery(
    ledger_url: str, mailbox: Mailbox, station: Station
) -> None:
    events = station.run(3)
    payload = build_batch([events[1].body, b'"' + secrets.token_hex(20_000).encode() + b'"'])
    health = CenterHealth()
    with Watched.open(ledger_url) as ledger:
        assert isinstance(ledger, Watched)
        choking(ledger, seq=2)
        mailbox.put(EVENT, events[0].body)
        mailbox.put(BATCH, payload)
        mailbox.put(EVENT, events[2].body)
        worker = worker_of(ledger, mailbox, health)
        for delivery in (1, 2):
            worker.step(0)
            assert (mailbox.acknowledged, mailbox.hung_up) == ([1], delivery), "what is behind it comes again with it"
            assert "while storing messages" in health.report().intake_trouble
        worker.step(0)
        assert [event.seq for event in ledger.events()] == [1, 3]
        assert refusals(ledger) == [("internal", payload)], "whole, however long"
        assert (mailbox.acknowledged, mailbox.hung_up) == ([1, 2, 3], 2)
        assert (health.report().intake_trouble, health.report().refused) == ("", 1)
    assert mailbox.told[-1].upto == 1


def test_what_fails_once_in_an_unforeseen_way_is_taken_in_the_next_time(
    ledger_url: str, mailbox: Mailbox, station: Station
) -> None:
    with Watched.open(ledger_url) as ledger:
        assert isinstance(ledger, Watched)
        choking(ledger, seq=2, times=3)  # the batch, its message alone, and the same at its second delivery
        for event in station.run(3):
            mailbox.put(EVENT, event.body)
        worker = worker_of(ledger, mailbox)
        while worker.step(0) or mailbox.waiting:
            pass
        assert [event.seq for event in ledger.events()] == [1, 2, 3]
        assert ledger.counts().refused == 0
    assert mailbox.acknowledged == [1, 2, 3]
    assert mailbox.told[-1].upto == 3


def test_messages_that_failed_are_remembered_in_a_bounded_place(
    ledger_url: str, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kiosk.sorting_center.ingest.worker._MAX_REMEMBERED", 10)

    def fail(delivery: Delivery) -> None:
        if not any(refusal.code == "internal" for refusal in delivery.refusals):
            raise RuntimeError("unforeseen")

    with Watched.open(ledger_url) as ledger:
        assert isinstance(ledger, Watched)
        ledger.before = fail
        worker = worker_of(ledger, mailbox)
        for number in range(30):
            mailbox.put(EVENT, f"not JSON {number}".encode())
        worker.step(0)
        assert len(worker._failed) == 10


LONE = b'{"\\ud800":1}'


@pytest.mark.parametrize("kind", ["event", "hello", "status", "batch"])
def test_half_a_character_in_a_key_is_refused_and_acknowledged(
    ledger: Ledger, mailbox: Mailbox, station: Station, kind: str
) -> None:
    payload = build_batch([LONE, station.start().body]) if kind == "batch" else LONE
    mailbox.put(f"kiosk/v1/shache/S0147/up/{kind}", payload)
    mailbox.put(EVENT, station.intake(1).body)
    health = CenterHealth()
    assert worker_of(ledger, mailbox, health).step(0) == 2
    assert (mailbox.acknowledged, mailbox.hung_up, ledger.counts().refused) == ([1, 2], 0, 1)
    assert health.report().refused == 1


@pytest.mark.parametrize("kind", ["event", "batch", "hello", "status"])
def test_an_error_nobody_foresaw_in_reading_makes_a_refusal(
    ledger: Ledger, mailbox: Mailbox, station: Station, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def odd(*_: object, **__: object) -> None:
        raise RecursionError("odd")

    for name in ("parse_event", "parse_batch", "decode"):
        monkeypatch.setattr(f"kiosk.sorting_center.ingest.message_parsing.{name}", odd)
    mailbox.put(f"kiosk/v1/shache/S0147/up/{kind}", b"{}")
    assert worker_of(ledger, mailbox).step(0) == 1
    assert mailbox.acknowledged == [1]
    assert refusals(ledger) == [("unreadable", b"{}")]


def test_an_answer_that_cannot_be_given_is_that_stations_alone(
    ledger: Ledger, mailbox: Mailbox, station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell, failing = mailbox.send, [True]

    def odd(topic: str, payload: bytes) -> bool:
        if failing:
            raise RuntimeError(f"odd {failing.pop()}")
        return tell(topic, payload)

    monkeypatch.setattr(mailbox, "send", odd)
    for epoch in (station.epoch, "f" * 16):
        mailbox.put(HELLO, encode(Hello(epoch, 1, 1, 0, "1.0.0")))
    worker_of(ledger, mailbox).step(0)
    assert (mailbox.acknowledged, mailbox.hung_up) == ([1, 2], 0)
    assert [ack.epoch for ack in mailbox.told] == ["f" * 16]


def test_a_hello_in_the_same_batch_as_events_is_answered_after_them(
    ledger: Ledger, mailbox: Mailbox, station: Station
) -> None:
    mailbox.put(HELLO, encode(Hello(station.epoch, 2, 1, 1, "1.0.0")))
    mailbox.put(EVENT, station.start().body)
    worker_of(ledger, mailbox).step(0)
    assert [ack.upto for ack in mailbox.told] == [1]


def test_a_hello_may_ask_for_the_hash_at_a_number(ledger: Ledger, mailbox: Mailbox, station: Station) -> None:
    """Its answer is one of its own: what the same batch acknowledges was not asked."""
    events = station.run(5)
    mailbox.put(BATCH, build_batch([event.body for event in events]))
    for at in (3, 5, 3, 6):
        mailbox.put(HELLO, encode(Hello(station.epoch, 6, 6, 0, "1.0.0", at=at)))
    worker_of(ledger, mailbox).step(0)
    assert {ack.upto for ack in mailbox.told} == {5}
    assert [(ack.at, ack.hash_at) for ack in mailbox.told] == [
        (0, ""),
        (3, events[2].sha256),
        (5, events[4].sha256),
        (6, ""),
    ]


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
    health = CenterHealth()
    worker = worker_of(ledger, mailbox, health)
    worker.thread.start()
    until(lambda: mailbox.told)
    assert worker.thread.is_alive
    worker.thread.stop(SOON_S)
    assert not worker.thread.is_alive
    assert (mailbox.told[0].upto, mailbox.hung_up) == (1, 2)
    assert health.report().intake_trouble == ""
