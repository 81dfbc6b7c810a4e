"""Many stations at once, in one process or in several that share them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from random import Random
from time import monotonic
from typing import Final, TypeVar

from kiosk.simulators.fleet.plan import FleetPlan, FleetResult, Share, Tally, plan_argument
from kiosk.simulators.fleet.sending import FleetShutdown
from kiosk.simulators.fleet.station import FleetStation, StationFolder, allow_many_files, empty_database
from kiosk.store import StoreError

STRETCHES: Final = 4  # Parts of the time, each with its own fault and, unless the line is down, with sending at its end
_LIKELY: Final = {"": 4, "outage": 4, "clock": 2, "image": 2, "restore": 2, "clone": 1}


@dataclass(frozen=True, slots=True)
class Stretch:
    """So many intakes, and what happens meanwhile: a word of ``_LIKELY``."""

    intakes: int
    fault: str = ""


def stretches(plan: FleetPlan, station: str) -> list[Stretch]:
    """Split the time of one station; without faults it is one piece."""
    if plan.manner.faults is None:
        return [Stretch(plan.intakes)]
    random = Random(f"{plan.manner.faults} {station}")  # noqa: S311  a simulator
    cuts = [plan.intakes * part // STRETCHES for part in range(STRETCHES + 1)]
    faults = random.choices(list(_LIKELY), list(_LIKELY.values()), k=STRETCHES)
    return [Stretch(end - start, fault) for (start, end), fault in zip(pairwise(cuts), faults, strict=True)]


class Life:
    """One station, and the clone of its card when there is one."""

    def __init__(self, plan: FleetPlan, name: str, template: Path, ending: FleetShutdown) -> None:
        self._plan, self._template, self._ending = plan, template, ending
        self._station = FleetStation(plan, StationFolder(name, plan.database(name)), template, ending)
        self._image: StationFolder | None = None
        self._clone: FleetStation | None = None

    def write(self) -> Tally:
        """Do everything before the last sending; only the intakes and their time count in the result."""
        started, intakes = monotonic(), 0
        for stretch in stretches(self._plan, self._station.card.station):
            intakes += self._live(stretch)
        return Tally(intakes=intakes, writing_s=monotonic() - started)

    def send(self) -> Tally:
        """Do the last sending, the clone's included."""
        tally = self._station.send()
        if self._clone is not None:
            tally += self._clone.send()
        return tally

    def _live(self, stretch: Stretch) -> int:
        clock = self._station.clock
        if stretch.fault == "restore" and self._image is not None:
            self._image.copy_to(self._station.card.database.parent)
        clock.is_unset = stretch.fault == "clock"
        written = self._station.write(stretch.intakes)
        if stretch.fault == "image":
            self._image = self._station.card.copy_to(self._beside("image"))
        if stretch.fault == "clone" and self._clone is None:
            card = self._station.card.copy_to(self._beside("clone"))
            plan = replace(self._plan, seed=self._plan.seed + 1)
            self._clone = FleetStation(plan, card, self._template, self._ending)
            written += self._clone.write(min(1, self._plan.intakes))
        clock.is_unset = False
        if self._plan.manner.faults is not None and stretch.fault != "outage":
            self._station.send()
        return written

    def _beside(self, what: str) -> Path:
        folder = self._station.card.database.parent
        return folder.with_name(f"{folder.name}-{what}")


# Stations written at the same time by one process: while some wait for the disk, another has the processor. Without
# waits for the disk one thread is enough, and passes the interpreter to no other.
_WRITERS: Final = 4
_SENDERS: Final = 128  # Stations connected at the same time; the others wait for their turn
_LATE_S: Final = 60.0  # So much longer than its time a process may take to stop
SHARE: Final = "kiosk.simulators.fleet.share"
T = TypeVar("T")


class Fleet:
    """One call of ``kiosk fleet``. A second one with the same folder continues where the first one ended."""

    def __init__(self, plan: FleetPlan) -> None:
        self._plan = plan
        self._ending = FleetShutdown()
        self._children: list[subprocess.Popen[str]] = []

    def end(self) -> None:
        """End at timeout: start no more writes, stop senders. May be called from anywhere, a signal included."""
        self._ending.end()
        for child in list(self._children):
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)

    def run(self) -> FleetResult:
        """Write, then send until the sorting center has everything or time is up. Raises StoreError."""
        started = time.monotonic()
        timer = threading.Timer(self._plan.timeout_s, self.end)
        timer.start()
        try:
            count = min(self._plan.manner.processes, self._plan.stations)
            tally = self._shared(count) if count > 1 else self.alone()
        finally:
            timer.cancel()
            timer.join()
        return tally.result(self._plan, time.monotonic() - started)

    def alone(self) -> Tally:
        """Write and send its share in this process. Raises StoreError."""
        allow_many_files()
        with empty_database() as template:
            lives = [Life(self._plan, name, template, self._ending) for name in self._plan.names]
            started = time.monotonic()
            written = self._each(_WRITERS if self._plan.manner.durable else 1, lives, Life.write)
            took = time.monotonic() - started
            at_once = max(_SENDERS, len(lives)) if self._plan.manner.stay_s else _SENDERS
            sent = self._each(at_once, lives, Life.send)
        return sum(sent, replace(sum(written, Tally()), writing_s=took))

    def _each(self, at_once: int, lives: Sequence[Life], work: Callable[[Life], T]) -> list[T]:
        """Do ``work`` for every station; the first error ends the fleet and is raised."""
        with ThreadPoolExecutor(at_once, thread_name_prefix="fleet") as pool:
            futures = [pool.submit(work, life) for life in lives]
            try:
                return [future.result() for future in futures]
            except BaseException:
                self.end()
                pool.shutdown(wait=True, cancel_futures=True)
                raise

    def _shared(self, count: int) -> Tally:
        """Start a process for each share of the stations, as real stations are separate processes."""
        manner = replace(self._plan.manner, processes=1)
        for first in range(count):
            self._begin(replace(self._plan, manner=manner, share=Share(first, count)))
        if self._ending.is_over:
            self.end()
        try:
            return sum((self._tally_of(child) for child in self._children), Tally())
        finally:
            for child in self._children:
                if child.poll() is None:
                    child.kill()
                child.communicate()

    def _begin(self, plan: FleetPlan) -> None:
        command = [sys.executable, "-m", SHARE, plan_argument(plan)]
        # The child lets the signal in when it can answer it: before, it would just die, and its tally with it.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        try:
            child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        self._children.append(child)

    def _tally_of(self, child: subprocess.Popen[str]) -> Tally:
        try:
            output, error_output = child.communicate(timeout=self._plan.timeout_s + _LATE_S)
        except subprocess.TimeoutExpired as error:
            raise StoreError("A process of the fleet does not end: look for a disk that does not answer.") from error
        if child.returncode != 0:
            self.end()
            lines = error_output.strip().splitlines() or ["no reason given"]
            raise StoreError(f"A process of the fleet failed: {lines[-1]}")
        return Tally(**json.loads(output))
