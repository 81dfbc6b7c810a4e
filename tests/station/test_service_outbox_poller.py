"""The poller of the outbox: what another process has done is seen, own writes are seen, trouble passes."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import pytest

from kiosk.base.worker import Worker
from kiosk.station.service import OutboxPoller
from kiosk.store import DatabaseLocked, OutboxCounts, Store
from kiosk.store.database.opening import OpenOptions
from tests.station.fakes import STAMP
from tests.station.hardware import Heard, bring_in


@contextmanager
def polling(
    store: object, on_pending: Callable[[int], None], on_change: Callable[[], None], period_s: float = 0.01
) -> Iterator[OutboxPoller]:
    poller = OutboxPoller(store, on_pending, on_change, period_s)  # type: ignore[arg-type]
    worker = Worker("poller", poller.poll, retry_s=period_s)
    worker.start()
    yield poller
    worker.stop()


def test_an_acknowledgement_in_another_process_is_seen(store: Store, tmp_path: Path) -> None:
    bring_in(store)
    pending, changes = Heard(), Heard()
    relay = Store.open(tmp_path / "station.db", "S0147", STAMP, OpenOptions(reserve_bytes=0))
    with polling(store, pending, changes):
        pending.wait(lambda told: told == [store.outbox.counts().last_seq])
        relay.outbox.acknowledge(2, [])
        pending.wait(lambda told: told[-1] == store.outbox.counts().last_seq - 2)
        changes.wait(lambda told: len(told) == 2)
    relay.close()


def test_a_write_of_this_process_is_seen_after_a_word(store: Store) -> None:
    pending = Heard()
    with polling(store, pending, lambda: None) as poller:
        pending.wait(lambda told: len(told) == 1)
        bring_in(store)
        poller.reread()
        pending.wait(lambda told: told[-1] == store.outbox.counts().pending)


class Quiet:
    """A store where nothing happens, or where things fail."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.looked = Heard()
        self.reads = 0

    @property
    def outbox(self) -> Self:
        return self

    def changed(self) -> bool:
        self.looked(None)
        return False

    def counts(self) -> OutboxCounts:
        self.reads += 1
        if self.errors:
            raise self.errors.pop(0)
        return OutboxCounts(7, 9, 2)


def test_nothing_is_read_while_nothing_changes() -> None:
    quiet, pending = Quiet(), Heard()
    with polling(quiet, pending, lambda: None, 0.001):
        quiet.looked.wait(lambda told: len(told) > 20)
    assert quiet.reads == 1
    assert pending.told == [7]


@pytest.mark.parametrize("error", [DatabaseLocked("locked"), sqlite3.OperationalError("closed"), ZeroDivisionError()])
def test_what_could_not_be_read_is_read_again(error: Exception) -> None:
    quiet, pending = Quiet(*[error] * 5), Heard()
    with polling(quiet, pending, lambda: None, 0.001):
        pending.wait(lambda told: told == [7])


def test_a_listener_that_raises_does_not_end_the_polling() -> None:
    quiet, pending = Quiet(), Heard()

    def broken() -> None:
        if len(pending.told) < 3:
            raise RuntimeError("the screen is gone")

    with polling(quiet, pending, broken, 0.001):
        pending.wait(lambda told: len(told) == 3)
