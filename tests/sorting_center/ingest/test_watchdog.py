"""Messages that wait and are not taken in show, and so does a part that has ended."""

from __future__ import annotations

import pytest

from kiosk.sorting_center.ingest.watchdog import MAX_PAUSE_S, STALLED_S, IngestWatchdog
from kiosk.sorting_center.shared.health import CenterHealth


class Line:
    """A receiving connection on a clock of its own."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.since: float | None = None
        self.taken = 0
        self.hung_up: list[float] = []

    def waiting_s(self) -> float | None:
        return None if self.since is None else self.now - self.since

    def settled(self) -> int:
        return self.taken

    def waiting(self) -> int:
        return 0 if self.since is None else 1

    def request_redelivery(self) -> None:
        self.hung_up.append(self.now)
        self.since = self.now  # and the same comes again


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
def health() -> CenterHealth:
    made = CenterHealth()
    made.set_connected(True)
    return made


def watch(watchdog: IngestWatchdog, line: Line, seconds: float) -> None:
    for _ in range(int(seconds)):
        line.now += 1
        watchdog.check()


@pytest.fixture
def watchdog(line: Line, health: CenterHealth) -> IngestWatchdog:
    return IngestWatchdog(line, health, {}, lambda: line.now)


def test_messages_that_wait_too_long_are_told_and_asked_for_again_ever_more_rarely(
    watchdog: IngestWatchdog, line: Line, health: CenterHealth
) -> None:
    watch(watchdog, line, 100)
    assert health.report().ok
    line.since = line.now
    watch(watchdog, line, STALLED_S - 1)
    assert health.report().ok
    watch(watchdog, line, 2)
    assert not health.report().ok
    assert "none is taken in" in health.report().intake_trouble
    watch(watchdog, line, 7200)
    assert not health.report().ok, "a new connection alone proves nothing"
    pauses = [after - before for before, after in zip(line.hung_up, line.hung_up[1:], strict=False)]
    assert pauses == sorted(pauses)
    assert STALLED_S <= pauses[0] <= 2 * STALLED_S
    assert MAX_PAUSE_S <= pauses[-1] <= MAX_PAUSE_S + STALLED_S
    line.taken, line.since = 1, None
    watch(watchdog, line, 1)
    assert health.report().ok


def test_when_nothing_comes_again_it_is_over(watchdog: IngestWatchdog, line: Line, health: CenterHealth) -> None:
    line.since = line.now
    watch(watchdog, line, STALLED_S)
    line.since = None
    watch(watchdog, line, STALLED_S - 1)
    assert not health.report().ok
    watch(watchdog, line, 2)
    assert health.report().ok


def test_a_connection_that_is_down_does_not_end_it(watchdog: IngestWatchdog, line: Line, health: CenterHealth) -> None:
    """Nothing can come over it: that nothing waits says nothing."""
    line.since = line.now
    watch(watchdog, line, STALLED_S)
    line.since = None
    health.set_connected(False)
    watch(watchdog, line, 2 * STALLED_S)
    assert "none is taken in" in health.report().intake_trouble
    health.set_connected(True)
    watch(watchdog, line, STALLED_S - 1)
    assert not health.report().ok
    watch(watchdog, line, 2)
    assert health.report().ok


def test_a_ledger_that_cannot_be_written_is_told_by_itself(
    watchdog: IngestWatchdog, line: Line, health: CenterHealth
) -> None:
    health.set_fault("ledger", "the disk is full")
    line.since = line.now
    watch(watchdog, line, 600)
    assert (health.report().intake_trouble, line.hung_up) == ("", [])
    health.set_fault("ledger")
    watch(watchdog, line, STALLED_S - 1)
    assert health.report().ok, "it has as long as ever to catch up"
    watch(watchdog, line, 2)
    assert not health.report().ok


def test_damage_of_the_ledger_is_told_although_nothing_comes(line: Line, health: CenterHealth) -> None:
    found = [""]
    watchdog = IngestWatchdog(line, health, {}, lambda: line.now, lambda: found[0])
    watchdog.check()
    assert health.report().ok
    found[0] = "the ledger is damaged"
    watchdog.check()
    assert (health.report().ok, health.report().ledger_trouble) == (False, "the ledger is damaged")


def test_a_part_that_has_ended_is_named(line: Line, health: CenterHealth) -> None:
    runs = [True]
    watchdog = IngestWatchdog(line, health, {"ingest worker": lambda: runs[0], "feed": lambda: True}, lambda: line.now)
    watchdog.check()
    assert health.report().ok
    runs[0] = False
    watchdog.check()
    assert health.report().intake_trouble == "The ingest worker has ended: restart the sorting center."
    assert not health.report().ok
