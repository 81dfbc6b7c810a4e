"""Whenever the power goes: the old release with its database or the new one with the migrated, and never neither."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.util import cache_from_source
from pathlib import Path

import pytest

from kiosk.app.update.helper import RELAY, STATION
from kiosk.station.update.journal import JournalFile, UpdatePhase
from kiosk.station.update.messages import UpdateFiles, Verdict
from kiosk.station.update.refusals import UpdateRefusalReason
from kiosk.station.update.updater import TRIALS
from tests.depth import TORTURE, many
from tests.station.update.machine import NEW, OLD, Behavior, Machine, lay_bundle
from tests.station.update.power import lines_of, run, worth_a_cut

BEHAVIORS = {
    "kept": Behavior(),
    "unhealthy": Behavior(healthy=UpdateRefusalReason.PAGES),
    "silent": Behavior(says=False),
    "busy": Behavior(busy=UpdateRefusalReason.BUSY_PAN),
}
ENDS = {"kept": {OLD, NEW}, "unhealthy": {OLD}, "silent": {OLD}, "busy": {OLD}}


class Bench:
    """Machines that all begin alike."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._made = folder, 0
        self._first = Machine(folder / "first").lay()
        lay_bundle(self._first.data / "updates")
        self._first.ask()
        self.before = self._first.content()
        kept = self.machine(Behavior())
        assert kept.update() is not None
        self.migrated = kept.content()
        assert self.migrated != self.before

    def machine(self, behavior: Behavior, like: Machine | None = None) -> Machine:
        self._made += 1
        return Machine(self._folder / str(self._made), behavior).like(like or self._first)

    def require_whole(self, machine: Machine, ends: set[str]) -> None:
        """Nothing of the update is left undone, and nothing that was booked is lost."""
        version, content = machine.version(), machine.content()
        assert version in ends
        assert content == {OLD: self.before, NEW: self.migrated}[version]
        assert machine.booked() == machine.kept_rows > 0
        assert machine.running == {STATION, RELAY}
        assert machine.entry() is None
        assert list(machine.runtime.iterdir()) == []
        left = {path for path in machine.files() if not path.startswith("data/updates/")} - {"releases/outcome.json"}
        modules = [f"releases/{NEW}/code/kiosk/{name}.py" for name in ("__init__", "station/service")]
        whole = {f"releases/{NEW}/release.json", *modules, *map(cache_from_source, modules)}
        assert left == (whole if version == NEW else set())
        assert not (machine.data / "before-update").exists()
        shutil.rmtree(machine.folder)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("power"))


def comes_back(machine: Machine, number: int) -> Callable[[], None]:
    """Every other time only the helper was killed, and systemd starts it again."""
    if number % 2:
        machine.boot()
        return machine.booted

    def again() -> None:
        machine.update()
        machine.station_acts()

    return again


def cuts(bench: Bench, behavior: Behavior, most: int) -> Iterator[int]:
    """Numbers of lines: all of them when torturing, else evenly over those that differ."""
    lines = lines_of(bench.machine(behavior).update)
    found = list(range(1, len(lines) + 1)) if TORTURE else worth_a_cut(lines)
    step = max(1, len(found) // most)
    yield from found[::step]


@pytest.mark.parametrize("name", BEHAVIORS)
def test_the_power_may_go_between_any_two_lines(bench: Bench, name: str) -> None:
    behavior = BEHAVIORS[name]
    for number in cuts(bench, behavior, many(10, torture=10**9, quick=2)):
        machine = bench.machine(behavior)
        assert run(machine.update, number)
        comes_back(machine, number)()
        bench.require_whole(machine, ENDS[name])


@pytest.mark.parametrize("name", ["kept", "unhealthy"])
def test_the_power_may_go_again_and_again(bench: Bench, name: str) -> None:
    chance = random.Random(name)
    for _ in range(many(4, torture=200, quick=1)):
        machine, number = bench.machine(BEHAVIORS[name]), chance.randint(1, 900)
        run(machine.update, number)
        for _ in range(chance.randint(1, 5)):
            run(comes_back(machine, chance.randint(0, 1)), chance.randint(1, 250))
        machine.boot()
        machine.booted()
        bench.require_whole(machine, ENDS[name])


def cut_on_trial(bench: Bench) -> Machine:
    """A machine whose new release was waiting for its verdict when the power went."""
    silent = BEHAVIORS["silent"]
    machine = bench.machine(silent)
    lines = lines_of(bench.machine(silent).update)
    assert run(machine.update, len(lines) // 2)  # most of them wait for a word of the new release
    entry = machine.entry()
    assert entry is not None
    assert entry.phase is UpdatePhase.TRIAL
    machine.board.numbers = 1  # the first one was taken by the process that is gone
    machine.boot()
    return machine


def test_a_power_cut_during_the_trial_says_nothing_of_the_new_version(bench: Bench) -> None:
    machine = cut_on_trial(bench)
    machine.behavior = Behavior()
    machine.booted()
    bench.require_whole(machine, {NEW})


def test_a_trial_that_is_begun_again_takes_no_verdict_of_the_one_before(bench: Bench) -> None:
    """The station had said that it was healthy, on a database that is not there any more."""
    machine = cut_on_trial(bench)
    entry = machine.entry()
    assert entry is not None
    UpdateFiles(machine.data).verdict.write(Verdict(None), entry.number)
    machine.booted()
    outcome = machine.outcome()
    assert outcome is not None
    assert outcome.why is UpdateRefusalReason.LATE
    bench.require_whole(machine, {OLD})


def test_a_version_whose_trial_is_interrupted_each_time_is_left(bench: Bench) -> None:
    """It may be what makes the machine restart. It is not unhealthy: a person may install it again."""
    machine = cut_on_trial(bench)
    for _ in range(TRIALS - 1):
        silent = bench.machine(BEHAVIORS["silent"], machine)
        lines = lines_of(silent.booted)
        assert run(machine.booted, len(lines) // 2)
        entry = machine.entry()
        assert entry is not None
        assert entry.phase is UpdatePhase.TRIAL
        machine.boot()
    machine.booted()
    outcome = machine.outcome()
    assert outcome is not None
    assert (outcome.why, outcome.version, outcome.stepped_back) == (UpdateRefusalReason.POWER_CUT, NEW, True)
    assert outcome.failed == ""
    bench.require_whole(machine, {OLD})


def test_a_release_that_the_power_cut_has_cost_is_not_tried_again(bench: Bench) -> None:
    """The former one would start in its place, and open its pages in the middle of a trial."""
    machine = cut_on_trial(bench)
    machine.behavior = Behavior()
    (machine.releases / NEW / "code/kiosk/__init__.py").unlink()
    machine.booted()
    outcome = machine.outcome()
    assert outcome is not None
    assert outcome.why is UpdateRefusalReason.POWER_CUT
    bench.require_whole(machine, {OLD})


def test_what_is_cut_off_while_it_steps_back_steps_back_again(bench: Bench) -> None:
    on_trial = cut_on_trial(bench)
    entry = on_trial.entry()
    assert entry is not None
    JournalFile(on_trial.releases).write(replace(entry, interrupted=TRIALS - 1))
    lines = lines_of(bench.machine(BEHAVIORS["silent"], on_trial).booted)
    found = list(range(1, len(lines) + 1)) if TORTURE else worth_a_cut(lines)
    for number in found[:: max(1, len(found) // many(10, torture=10**9, quick=2))]:
        machine = bench.machine(BEHAVIORS["silent"], on_trial)
        assert run(machine.booted, number)
        machine.boot()
        machine.booted()
        bench.require_whole(machine, {OLD})
