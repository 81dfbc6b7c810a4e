"""A broker may forget what a station has subscribed to, and say nothing of it: the way out is another connection."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.messaging.relay.connection import PubAck
from kiosk.messaging.relay.pace import HELLO_INTERVAL_S
from tests.messaging.relay.line import TOPICS, Bench

STEP_S = 5.0


@pytest.fixture
def bench(tmp_path: Path, template: Path) -> Iterator[Bench]:
    one = Bench(tmp_path / "kiosk.sqlite", template)
    with one.open:
        yield one


def deaf_for(bench: Bench, seconds: float) -> None:
    """Everything sent now arrives and PUBACK comes back; no answer of the center does."""
    end, acknowledged = bench.now + seconds, 0
    while bench.now < end and not bench.session.is_over:
        bench.pump()
        for mid in range(acknowledged + 1, acknowledged + len(bench.wire.sent) + 1):
            bench.session._on_event(bench.connection, PubAck(mid))
        acknowledged += len(bench.wire.sent)
        bench.wire.carried(bench.ledger)
        bench.now += STEP_S


def test_another_connection_is_made_when_the_center_is_silent_for_long(bench: Bench) -> None:
    bench.intakes(3)
    deaf_for(bench, HELLO_INTERVAL_S + 2 * 60)
    assert bench.session.is_over
    bench.connect()
    bench.flow()
    assert bench.relay.outbox.counts().pending == 0


def test_a_center_that_answers_is_waited_for(bench: Bench) -> None:
    bench.intakes(3)
    for _ in range(10):
        deaf_for(bench, HELLO_INTERVAL_S / 3)
        bench.session._on_message(bench.connection, TOPICS.resend, b"{}")  # a word of it, whatever it says
    assert not bench.session.is_over


def test_a_station_that_waits_for_nothing_stays_connected(bench: Bench) -> None:
    bench.intakes(3)
    bench.flow()
    deaf_for(bench, 5 * HELLO_INTERVAL_S)
    assert not bench.session.is_over
