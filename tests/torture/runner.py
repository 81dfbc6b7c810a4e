"""One seed, one run; of a run that fails the shortest list of steps."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kiosk.store.database.migrate import migrate
from tests.torture.center import Parts
from tests.torture.judgement import heal, judge
from tests.torture.machine import Machine
from tests.torture.world import WHOLE, Step, World, steps_of

STEPS: Final = 80
_MOST_TRIES: Final = 300
"""Runs that the search for a shorter list may cost."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A list of steps, and what broke."""

    seed: int
    steps: tuple[tuple[int, Step], ...]
    """With its place in the list of the seed."""
    broken: str

    def __str__(self) -> str:
        lines = [f"  {place:3} {step}" for place, step in self.steps]
        only = ",".join(str(place) for place, _ in self.steps)
        return "\n".join([f"seed {self.seed}: {self.broken}", *lines, again(self.seed, only)])


def again(seed: int, only: str = "") -> str:
    """How to see it once more."""
    return f"again: python -m tests.torture --seed {seed}" + (f" --only {only}" if only else "")


class Runner:
    """Keeps an empty migrated database for all its runs, in memory where the machine has room for that."""

    def __init__(self, station: type[Machine] = Machine, parts: Parts = WHOLE) -> None:
        """``station`` and ``parts`` are whole, or break a rule to try the harness itself."""
        self._station, self._parts = station, parts
        memory = Path("/dev/shm")
        self._folder = Path(tempfile.mkdtemp(prefix="torture-", dir=memory if memory.is_dir() else None))
        self._template = self._folder / "template.sqlite"
        migrate(self._template)
        self._runs = 0

    def close(self) -> None:
        """Leave nothing behind."""
        shutil.rmtree(self._folder)

    @contextmanager
    def world(self) -> Iterator[World]:
        """A new one, which leaves nothing behind."""
        self._runs += 1
        folder = self._folder / f"run-{self._runs}"
        folder.mkdir()
        world = World(folder, self._template, self._station, self._parts)
        try:
            yield world
        finally:
            world.close()
            shutil.rmtree(folder)

    def broken_by(self, steps: Sequence[Step]) -> str:
        """What does not hold after these steps; "" when all does."""
        with quiet(), self.world() as world:
            try:
                for step in steps:
                    world.apply(step)
                heal(world)
                judge(world)
            except Exception as error:
                return f"{type(error).__name__}: {error}"
        return ""

    def broken_by_seed(self, seed: int) -> str:
        """The same for the steps of a seed."""
        return self.broken_by(steps_of(seed, STEPS))

    def run(self, seed: int, count: int = STEPS) -> Failure | None:
        """Try one seed; the shortest failure found, None when all holds."""
        steps = list(enumerate(steps_of(seed, count)))
        broken = self.broken_by([step for _, step in steps])
        return self._shortest(Failure(seed, tuple(steps), broken)) if broken else None

    def _shortest(self, failure: Failure) -> Failure:
        """Leave out halves, quarters and so on, for as long as something still breaks."""
        tries, size = 0, len(failure.steps) // 2
        while size:
            start = 0
            while start < len(failure.steps) and tries < _MOST_TRIES:
                fewer = failure.steps[:start] + failure.steps[start + size :]
                tries += 1
                broken = self.broken_by([step for _, step in fewer])
                if broken:
                    failure = Failure(failure.seed, fewer, broken)
                else:
                    start += size
            size //= 2
        return failure


@contextmanager
def quiet() -> Iterator[None]:
    """A thousand runs with faults by design log what nobody reads."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)
