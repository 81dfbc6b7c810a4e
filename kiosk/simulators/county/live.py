"""A county that goes on: stations that stay connected, and somebody who comes now and then."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from random import Random
from typing import Final

from kiosk.messaging.relay.pace import TUNING, Pace
from kiosk.messaging.relay.relay import Relay
from kiosk.simulators.county.days import StationAct
from kiosk.simulators.county.plan import CountyPlan, StationKind
from kiosk.simulators.county.sending import relay_settings
from kiosk.simulators.county.station import CountyStation
from kiosk.simulators.fleet.sending import FleetShutdown
from kiosk.store import Store, StoreError

logger = logging.getLogger(__name__)

# Stations of one process that stay connected, each with a thread and an open database; the others are off.
_ONLINE: Final = 100
_OFF: Final = frozenset({StationKind.QUIET, StationKind.GAP, StationKind.CLONED})
_SLOW: Final = 500  # Bytes a second, the least a relay can be told to keep to
_PER_MINUTE: Final = 8  # What happens in the whole county
# A hundred relays that look twelve times a second would take a fifth of a processor.
_RELAY: Final = replace(TUNING, poll_s=1.0)
_ACTS: Final = (StationAct.INTAKE, StationAct.HANDOVER, StationAct.UNBOOKED)
_HOW_MANY: Final = (6, 1, 1)


def go_on(plan: CountyPlan, stations: Iterable[CountyStation], ending: FleetShutdown) -> None:
    """Until ``ending``, in the calling thread: relays of the stations that are on, and an act every few seconds."""
    over = threading.Event()
    ending.sending.append(over)
    if ending.is_over:
        return
    random = Random()  # noqa: S311  a simulator; nobody asks for the same afternoon again
    with ExitStack() as ends:
        connected = [one for one in stations if one.kind not in _OFF][:_ONLINE]
        is_on = list(_relaying(plan, connected, over, ends))
        busy = [station for station in is_on if station.kind is not StationKind.SLOW_LINE]
        while not over.wait(random.expovariate(_PER_MINUTE / 60 / plan.share.of)):
            if busy:
                _act(random.choice(busy), random)


def _relaying(
    plan: CountyPlan, stations: Iterable[CountyStation], over: threading.Event, ends: ExitStack
) -> Iterator[CountyStation]:
    """Those that can be opened, each with its relay at work until ``over``; ``ends`` waits for that."""
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
    return Relay(store, Pace(settings, tuning=_RELAY))


def _act(station: CountyStation, random: Random) -> None:
    """By a store of its own, as the relay is a process of its own elsewhere: it looks for what others have written."""
    try:
        with station.store(station.stamp_now) as store:
            station.counter(store).do(random.choices(_ACTS, _HOW_MANY)[0], random, station.stamp_now())
    except StoreError as error:
        logger.warning("station %s could not write: %s", station.name, error)
