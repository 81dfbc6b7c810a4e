"""The county behind the demo: processes that write its weeks, and the lines that report their progress."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Final

from kiosk.base.closable import Closable
from kiosk.simulators.county.places import as_csv, places
from kiosk.simulators.county.plan import CountyPlan
from kiosk.simulators.fleet.plan import Share, plan_argument

PROCESS: Final = "kiosk.simulators.county.process"
PLACES: Final = "county.csv"
_REPORT_INTERVAL_S: Final = 10.0
_STOP_S: Final = 20.0


@dataclass(slots=True)
class CountyProgress:
    stations: int = 0
    acts: int = 0
    intakes: int = 0
    ended: int = 0  # Processes that have written all of theirs


class County(Closable):
    """The processes of a county: at work when the constructor returns, ended after ``close``; ``print_line`` gets lines
    for people.

    Raises OSError when they cannot be started.
    """

    def __init__(self, plan: CountyPlan, processes: int, print_line: Callable[[str], None]) -> None:
        self._plan, self._print_line = plan, print_line
        self._progress, self._lock = CountyProgress(), threading.Lock()
        self._started = time.monotonic()
        self._over = threading.Event()
        self.lived = threading.Event()  # All stations have reported their weeks
        plan.folder.mkdir(parents=True, exist_ok=True)
        (plan.folder / PLACES).write_text(as_csv(places(plan.names)), encoding="utf-8")
        self._count = min(processes, plan.stations)
        with ExitStack() as ends:
            self.processes = children = [self._start_process(Share(n, self._count), ends) for n in range(self._count)]
            threads = [threading.Thread(target=self._listen, args=(child,), name="county") for child in children]
            threads.append(threading.Thread(target=self._report, name="county-progress"))
            for thread in threads:
                thread.start()
                ends.callback(thread.join)
            for child in children:
                ends.callback(_end, child)
            ends.callback(self._over.set)
            self._ends = ends.pop_all()

    def close(self) -> None:
        self._ends.close()

    def _start_process(self, share: Share, ends: ExitStack) -> subprocess.Popen[str]:
        plan = replace(self._plan, share=share)
        log = ends.enter_context((self._plan.folder / f"county-{share.first + 1}.log").open("ab"))
        command = [sys.executable, "-m", PROCESS, plan_argument(plan)]
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True)
        ends.callback(_end, child)
        return child

    def _listen(self, child: subprocess.Popen[str]) -> None:
        assert child.stdout is not None
        lived = False
        with child.stdout:
            for line in child.stdout:
                message = json.loads(line)
                lived = lived or "lived" in message
                self._process_message(message)
        if not self._over.is_set():
            logs = self._plan.folder / "county-*.log"
            self._print_line(f"county: a process has ended with {child.wait()}; {logs} may say why. The others go on.")
            if not lived:
                self._process_message({"lived": True})

    def _process_message(self, line: dict[str, object]) -> None:
        if "trouble" in line:
            self._print_line(f"county: station {line['station']} is left out: {line['trouble']}")
        with self._lock:
            progress = self._progress
            progress.stations += "station" in line
            progress.acts += int(str(line.get("acts", 0)))
            progress.intakes += int(str(line.get("intakes", 0)))
            progress.ended += "lived" in line
            if progress.ended == self._count and not self.lived.is_set():
                self._print_line(f"{self._so_far()}. From now on somebody comes every few seconds.")
                self.lived.set()

    def _report(self) -> None:
        """Print a line every few seconds until the weeks are written, also when nothing was written since the last."""
        before = 0
        while not self._over.wait(_REPORT_INTERVAL_S) and not self.lived.is_set():
            with self._lock:
                now, line = self._progress.stations, self._so_far()
            waits = "" if now > before else "; nothing new since the last line: disk or processor are busy, it goes on"
            self._print_line(line + waits)
            before = now

    def _so_far(self) -> str:
        progress, seconds = self._progress, time.monotonic() - self._started
        return (
            f"county: {progress.stations} of {self._plan.stations} stations have told their weeks, "
            f"{progress.intakes} intakes, {progress.acts / seconds:.0f} acts a second"
        )


def _end(child: subprocess.Popen[str]) -> None:
    assert child.stdin is not None
    child.stdin.close()
    child.terminate()
    try:
        child.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
