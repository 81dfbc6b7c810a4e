"""The relay against a real broker: whatever breaks, nothing is lost and nothing is done before the acknowledgement."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import msgspec
import pytest

from kiosk.messaging.contract.control import Hello, Resend, encode
from kiosk.messaging.relay.pace import Pace
from kiosk.messaging.relay.relay import Relay
from kiosk.messaging.relay.shared.settings import RelaySettings
from kiosk.simulators.broker import Broker
from kiosk.simulators.link import SimulatedLink
from tests.messaging.ports import claimed_port
from tests.messaging.relay.stand import BOOT, PATIENT, TOPICS, Center, MemoryOutbox, Running, wait_for_log


def keys(outbox: MemoryOutbox) -> set[tuple[str, int]]:
    return {(outbox.epoch, seq) for seq in range(1, len(outbox.bodies) + 1)}


def test_a_backlog_arrives_in_batches_and_a_single_event_alone(
    outbox: MemoryOutbox, center: Center, start: Callable[..., Running]
) -> None:
    outbox.write(250)
    start(**PATIENT)
    outbox.wait_done(250)
    assert center.events.keys() == keys(outbox)
    assert [kind for kind, _ in center.messages] == ["batch", "batch", "batch"]
    outbox.write(1)
    outbox.wait_done(251)
    assert center.messages[-1] == ("event", 1)
    (first, *_) = center.hellos
    assert first.monotonicms > 0
    assert first == Hello(outbox.epoch, 251, 1, 250, "kiosk test", BOOT, first.monotonicms)


def test_an_event_leaves_at_once(outbox: MemoryOutbox, center: Center, start: Callable[..., Running]) -> None:
    """At the first look after it was written, and the next look is never far: no timer comes before."""
    start(**PATIENT, status_s=100.0)
    center.until(lambda: bool(center.hellos))
    began = time.monotonic()
    for n in range(1, 6):
        with outbox.lock:
            outbox.write(1)
            looks = outbox.looks
        outbox.wait_done(n)
        assert outbox.read_at[n] <= looks + 1
    assert time.monotonic() - began < 0.3 * 100.0


def test_nothing_is_done_without_an_acknowledgement(
    outbox: MemoryOutbox, center: Center, start: Callable[..., Running]
) -> None:
    """The broker has taken everything and said so; that means nothing. The hello is repeated."""
    center.answering = False
    outbox.write(5)
    start()
    center.until(lambda: len(center.hellos) >= 3)
    assert center.events.keys() == keys(outbox)
    assert (outbox.done_upto, outbox.acknowledged) == (0, [])
    center.answering = True
    outbox.wait_done(5)


def test_no_center_at_all(outbox: MemoryOutbox, broker: Broker, start: Callable[..., Running]) -> None:
    """PUBACK says 0x10 "no matching subscribers"; the events wait."""
    outbox.write(3)
    start()
    late = Center(broker.port)
    late.start()
    outbox.wait_done(3)
    late.stop()


def test_the_window_stays_small(outbox: MemoryOutbox, center: Center, start: Callable[..., Running]) -> None:
    center.answering = False
    outbox.write(5000)
    start(**PATIENT)
    center.until(lambda: len(center.messages) >= 4)
    outbox.write(1)
    with center.lock:
        assert not center.lock.wait_for(lambda: len(center.messages) > 4, 0.5)
    assert len(center.events) == 400
    center.answering = True
    center.answer(center.ack(outbox.epoch))
    outbox.wait_done(5001)


def test_the_broker_is_killed_again_and_again(
    outbox: MemoryOutbox, broker: Broker, center: Center, start: Callable[..., Running]
) -> None:
    start(batch_events=10)
    for _ in range(4):
        outbox.write(300)
        broker.kill()
        outbox.write(20)
        broker.restart()
        outbox.wait_done(len(outbox.bodies) - 200)
    outbox.wait_done(len(outbox.bodies))
    assert center.events.keys() == keys(outbox)


def test_the_broker_denies_and_comes_back(
    outbox: MemoryOutbox,
    broker: Broker,
    center: Center,
    start: Callable[..., Running],
    caplog: pytest.LogCaptureFixture,
) -> None:
    broker.deny()
    outbox.write(7)
    running = start()
    wait_for_log(caplog, "refused: Not authorized")
    assert outbox.done_upto == 0
    broker.restart()
    outbox.wait_done(7)
    assert running.thread.is_alive()


def test_no_broker_at_all(
    outbox: MemoryOutbox,
    broker: Broker,
    center: Center,
    start: Callable[..., Running],
    caplog: pytest.LogCaptureFixture,
) -> None:
    broker.kill()
    outbox.write(7)
    start()
    wait_for_log(caplog, "the broker does not answer at 127.0.0.1:")
    broker.restart()
    outbox.wait_done(7)


def test_a_lost_batch_is_sent_again_first(outbox: MemoryOutbox, center: Center, start: Callable[..., Running]) -> None:
    lost = set(range(11, 31))

    def swallow(seq: int) -> bool:
        if seq in lost:
            lost.discard(seq)
            return True
        return False

    center.swallow = swallow
    outbox.write(40)
    start(batch_events=10, **PATIENT)
    outbox.wait_done(40)
    assert center.events.keys() == keys(outbox)
    # Four batches, and the two lost ones again: nothing else was repeated.
    assert sum(count for _, count in center.messages) == 60


def test_a_center_that_asks_gets_it_again(outbox: MemoryOutbox, center: Center, start: Callable[..., Running]) -> None:
    center.answering = False
    outbox.write(6)
    start(**PATIENT)
    center.until(lambda: len(center.events) == 6)
    center.answer(Resend(epoch=outbox.epoch, ranges=((2, 3), (5, 900))))
    center.until(lambda: [count for _, count in center.messages] == [6, 2, 2])
    center.answering = True
    center.answer(center.ack(outbox.epoch))
    outbox.wait_done(6)


def test_acknowledgements_come_late_and_twice(
    outbox: MemoryOutbox, center: Center, start: Callable[..., Running]
) -> None:
    center.answering = False
    outbox.write(20)
    start(batch_events=5)
    center.until(lambda: len(center.events) == 20)
    final = center.ack(outbox.epoch)
    for _ in range(5):
        center.answer(final)
    outbox.wait_done(20)
    outbox.write(1)
    center.answering = True
    outbox.wait_done(21)
    assert outbox.acknowledged == [20, 21]


def test_a_restored_center_answers_lower(outbox: MemoryOutbox, center: Center, start: Callable[..., Running]) -> None:
    """It came back from a backup: what it no longer has is pending again and goes out again."""
    outbox.write(30)
    start(**PATIENT)
    outbox.wait_done(30)
    with center.lock:
        center.events = {key: body for key, body in center.events.items() if key[1] <= 12}
    center.answer(center.ack(outbox.epoch))
    center.until(lambda: center.events.keys() == keys(outbox))
    outbox.wait_done(30)
    assert outbox.acknowledged == [30, 12, 30]


def test_a_foreign_head_is_refused_and_alarmed(
    outbox: MemoryOutbox, center: Center, start: Callable[..., Running], caplog: pytest.LogCaptureFixture
) -> None:
    center.answering = False
    outbox.write(5)
    start()
    center.until(lambda: len(center.events) == 5)
    honest = center.ack(outbox.epoch)
    center.answer(msgspec.structs.replace(honest, head="ab" * 32))
    wait_for_log(caplog, "another event 5 of epoch")
    center.until(lambda: any(status.alarm == "fork" for status in center.statuses))
    assert (outbox.done_upto, outbox.acknowledged) == (0, [])
    center.answer(honest)
    outbox.wait_done(5)
    center.until(lambda: center.statuses[-1].alarm == "" and center.statuses[-1].pending == 0)


def test_a_center_that_has_more_makes_a_new_epoch(
    outbox: MemoryOutbox, center: Center, start: Callable[..., Running], caplog: pytest.LogCaptureFixture
) -> None:
    """An older copy of the database was brought back: its next numbers are already taken at the center."""
    outbox.write(10)
    old = outbox.epoch
    center.events = {(old, seq): body for seq, body in enumerate(outbox.bodies, 1)}
    with outbox.lock:
        del outbox.bodies[6:]
    start()
    center.until(lambda: (outbox.epoch, 7) in center.events)
    outbox.wait_done(7)
    assert outbox.old_epochs == ["behind"]
    assert outbox.epoch != old
    assert "starting a new epoch" in caplog.text


def test_what_is_not_an_acknowledgement_changes_nothing(
    outbox: MemoryOutbox, center: Center, start: Callable[..., Running], caplog: pytest.LogCaptureFixture
) -> None:
    center.answering = False
    outbox.write(3)
    start()
    center.until(lambda: len(center.events) == 3)
    honest = center.ack(outbox.epoch)
    center._client.publish(TOPICS.ack, b"\xff garbage")
    center._client.publish(TOPICS.ack, encode(msgspec.structs.replace(honest, epoch="f" * 16)))
    center._client.publish(TOPICS.cmd, b'{"do":"format"}')
    wait_for_log(caplog, "ignored: no usable Ack")
    assert (outbox.done_upto, outbox.acknowledged, outbox.old_epochs) == (0, [], [])
    center.answer(honest)
    outbox.wait_done(3)


def test_quarantined_events_are_done_for_the_station(
    outbox: MemoryOutbox, center: Center, start: Callable[..., Running]
) -> None:
    center.answering = False
    outbox.write(3)
    start()
    center.until(lambda: len(center.events) == 3)
    center.answer(msgspec.structs.replace(center.ack(outbox.epoch), quarantined=(2,)))
    outbox.wait_done(3)
    assert outbox.quarantined == {2}


def test_a_failing_database_ends_the_connection_not_the_relay(
    outbox: MemoryOutbox, center: Center, start: Callable[..., Running], caplog: pytest.LogCaptureFixture
) -> None:
    outbox.failures = [OSError("disk I/O error"), RuntimeError("database is locked")]
    outbox.write(3)
    running = start()
    outbox.wait_done(3)
    assert "relaying is interrupted" in caplog.text
    assert running.thread.is_alive()


def test_status_is_retained_and_the_will_speaks_when_the_line_breaks(
    outbox: MemoryOutbox, broker: Broker, center: Center, start: Callable[..., Running]
) -> None:
    with SimulatedLink(broker.port) as link:
        running = start(link.port)
        center.until(lambda: bool(center.statuses) and center.statuses[-1].online)
        link.close()
        center.until(lambda: not center.statuses[-1].online)
        running.stop()
    start()
    center.until(lambda: center.statuses[-1].online)


def test_a_goodbye_is_said(outbox: MemoryOutbox, center: Center, start: Callable[..., Running]) -> None:
    running = start()
    center.until(lambda: bool(center.statuses) and center.statuses[-1].online)
    running.stop()
    center.until(lambda: not center.statuses[-1].online)
    assert [status.online for status in center.statuses] == [True, False]


def test_a_bad_line_only_takes_longer(
    outbox: MemoryOutbox, broker: Broker, center: Center, start: Callable[..., Running]
) -> None:
    with SimulatedLink(broker.port, random=Random(7)) as link:
        link.command("lossy 15%")
        outbox.write(120)
        start(link.port, batch_events=20)
        outbox.wait_done(60)
        link.command("slow 256kbit")
        outbox.wait_done(120)
        link.command("down")
        outbox.write(5)
        link.command("up")
        outbox.wait_done(125)
    assert center.events.keys() == keys(outbox)


def test_a_broker_that_answers_nothing_is_given_up(
    outbox: MemoryOutbox,
    broker: Broker,
    center: Center,
    start: Callable[..., Running],
    caplog: pytest.LogCaptureFixture,
) -> None:
    with SimulatedLink(broker.port) as link:
        link.command("down")
        outbox.write(1)
        start(link.port, connect_timeout_s=0.3)
        wait_for_log(caplog, "no answer to CONNECT within 0.3 s")
        link.command("up")
        outbox.wait_done(1)


def test_a_limit_on_the_way_makes_smaller_batches(
    outbox: MemoryOutbox, tmp_path: Path, start: Callable[..., Running]
) -> None:
    conf = "allow_anonymous true\nmax_packet_size 1200\n"
    with claimed_port() as port, Broker(tmp_path / "small", port, conf) as small:
        center = Center(small.port)
        center.start()
        with outbox.lock:
            for seq in range(1, 61):
                noise = Random(seq).randbytes(150).hex()
                outbox.bodies.append(msgspec.json.encode({"epoch": outbox.epoch, "seq": seq, "pad": noise}))
        start(small.port)
        outbox.wait_done(60)
        center.stop()


def test_a_database_of_another_station_is_refused(outbox: MemoryOutbox) -> None:
    settings = RelaySettings("mqtt://127.0.0.1:1", "hotan", "S0148", "kiosk test")
    with pytest.raises(ValueError, match="belongs to station S0147, the settings name S0148"):
        Relay(outbox, Pace(settings))
