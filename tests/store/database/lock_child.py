"""A process that holds a station's database open and does as it is told: one word a line, an answer a line."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from kiosk.station.doctor import environment
from kiosk.station.doctor.environment import records
from kiosk.station.shared.settings import StationSettings
from kiosk.store.backup.backup import make_backup
from kiosk.store.backup.shared.settings import BackupSettings
from kiosk.store.database.check import check_file
from kiosk.store.database.inspection import (
    all_epochs,
    event_counters,
    inspect_database,
    last_events,
    private_words,
    row_counts,
)
from kiosk.store.database.opening import OpenOptions, prepare_file
from tests.store.village import CATALOG, STATION, bring_in, open_store, stamp


def acts(path: Path, template: Path) -> dict[str, Callable[[], object]]:
    """Everything a process of a station does to a database that it may have open."""
    store = open_store(path, template)
    store.catalogs.add(CATALOG, stamp())
    medium = path.parent / "medium"
    medium.mkdir(exist_ok=True)
    station = StationSettings(STATION, "hotan", path.parent)
    return {
        "nothing": lambda: None,
        "weigh": lambda: bring_in(store).receipt,
        "open once more": lambda: open_store(path, template).close(),
        "check": lambda: check_file(path, thorough=False),
        "check thoroughly": lambda: check_file(path, thorough=True),
        "prepare": lambda: prepare_file(path, OpenOptions(template=template)),
        "look": lambda: (
            inspect_database(path),
            all_epochs(path),
            row_counts(path),
            last_events(path),
            private_words(path),
        ),
        "counters": lambda: event_counters(path),
        "walk the journal": store.journal.verify,
        "can it be written": store.check_writable,
        "doctor": lambda: (environment.database(station), records(station)),
        "back up": lambda: make_backup(path, STATION, BackupSettings(medium), stamp(), same_disk=True),
        "new epoch": lambda: store.epochs.start("forked", stamp()),
    }


def main() -> None:
    """Serve until the end of the input."""
    known = acts(Path(sys.argv[1]), Path(sys.argv[2]))
    print("\t".join(known), flush=True)
    for line in sys.stdin:
        known[line.strip()]()
        print("done", flush=True)


if __name__ == "__main__":
    main()
