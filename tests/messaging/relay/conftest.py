"""A broker, a center and an outbox for each test of the relay."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kiosk.simulators.broker import Broker
from kiosk.store.database.migrate import migrate
from tests.messaging.ports import claimed_port
from tests.messaging.relay.stand import Center, MemoryOutbox, Running


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty migrated database: made once, copied by every test."""
    path = tmp_path_factory.mktemp("template") / "empty.sqlite"
    migrate(path)
    return path


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with claimed_port() as port, Broker(tmp_path / "broker", port) as running:
        yield running


@pytest.fixture
def outbox() -> MemoryOutbox:
    return MemoryOutbox()


@pytest.fixture
def center(broker: Broker) -> Iterator[Center]:
    one = Center(broker.port)
    one.start()
    yield one
    one.stop()


@pytest.fixture
def start(outbox: MemoryOutbox, broker: Broker) -> Iterator[Callable[..., Running]]:
    """Starts relays and proves that each thread ends."""
    before = set(threading.enumerate())
    running: list[Running] = []

    def begin(port: int | None = None, **more: object) -> Running:
        running.append(Running(outbox, port or broker.port, **more))
        return running[-1]

    yield begin
    for one in running:
        one.stop()
    left = [thread.name for thread in set(threading.enumerate()) - before if "paho" not in thread.name]
    assert left == []
