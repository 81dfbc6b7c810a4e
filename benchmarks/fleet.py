"""Intakes a second that a fleet confirms, written by the real store on a real disk and sent to a real sorting center.

    python -m benchmarks fleet

The baseline has as many processes and threads that do nothing but commit, with the station's own settings of SQLite:
two commits an intake, together the bytes that an intake adds to its database.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from benchmarks.county import center
from benchmarks.measure import Row
from kiosk.simulators.broker import Broker
from kiosk.simulators.fleet import Fleet, FleetPlan, FleetResult, Manner

STATIONS: Final = 16
INTAKES: Final = 250
PROCESSES: Final = 2
WRITERS: Final = 4
"""Databases that one process writes at the same time, as one of the fleet does."""
_TIMEOUT_S: Final = 600.0

BARE: Final = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from kiosk.store.database.connection import connect, connect_unsafe
folder, first, safe = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "full"
stations, intakes, size, writers, of = map(int, sys.argv[4:])
def write(station):
    one = (connect if safe else connect_unsafe)(folder / f"{station}.sqlite")
    one.execute("CREATE TABLE t (body BLOB) STRICT")
    for _ in range(intakes):
        for share in (size // 4, size - size // 4):
            one.execute("BEGIN IMMEDIATE")
            one.execute("INSERT INTO t VALUES (?)", (bytes(share),))
            one.execute("COMMIT")
    one.close()
with ThreadPoolExecutor(writers) as pool:
    print("ready", flush=True)
    sys.stdin.readline()
    list(pool.map(write, range(first, stations, of)))
"""


def bare(folder: Path, size: int, synchronous: str) -> float:
    """Intakes a second when nothing is done but two commits of ``size`` bytes together."""
    folder.mkdir()
    counts = [str(number) for number in (STATIONS, INTAKES, size, WRITERS, PROCESSES)]
    commands = [
        [sys.executable, "-c", BARE, str(folder), str(first), synchronous, *counts] for first in range(PROCESSES)
    ]
    children = [subprocess.Popen(it, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for it in commands]
    for child in children:
        assert child.stdout is not None
        child.stdout.readline()
    started = time.perf_counter()
    for child in children:
        child.communicate("go\n")
    if any(child.returncode for child in children):
        raise SystemExit("the bare loop failed")
    return STATIONS * INTAKES / (time.perf_counter() - started)


def fleet(folder: Path, durable: bool) -> FleetResult:
    """What a fleet says of itself; nothing may be pending in the end."""
    with Broker(folder / "broker") as broker, center(broker.url, f"sqlite:///{folder / 'ledger.db'}"):
        manner = Manner(processes=PROCESSES, durable=durable)
        done = Fleet(FleetPlan(STATIONS, INTAKES, broker.url, folder / "stations", 1, _TIMEOUT_S, manner)).run()
    if done.pending or done.intakes != STATIONS * INTAKES:
        raise SystemExit(f"the fleet did not do what it was asked for: {done}")
    return done


def run(folder: Path) -> list[Row]:
    """The rows for the table."""
    rows = []
    for name, durable, least in (("each on the disk", True, 500), ("--unsafe-fast", False, 1000)):
        place = folder / ("durable" if durable else "fast")
        place.mkdir()
        done = fleet(place, durable)
        size = sum(path.stat().st_size for path in place.glob("stations/S*/station.sqlite")) // done.intakes
        alone = bare(place / "bare", size, done.synchronous)
        what = f"fleet: intakes of {PROCESSES} processes, {name}"
        rows.append(Row(what, done.intakes_per_s, "/s", None, alone, "the same commits, nothing else", least))
    return rows
