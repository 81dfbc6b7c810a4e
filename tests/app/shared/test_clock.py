"""Setting the clock: what the station asks for, what root does of it, and what neither ever does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kiosk.app.shared.clock import ClockHelper
from kiosk.base.refused import Refused
from kiosk.base.root_requests import REQUESTS, Asker
from kiosk.domain.moment import ClockQuality, Moment
from kiosk.station.shared.clock import EARLIEST_VALID_TIME
from kiosk.station.shared.clock_setting import (
    LATEST_VALID_TIME,
    ClockRequest,
    ClockResponse,
    ClockSetter,
    answer_file,
    request_file,
    typed_time,
)

BOOT = "6d0b5a4e-1f5e-4b7c-9d0a-000000000001"
UNSET = Moment(datetime(1970, 1, 1, 0, 2, tzinfo=UTC), "Asia/Shanghai", 480, ClockQuality.UNSET, BOOT, 120_000)
TODAY = datetime(2026, 12, 1, 6, 35, tzinfo=UTC)


@dataclass
class Machine:
    """Its clock, its clock module, and how long the helper takes to begin."""

    folder: Path
    shows: datetime = UNSET.utc
    late_s: float = 2.0
    boot: str = BOOT
    module: list[datetime] = field(default_factory=list)
    fault: OSError | None = None
    module_fault: OSError | None = None

    def __post_init__(self) -> None:
        (self.folder / "run").mkdir()
        self.data = self.folder / "data"
        self.data.mkdir()

    @property
    def helper(self) -> ClockHelper:
        return ClockHelper(
            self.data,
            answer_file(self.folder / "run"),
            self.folder / "rtc0",
            lambda: self.boot,
            lambda: UNSET.monotonic_ms / 1000 + self.late_s,
            lambda: self.shows.timestamp(),
            self._set,
            self._set_module,
        )

    def _set(self, seconds: float) -> None:
        if self.fault:
            raise self.fault
        self.shows = datetime.fromtimestamp(seconds, UTC)

    def _set_module(self, device: Path, at: datetime) -> None:
        if self.module_fault:
            raise self.module_fault
        self.module.append(at)

    def ask(self, **changes: object) -> ClockResponse | None:
        request = replace_request(ClockRequest(round(TODAY.timestamp()), BOOT, UNSET.monotonic_ms, True), **changes)
        request_file(self.data).write(request)
        return self.helper.run()

    @contextmanager
    def setter(self) -> Iterator[ClockSetter]:
        """The station's side; a request that is written is seen as systemd sees it."""
        end = threading.Event()

        def watch() -> None:
            while not end.wait(0.01):
                if request_file(self.data).exists():
                    self.helper.run()

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            yield ClockSetter(Asker(request_file(self.data), answer_file(self.folder / "run"), lambda: 0.0))
        finally:
            end.set()
            watcher.join()


def replace_request(request: ClockRequest, **changes: object) -> ClockRequest:
    return ClockRequest(**{name: changes.get(name, getattr(request, name)) for name in request.__struct_fields__})  # type: ignore[arg-type]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_from_1970_to_today_with_the_module(machine: Machine) -> None:
    with machine.setter() as setter:
        setter.set(TODAY, UNSET, forward=True)
    assert machine.shows == TODAY + timedelta(seconds=2), "the helper was two seconds late"
    assert machine.module == [machine.shows]
    assert not [*(machine.data / REQUESTS).iterdir()]


def test_back_is_for_the_technician_alone(machine: Machine) -> None:
    machine.shows = TODAY + timedelta(days=400)
    now = replace(UNSET, utc=machine.shows, quality=ClockQuality.RESTORED)
    with machine.setter() as setter:
        assert refused(lambda: setter.set(TODAY, now, forward=True)) == "clock_back"
        assert (ask := machine.ask()) is not None, "the helper judges by its own clock"
        assert ask.word == "back"
        setter.set(TODAY, now, forward=False)
    assert machine.shows == TODAY + timedelta(seconds=2)


