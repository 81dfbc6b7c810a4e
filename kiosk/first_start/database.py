"""What the first start writes into the station's database, before the settings file is there.

    people ─ goods ─ first backup

Safe to repeat after a power cut at any point: nobody is added twice, a catalog with the same content is the same
version, and another backup is another copy.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

from kiosk.domain.clerk import Role
from kiosk.first_start.data_questions import catalog_of
from kiosk.first_start.settings import station_settings
from kiosk.first_start.shared.draft import PersonDraft, SettingsDraft
from kiosk.first_start.shared.ports import BACKUP_AT_NIGHT
from kiosk.station.doctor.tools import back_up
from kiosk.station.shared.open_store import open_store, stamps
from kiosk.store import Stamp, Store, StoreError
from kiosk.store.backup.shared.settings import BackupSettings

logger = logging.getLogger(__name__)

# Up to this size it is copied while the user waits for the last page; a database long in use waits for the night.
SMALL_BYTES: Final = 32_000_000


def fill(draft: SettingsDraft, data: Path) -> str:
    """Create the database and store the answers; return why there is no first backup, "" when all is well.

    Raises StoreError, also for another station's data, and CatalogError; a backup that fails stops nothing.
    """
    catalog = catalog_of(draft.goods) if draft.goods else None
    station = station_settings(draft, data)
    stamp = stamps(station)
    with closing(open_store(station)) as store:
        _enrol(store, draft, stamp)
        if catalog is not None:
            store.catalogs.add(catalog, stamp())
        # Proves the medium while the person who can exchange it is present
        if not draft.backup:
            return ""
        if station.database.stat().st_size > SMALL_BYTES or (station.data / "photos").is_dir():
            return BACKUP_AT_NIGHT
        try:
            settings = BackupSettings(Path(draft.backup), uuid=draft.backup_uuid, county_key=draft.county_key)
            problem = back_up(store, settings, station, stamp()).problem
        except (StoreError, OSError) as error:
            problem = str(error)
        if problem:
            logger.warning("the first backup: %s", problem)
        return problem


def _enrol(store: Store, draft: SettingsDraft, stamp: Callable[[], Stamp]) -> None:
    """Write technician and clerk into the database, before any station starts without them. Raises StoreError.

    Safe to repeat after a power cut: a person stored already by name and role only gets the PIN.
    """
    there = {(row.name, row.role): row.number for row in store.clerks.everyone()}
    for role in (Role.TECHNICIAN, Role.CLERK):
        person: PersonDraft | None = getattr(draft, role.value)
        if person is None or not person.pin_hash:
            continue
        number = there.get((person.name, role))
        if number is None:
            store.clerks.add(person.name, role, person.pin_hash, stamp())
        else:
            store.clerks.set_pin(number, person.pin_hash, stamp())
