"""``python -m kiosk.simulators.county.process PLAN``: one process's share of a county; PLAN and its output are JSON.

A line for each station that has reported its weeks, one when all have; then the county continues until SIGTERM.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import asdict, replace
from random import Random
from typing import Final

import msgspec

from kiosk.base.shutdown import ShutdownEvent
from kiosk.messaging.relay.pace import TUNING, Pace
from kiosk.messaging.relay.relay import Relay
from kiosk.messaging.relay.shared.ports import StationSide
from kiosk.simulators.county.plan import CountyPlan, StationAct, StationKind
from kiosk.simulators.county.station import CountyStation, relay_settings
from kiosk.simulators.fleet.plan import parse_path
from kiosk.simulators.fleet.sending import FleetShutdown
from kiosk.simulators.fleet.station import allow_many_files, empty_database
from kiosk.simulators.offers import GoodsCamera
from kiosk.store import Store, StoreError

# While some stations wait for the sorting center, others have the processor. It bounds the memory, too.
_AT_ONCE: Final = 4
_PLAN: Final = msgspec.json.Decoder(CountyPlan, dec_hook=parse_path)
_NICE: Final = 10  # The pages of the demo come first


def main() -> int:
    """Run the stations; return 0 when ended. An error at one station is reported and leaves the others alone."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    plan = _PLAN.decode(sys.argv[1])
    ending = FleetShutdown()
    # Ctrl-C goes to all processes of a terminal: the demo sends its own signal.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: ending.end())
    threading.Thread(target=_end_with_the_demo, args=(ending,), name="demo", daemon=True).start()
    os.nice(_NICE)
    allow_many_files()
    with empty_database() as template:
        camera = GoodsCamera(plan.folder / f"camera-{plan.share.first + 1}")
        stations = [CountyStation(plan, name, template, ending, camera) for name in plan.own_stations]
        alive = _lived(stations, ending)
        if not ending.is_over:
            _say({"lived": True})
        go_on(plan, alive, ending)
    return 0


def _lived(stations: list[CountyStation], ending: FleetShutdown) -> list[CountyStation]:
    """Let all stations live; return those without an error."""
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
    """Wait for the end of the demo, even a killed one: then the other end of the pipe closes."""
    sys.stdin.read()
    ending.end()


def _say(what: Mapping[str, object]) -> None:
    print(json.dumps(what), flush=True)  # noqa: T201  the demo listens


logger = logging.getLogger(__name__)
# Stations of one process that stay connected, each with a thread and an open database; the others are off.
_ONLINE: Final = 100
_OFF: Final = frozenset({StationKind.QUIET, StationKind.GAP, StationKind.CLONED})
_SLOW: Final = 500  # Bytes a second, the lowest limit a relay can be set to
_PER_MINUTE: Final = 8  # What happens in the whole county
# A hundred relays that look twelve times a second would take a fifth of a processor.
_RELAY: Final = replace(TUNING, poll_s=1.0)
_ACTS: Final = (StationAct.INTAKE, StationAct.HANDOVER, StationAct.UNBOOKED)
_HOW_MANY: Final = (6, 1, 1)


def go_on(plan: CountyPlan, stations: Iterable[CountyStation], ending: FleetShutdown) -> None:
    """Run the relays of the stations that are on, and an act every few seconds, until ``ending``. Blocks."""
    over = ShutdownEvent()
    ending.sending.append(over)
    if ending.is_over:
        return
    random = Random()  # noqa: S311  a simulator; nobody asks for the same afternoon again
    with ExitStack() as ends:
        special_first = sorted(stations, key=lambda one: one.kind is StationKind.USUAL)
        connected = [one for one in special_first if one.kind not in _OFF][:_ONLINE]
        is_on = list(_relaying(plan, connected, over, ends))
        busy = [station for station in is_on if station.kind is not StationKind.SLOW_LINE]
        while not over.wait(random.expovariate(_PER_MINUTE / 60 / plan.share.of)):
            if busy:
                _act(random.choice(busy), random)


def _relaying(
    plan: CountyPlan, stations: Iterable[CountyStation], over: threading.Event, ends: ExitStack
) -> Iterator[CountyStation]:
    """Yield the stations that can be opened, each relaying until ``over``; ``ends`` waits for the relays."""
    for station in stations:
        try:
            store = ends.enter_context(station.store(station.stamp_now))
        except StoreError as error:
            logger.warning("station %s stays off: %s", station.name, error)
            continue
        relay = threading.Thread(target=_relay(plan, station, store).run, args=(over,), name=f"relay-{station.name}")
        relay.start()
        ends.callback(relay.join)
        yield station


def _relay(plan: CountyPlan, station: CountyStation, store: Store) -> Relay:
    stamp = station.stamp_now()
    line = _SLOW if station.kind is StationKind.SLOW_LINE else 0
    settings = relay_settings(plan, station.name, stamp.software, stamp.moment.boot_id, line)
    return Relay(store, Pace(settings, tuning=_RELAY), side=StationSide(doctor_rows=station.doctor_rows))


def _act(station: CountyStation, random: Random) -> None:
    """Do a random act through a separate store, as outside the simulator the relay is a separate process."""
    try:
        with station.store(station.stamp_now) as store:
            station.counter(store).do(random.choices(_ACTS, _HOW_MANY)[0], random, station.stamp_now())
    except StoreError as error:
        logger.warning("station %s could not write: %s", station.name, error)


if __name__ == "__main__":
    sys.exit(main())