def test_what_no_clock_may_show_root_sets_for_nobody(machine: Machine) -> None:
    for at, word in (
        (EARLIEST_VALID_TIME - timedelta(seconds=3), "early"),
        (LATEST_VALID_TIME, "late"),
        (datetime(1970, 1, 1, tzinfo=UTC), "early"),
    ):
        answer = machine.ask(at=round(at.timestamp()), forward=False)
        assert answer is not None
        assert answer.word == word
    for at in (2**62, -(2**62)):
        answer = machine.ask(at=at, forward=False)
        assert answer is not None
        assert answer.word == "late"
    assert (machine.shows, machine.module) == (UNSET.utc, [])


def test_what_a_power_cut_or_a_sleep_has_left_sets_nothing(machine: Machine) -> None:
    for changes in ({"boot_id": "another"}, {"monotonic_ms": UNSET.monotonic_ms + 60_000}, {"monotonic_ms": 1}):
        answer = machine.ask(**changes)
        assert answer is not None
        assert answer.word == "stale"
    assert machine.shows == UNSET.utc


def test_root_trusts_nothing_in_the_folder(machine: Machine) -> None:
    assert machine.helper.run() is None
    for content in (b"", b"{", b'{"kind":"clock","id":"' + b"0" * 32 + b'","body":{"at":"now"}}', b"x" * 100_000):
        request_file(machine.data).path.parent.mkdir(exist_ok=True)
        request_file(machine.data).path.write_bytes(content)
        assert machine.helper.run() is None
        assert not request_file(machine.data).exists()
    assert machine.shows == UNSET.utc


def test_a_machine_without_module_and_one_that_cannot_be_set(machine: Machine) -> None:
    for fault in (FileNotFoundError(), OSError(22, "Invalid argument")):
        machine.module_fault = fault
        assert machine.ask(forward=False) == ClockResponse()
    machine.fault = PermissionError(1, "Operation not permitted")
    assert machine.ask(forward=False) == ClockResponse("failed")


def test_where_nobody_answers_and_where_nobody_may(machine: Machine) -> None:
    asker = Asker(request_file(machine.data), answer_file(machine.folder / "run"), lambda: 0.0, timeout_s=0.0)
    assert refused(lambda: ClockSetter(asker).set(TODAY, UNSET, forward=True)) == "clock_silent"
    assert refused(lambda: ClockSetter(None).set(TODAY, UNSET, forward=True)) == "clock_none"
    assert not request_file(machine.data).exists()


def test_a_signed_document_proves_a_time_and_never_an_earlier_one(machine: Machine) -> None:
    with machine.setter() as setter:
        setter.prove(TODAY, UNSET)
        assert machine.shows == TODAY + timedelta(seconds=2)
        now = replace(UNSET, utc=machine.shows, quality=ClockQuality.RESTORED)
        setter.prove(TODAY - timedelta(days=1), now)
        setter.prove(TODAY + timedelta(days=1), replace(now, quality=ClockQuality.SYNCED))
        setter.prove(LATEST_VALID_TIME + timedelta(days=1), now)
        assert machine.shows == TODAY + timedelta(seconds=2), "not back, not against a time server, not beyond reason"
        setter.prove(TODAY + timedelta(days=1), now)
        assert machine.shows == TODAY + timedelta(days=1, seconds=2)
    ClockSetter(None).prove(TODAY, UNSET)


def test_what_is_typed_is_the_time_of_the_village() -> None:
    assert typed_time("202612011435", "Asia/Shanghai") == TODAY
    assert typed_time("202612011235", "Asia/Urumqi") == TODAY
    for typed in (
        "",
        "2026120114",
        "202613011435",
        "202602300000",
        "202612012460",
        "２" * 12,
        "0" * 12,
    ):
        assert refused(lambda typed=typed: typed_time(typed, "Asia/Shanghai")) == "clock_no_time"


def refused(act: Callable[[], object]) -> str:
    with pytest.raises(Refused) as caught:
        act()
    return caught.value.code
