"""A county that goes on: stations that stay connected, and somebody who comes now and then."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from random import Random
from typing import Final

from kiosk.messaging.relay.pace import Pace
from kiosk.messaging.relay.relay import Relay
from kiosk.messaging.relay.tuning import TUNING
from kiosk.simulators.county.days import Act
from kiosk.simulators.county.plan import CountyPlan, Kind
from kiosk.simulators.county.sending import relay_settings
from kiosk.simulators.county.station import CountyStation
from kiosk.simulators.fleet.sending import Ending
from kiosk.store import Store, StoreError

logger = logging.getLogger(__name__)

_ONLINE: Final = 100
"""Stations of one process that stay connected, each with a thread and an open database; the others are off."""
_OFF: Final = frozenset({Kind.QUIET, Kind.GAP, Kind.CLONED})
_SLOW: Final = 500
"""Bytes a second, the least a relay can be told to keep to."""
_PER_MINUTE: Final = 8
"""What happens in the whole county."""
_RELAY: Final = replace(TUNING, poll_s=1.0)
"""A hundred relays that look twelve times a second would take a fifth of a processor."""
_ACTS: Final = (Act.INTAKE, Act.HANDOVER, Act.UNBOOKED)
_HOW_MANY: Final = (6, 1, 1)


@dataclass(frozen=True, slots=True)
class _Open:
    station: CountyStation
    store: Store


def go_on(plan: CountyPlan, stations: Iterable[CountyStation], ending: Ending) -> None:
    """Until ``ending``, in the calling thread: relays of the stations that are on, and an act every few seconds."""
    over = threading.Event()
    ending.sending.append(over)
    random = Random()  # noqa: S311  a simulator; nobody asks for the same afternoon again
    with ExitStack() as ends:
        connected = [one for one in stations if one.kind not in _OFF][:_ONLINE]
        is_on = list(_opened(plan, connected, ends))
        busy = [one for one in is_on if one.station.kind is not Kind.SLOW_LINE]
        while busy and not ending.is_over and not over.wait(random.expovariate(_PER_MINUTE / 60 / plan.share.of)):
            _act(random.choice(busy), random)


def _opened(plan: CountyPlan, stations: Iterable[CountyStation], ends: ExitStack) -> Iterator[_Open]:
    """Those that can be opened, each with its relay at work until ``ends``."""
    for station in stations:
        try:
            store = ends.enter_context(station.store(station.stamp_now))
        except StoreError as error:
            logger.warning("station %s stays off: %s", station.name, error)
            continue
        ends.enter_context(_relaying(plan, station, store))
        yield _Open(station, store)


@contextmanager
def _relaying(plan: CountyPlan, station: CountyStation, store: Store) -> Iterator[None]:
    stamp = station.stamp_now()
    line = _SLOW if station.kind is Kind.SLOW_LINE else 0
    settings = relay_settings(plan, station.name, stamp.software, stamp.moment.boot_id, line)
    stop = threading.Event()
    relay = Relay(store, Pace(settings, tuning=_RELAY))
    thread = threading.Thread(target=relay.run, args=(stop,), name=f"relay-{station.name}")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _act(one: _Open, random: Random) -> None:
    try:
        counter = one.station.counter(one.store)
        counter.do(random.choices(_ACTS, _HOW_MANY)[0], random, one.station.stamp_now())
    except StoreError as error:
        logger.warning("station %s could not write: %s", one.station.name, error)
