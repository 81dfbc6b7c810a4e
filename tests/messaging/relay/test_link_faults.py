"""What a broker refuses is one word for people, and nothing is lost by it. With Mosquitto where it can do it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from kiosk.messaging.relay.shared.faults import LinkFault, fault_of
from kiosk.simulators.broker import DEFAULT_CONF, Broker
from tests.messaging.ports import claimed_port
from tests.messaging.relay.stand import Center, MemoryOutbox, Running
from tests.messaging.relay.stub_broker import OldVersion, Refusing

Start = Callable[..., Running]


def test_words(subtests: pytest.Subtests) -> None:
    for code, word in [
        (0x00, None),
        (0x10, LinkFault.NO_SUBSCRIBERS),
        (0x80, None),
        (0x86, LinkFault.NOT_AUTHORIZED),
        (0x87, LinkFault.NOT_AUTHORIZED),
        (0x89, None),
        (0x8B, None),
        (0x8E, LinkFault.SESSION_TAKEOVER),
        (0x90, LinkFault.TOPIC_INVALID),
        (0x95, LinkFault.TOO_LARGE),
        (0x97, LinkFault.QUOTA),
        (0x99, LinkFault.REFUSED),
    ]:
        with subtests.test(code=code, word=word):
            assert fault_of(code) is word


def test_nobody_listens(outbox: MemoryOutbox, broker: Broker, start: Start) -> None:
    outbox.write(3)
    running = start()
    running.watch.until(lambda: LinkFault.NO_SUBSCRIBERS in running.watch.faults)
    late = Center(broker.port)
    late.start()
    outbox.wait_done(3)
    running.watch.until(lambda: "" in running.watch.alarms)
    late.stop()


def test_an_access_list_without_the_station(outbox: MemoryOutbox, tmp_path: Path, start: Start) -> None:
    """It may listen and not speak; in, but not allowed."""
    acl = tmp_path / "acl"
    acl.write_text("topic read #\n")
    acl.chmod(0o600)
    with claimed_port() as port, Broker(tmp_path / "deaf", port, f"{DEFAULT_CONF}acl_file {acl}\n") as deaf:
        outbox.write(1)
        running = start(deaf.port)
        running.watch.until(lambda: LinkFault.NOT_AUTHORIZED in running.watch.faults)
        running.stop()
    assert outbox.done_upto == 0


def test_a_broker_that_lets_nobody_in(outbox: MemoryOutbox, broker: Broker, start: Start) -> None:
    broker.deny()
    outbox.write(1)
    running = start()
    running.watch.until(lambda: running.watch.faults[:1] == [LinkFault.NOT_AUTHORIZED])


def test_an_event_that_is_too_large_for_the_broker(outbox: MemoryOutbox, tmp_path: Path, start: Start) -> None:
    conf = f"{DEFAULT_CONF}max_packet_size 1200\n"
    with claimed_port() as port, Broker(tmp_path / "small", port, conf) as small:
        outbox.bodies.append(msgspec.json.encode({"epoch": outbox.epoch, "seq": 1, "pad": "0" * 4000}))
        running = start(small.port)
        running.watch.until(lambda: LinkFault.TOO_LARGE in running.watch.faults)
        running.stop()


@pytest.mark.parametrize(
    ("code", "word"), [(0x97, LinkFault.QUOTA), (0x90, LinkFault.TOPIC_INVALID), (0x83, LinkFault.REFUSED)]
)
def test_a_puback_with_a_reason(outbox: MemoryOutbox, start: Start, code: int, word: LinkFault) -> None:
    outbox.write(1)
    with Refusing(puback=code) as stub:
        running = start(stub.port)
        running.watch.until(lambda: word in running.watch.faults)
        running.stop()
    assert set(running.watch.faults) == {word}
    assert outbox.done_upto == 0


def test_an_end_with_a_reason(outbox: MemoryOutbox, start: Start) -> None:
    with Refusing(disconnect=0x97) as stub:
        running = start(stub.port)
        running.watch.until(lambda: LinkFault.QUOTA in running.watch.faults)
        running.stop()


def test_two_machines_with_one_card_say_so_and_do_not_throw_each_other_off_all_the_time(
    outbox: MemoryOutbox, center: Center, start: Start
) -> None:
    """Each is told by the broker; the center hears two boots by turns. Whoever was thrown off waits its longest."""
    first = start(boot="aaaa", reconnect_max_s=0.5)
    second = start(boot="bbbb", reconnect_max_s=0.5)
    for one in (first, second):
        one.watch.until(lambda: LinkFault.SESSION_TAKEOVER in one.watch.faults)  # noqa: B023 - called at once
    center.until(lambda: len({hello.boot for hello in center.hellos}) == 2)
    center.until(lambda: len([one.boot for one in center.hellos]) >= 4)
    for boot in ("aaaa", "bbbb"):
        moments = [hello.monotonicms for hello in center.hellos if hello.boot == boot]
        assert moments == sorted(moments)


def test_a_broker_of_mqtt_3_gets_everything_and_is_said_to_be_silent(
    outbox: MemoryOutbox, broker: Broker, center: Center, start: Start
) -> None:
    with OldVersion(broker.port) as old:
        outbox.write(30)
        running = start(old.port)
        outbox.wait_done(30)
        running.watch.until(lambda: LinkFault.MQTT_3 in running.watch.faults)
        assert old.versions[:2] == [5, 4]
        running.stop()
        center.until(lambda: not center.statuses[-1].online)
    assert center.events.keys() == {(outbox.epoch, seq) for seq in range(1, 31)}
