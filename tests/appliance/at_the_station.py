"""What people do at a station, run inside a box by the packaged program's own interpreter and code.

``at_the_station.py works`` brings people, goods and a parcel in; ``brings N`` only goods; ``collects CODE`` hands the
parcel out. Prints one JSON object. The service may run meanwhile: a station has two processes at its database anyway.
"""

from __future__ import annotations

import json
import sys
from contextlib import closing
from pathlib import Path

DATA = Path("/var/lib/kiosk")
SETTINGS = Path("/etc/kiosk/station.toml")
KEYS = Path("/var/lib/kiosk-keys")


def main() -> int:
    sys.path[:0] = ["/usr/lib/station-kiosk/code", "/opt"]
    from kiosk.config.station import load
    from kiosk.station.parcels.pickup_key import PickupKey
    from kiosk.store import Store
    from kiosk.store.database.opening import OpenOptions
    from tests.station.counter.acts import collect_by_code
    from tests.station.counter.rig import PIN, CounterRig
    from tests.store.village import CATALOG, bring_in, stamp

    act, *given = sys.argv[1:]
    config = load(SETTINGS)
    key = PickupKey.from_existing(config.parcels, DATA, {"CREDENTIALS_DIRECTORY": str(KEYS)})
    with closing(
        Store.open(config.station.database, config.station.station, stamp(), OpenOptions(reserve_bytes=0))
    ) as store:
        said: dict[str, object] = {}
        if act == "works":
            store.catalogs.add(CATALOG, stamp())
            rig = CounterRig(store, DATA, key=key)
            said["code"] = rig.code_of(rig.bring())
        if act == "collects":
            rig = CounterRig(store, DATA, key=key, take_people=False)
            session = rig.access.sign_in("01", PIN)
            said["state"] = collect_by_code(rig.counter, session, given[0]).state.value
        count = int(given[0]) if act == "brings" else 3 if act == "works" else 0
        said["receipts"] = [str(bring_in(store, 12_000 + number).receipt) for number in range(count)]
    print(json.dumps(said))
    return 0


if __name__ == "__main__":
    sys.exit(main())
