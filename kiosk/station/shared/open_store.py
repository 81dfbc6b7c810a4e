"""The station's database as every process of a station opens it, and what its writing calls are stamped with."""

from __future__ import annotations

from collections.abc import Callable

from kiosk.station.shared.clock import StationClock, software_id
from kiosk.station.shared.settings import StationSettings
from kiosk.station.shared.signing import StationSigning
from kiosk.store import Stamp, Store
from kiosk.store.database.opening import OpenOptions
from kiosk.store.database.persistence import require_persistent


def stamps(station: StationSettings) -> Callable[[], Stamp]:
    clock, software, signing = StationClock(station.zone), software_id(), StationSigning(station.data)
    return lambda: Stamp(clock.now(), software, station.region, sign=signing.sign)


def open_store(station: StationSettings) -> Store:
    """Open and check the station's database. Raises StoreError with what to do, and NotPersistent on a box without its
    data partition.
    """
    require_persistent(station.data)
    make = stamps(station)
    return Store.open(station.database, station.station, make(), OpenOptions(stamps=make))
