"""``python -m kiosk.simulators.county.process PLAN``: one process's share of a county; PLAN and what it says are JSON.

A line for each station that has told its weeks, one when all have; then the county goes on until SIGTERM.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Final

from kiosk.simulators.county.live import go_on
from kiosk.simulators.county.plan import CountyPlan
from kiosk.simulators.county.station import CountyStation
from kiosk.simulators.fleet.plan import Share
from kiosk.simulators.fleet.sending import FleetShutdown
from kiosk.simulators.fleet.template import allow_many_files, empty_database
from kiosk.store import StoreError

# While some stations wait for the sorting center, others have the processor. It bounds the memory, too.
_AT_ONCE: Final = 4
_NICE: Final = 10  # The pages of the demo come first


def plan_argument(plan: CountyPlan) -> str:
    return json.dumps(asdict(plan) | {"folder": str(plan.folder), "until": plan.until.isoformat()})


def main() -> int:
    """0 when it was ended; what goes wrong at one station is told and leaves the others alone."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    given = json.loads(sys.argv[1])
    given |= {"folder": Path(given["folder"]), "share": Share(**given["share"])}
    plan = CountyPlan(**given | {"until": datetime.fromisoformat(given["until"])})
    ending = FleetShutdown()
    # Ctrl-C goes to all processes of a terminal: the demo sends its own signal.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: ending.end())
    threading.Thread(target=_end_with_the_demo, args=(ending,), name="demo", daemon=True).start()
    os.nice(_NICE)
    allow_many_files()
    with empty_database() as template:
        stations = [CountyStation(plan, name, template, ending) for name in plan.own_stations]
        alive = _lived(stations, ending)
        if not ending.is_over:
            _say({"lived": True})
        go_on(plan, alive, ending)
    return 0


def _lived(stations: list[CountyStation], ending: FleetShutdown) -> list[CountyStation]:
    """Let all of them live; gives back those that could."""
    alive = []
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="county") as pool:
        futures = {pool.submit(station.live): station for station in stations}
        for future in as_completed(futures):
            station = futures[future]
            try:
                _say({"station": station.name, **asdict(future.result())})
                alive.append(station)
            except StoreError as error:
                _say({"station": station.name, "trouble": str(error)})
            if ending.is_over:
                pool.shutdown(cancel_futures=True)
                return []
    return sorted(alive, key=lambda station: station.name)


def _end_with_the_demo(ending: FleetShutdown) -> None:
    """Also when it was killed: the other end of the pipe is gone then."""
    sys.stdin.read()
    ending.end()


def _say(what: Mapping[str, object]) -> None:
    print(json.dumps(what), flush=True)  # noqa: T201  the demo listens


if __name__ == "__main__":
    sys.exit(main())
