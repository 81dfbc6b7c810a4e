"""A line that people use as well: the relay stays below its allowance, and says how long the rest takes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

import msgspec

from kiosk.messaging.relay.pace import Pace, Tuning
from kiosk.messaging.relay.relay import Relay
from kiosk.messaging.relay.shared.ports import StationSide
from kiosk.messaging.relay.shared.settings import RelaySettings
from kiosk.simulators.broker import Broker
from tests.messaging.relay.stand import SOON_S, Center, MemoryOutbox, Watch


class Standing:
    """A relay whose clock the test moves; real time decides nothing but how soon it is looked at."""

    def __init__(self, outbox: MemoryOutbox, broker: Broker, per_s: int) -> None:
        self.now, self.watch, self._stop = 1000.0, Watch(), threading.Event()
        url = f"mqtt://127.0.0.1:{broker.port}"
        settings = RelaySettings(
            url,
            "hotan",
            "S0147",
            "kiosk test",
            resend_s=9000,
            resend_max_s=9000,
            reconnect_s=0.05,
            bytes_per_second=per_s,
        )
        pace = Pace(settings, Random(1), Tuning(poll_s=0.01, status_s=9000))
        relay = Relay(outbox, pace, clock=lambda: self.now, side=StationSide(self.watch))
        self._thread = threading.Thread(target=relay.run, args=(self._stop,), name="relay")

    @contextmanager
    def running(self) -> Iterator[None]:
        self._thread.start()
        try:
            yield
        finally:
            self._stop.set()
            self._thread.join(SOON_S)
        assert not self._thread.is_alive()


def looked(outbox: MemoryOutbox, times: int = 5) -> None:
    """Until the relay has gone round so often again, with nothing left to do but what its allowance keeps back."""
    with outbox.lock:
        begin = outbox.looks
    ended = threading.Event()
    while True:
        with outbox.lock:
            if outbox.looks >= begin + times:
                return
        ended.wait(0.01)


def fill(outbox: MemoryOutbox, count: int, size: int) -> None:
    """Events that compression makes half as large."""
    with outbox.lock:
        for seq in range(len(outbox.bodies) + 1, len(outbox.bodies) + count + 1):
            noise = Random(seq).randbytes(size // 2).hex()
            outbox.bodies.append(msgspec.json.encode({"epoch": outbox.epoch, "seq": seq, "pad": noise}))


def test_a_message_goes_when_its_turn_is_paid_and_not_before(
    outbox: MemoryOutbox, broker: Broker, center: Center
) -> None:
    """1,000 bytes a second: a message takes three seconds, and the next one waits for them."""
    fill(outbox, 40, 800)
    station = Standing(outbox, broker, 1000)
    with station.running():
        for sent in range(1, 6):
            center.until(lambda: len(center.messages) >= sent)  # noqa: B023 - called at once
            outbox.wait_done(sum(count for _, count in center.messages))
            looked(outbox)
            assert len(center.messages) == sent
            station.now += 3.0
        assert outbox.done_upto < 40
        station.now += 20.0
        outbox.wait_done(outbox.done_upto + 1)


def test_how_long_the_rest_takes_is_said_when_it_is_known_and_runs_down(
    outbox: MemoryOutbox, broker: Broker, center: Center
) -> None:
    fill(outbox, 60, 800)
    station = Standing(outbox, broker, 1000)
    with station.running():
        told = 0
        while outbox.done_upto < 60:
            # In 3.5 s every message is paid for: one goes and is acknowledged in each, however slow this machine is.
            center.until(lambda: len(center.messages) > told)  # noqa: B023 - called at once
            told = len(center.messages)
            outbox.wait_done(sum(count for _, count in center.messages))
            looked(outbox)
            station.now += 3.5
        assert told > 3
        station.watch.until(lambda: station.watch.lefts[-1:] == [None])
    known = [left for left in station.watch.lefts if left is not None]
    assert station.watch.lefts[0] is None, "nothing is known at first"
    assert len(known) >= 2
    whole_s = 60 * 800 / 1000
    assert 0.0 < known[-1] < known[0] < whole_s


def test_without_a_limit_nothing_waits(outbox: MemoryOutbox, broker: Broker, center: Center) -> None:
    fill(outbox, 300, 800)
    with Standing(outbox, broker, 0).running():
        outbox.wait_done(300)
