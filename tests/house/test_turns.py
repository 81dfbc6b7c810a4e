"""The order of a run names files that are there, nobody starts a second RabbitMQ without need, and every run ends."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.turns import LONG_ONES_FIRST, ONE_RABBITMQ, Units, turn_of, unit_of

ROOT = Path(__file__).resolve().parents[2]
FILES = {path.relative_to(ROOT).as_posix(): path for path in (ROOT / "tests").rglob("test_*.py")}


def test_every_name_in_the_order_is_there() -> None:
    assert [start for start in LONG_ONES_FIRST if not any(file.startswith(start) for file in FILES)] == []
    assert turn_of(LONG_ONES_FIRST[0] + "::test_one") == 0
    assert turn_of("tests/domain/test_mass.py") == len(LONG_ONES_FIRST)


def test_whoever_takes_the_shared_node_of_rabbitmq_is_in_its_unit() -> None:
    takes = re.compile(r'usefixtures\("rabbitmq"\)|\brabbitmq: RabbitMQ|\bvhost: Vhost')
    users = {file for file, path in FILES.items() if "/sorting_center/" in file and takes.search(path.read_text())}
    assert users == ONE_RABBITMQ


def test_a_file_is_handed_out_as_a_whole() -> None:
    assert unit_of("tests/store/test_a.py::test_one[x::y]") == "tests/store/test_a.py"
    assert {unit_of(f"{file}::test_one") for file in ONE_RABBITMQ} == {"RabbitMQ"}


# --- a process that dies ----------------------------------------------------------------------------------------------


class Worker:
    """Stands in for one process of xdist: it begins a test when it knows the next one, or that there is none."""

    def __init__(self) -> None:
        self.gateway = SimpleNamespace(id="gw")
        self.shutting_down = False
        self.waiting: list[int] = []

    def send_runtest_some(self, indices: list[int]) -> None:
        self.waiting += indices

    def shutdown(self) -> None:
        self.shutting_down = True

    def has_begun(self) -> bool:
        return len(self.waiting) > (0 if self.shutting_down else 1)


class Run:
    """What xdist's own loop does with a scheduler, a test at a time."""

    def __init__(self, tests: list[str], workers: int) -> None:
        config: Any = SimpleNamespace(
            getvalue=lambda _: ["popen"] * workers, option=SimpleNamespace(loadscopereorder=False)
        )
        self.tests, self.done = tests, list[str]()
        self.units = Units(config)
        self.workers = [Worker() for _ in range(workers)]
        for worker in self.workers:
            self.begin(worker)
            self.knows_its_tests(worker)

    def begin(self, worker: Any) -> None:
        self.units.add_node(worker)

    def knows_its_tests(self, worker: Any) -> None:
        self.units.add_node_collection(worker, self.tests)
        if self.units.collection_is_completed:
            self.units.schedule()

    def step(self, worker: Any) -> None:
        index = worker.waiting.pop(0)
        self.done.append(self.tests[index])
        self.units.mark_test_complete(worker, index)

    def die(self, worker: Any) -> str | None:
        self.workers.remove(worker)
        return self.units.remove_node(worker)

    def to_its_end(self) -> None:
        """Returns when nobody can go on any more, ended or not."""
        while True:
            if self.units.tests_finished:
                for worker in self.workers:
                    worker.shutdown()
            able = [worker for worker in self.workers if worker.has_begun()]
            if not able:
                return
            self.step(able[0])


TESTS = [f"tests/{file}.py::test_{number}" for file, count in enumerate((3, 1, 1, 4, 2, 1)) for number in range(count)]


def new_process(run: Run) -> Worker:
    """In the place of the one that died, as xdist begins it."""
    run.workers.append(Worker())
    run.begin(run.workers[-1])
    return run.workers[-1]


def test_a_run_ends_whenever_a_process_of_it_dies() -> None:
    for before in range(len(TESTS)):
        run = Run(TESTS, 2)
        first = run.workers[0]
        for _ in range(before):
            if first.has_begun():
                run.step(first)
        done = list(run.done)
        assert run.die(first) not in done
        run.knows_its_tests(new_process(run))
        run.to_its_end()
        assert sorted(run.done) == TESTS, f"after {done}"


def test_a_run_ends_when_the_others_have_nothing_left_before_one_dies() -> None:
    """What it leaves is for the new process alone: nobody else asks for more."""
    for before in range(3):
        run = Run(TESTS, 2)
        first, second = run.workers
        for _ in range(before):
            run.step(first)
        while second.has_begun():
            run.step(second)
        assert second.shutting_down
        done = list(run.done)
        run.die(first)
        run.knows_its_tests(new_process(run))
        run.to_its_end()
        assert sorted(run.done) == TESTS, f"after {done}"


def test_a_second_death_while_the_new_process_collects() -> None:
    run = Run(TESTS, 2)
    first, second = run.workers
    run.die(first)
    new = new_process(run)
    run.die(second)
    newer = new_process(run)
    run.knows_its_tests(new)
    run.knows_its_tests(newer)
    run.to_its_end()
    assert sorted(run.done) == TESTS
