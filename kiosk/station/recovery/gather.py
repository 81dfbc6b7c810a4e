"""Makes the recovery kit of a station and lays it beside a backup.

A kit that cannot be made costs no backup: what is in its way is told with the backup that was made.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from kiosk.station.parcels.pickup_key import place_of
from kiosk.station.ports import Configuration
from kiosk.station.recovery.places import Places, credential_files
from kiosk.store import Stamp
from kiosk.store.backup.backup import BackupMade
from kiosk.store.backup.kit.beside import county_key, write_beside
from kiosk.store.backup.kit.contents import LONGEST_FILE, Credential, Kit, KitRefused
from kiosk.store.backup.kit.sealing import seal_to_county
from kiosk.store.backup.settings import BackupSettings

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KitSource:
    """What a kit is made of. ``environ`` is that of the process: a service finds its credentials by it."""

    config: Configuration
    settings_file: Path | None
    environ: Mapping[str, str]


def with_kit(made: BackupMade, settings: BackupSettings, source: KitSource, stamp: Stamp) -> BackupMade:
    """The backup with its kit beside it; without one when no county's key is set."""
    try:
        county = county_key(settings)
        if county is None:
            return made
        write_beside(made.path, seal_to_county(gather(source, stamp), county))
    except KitRefused as error:
        logger.warning("no recovery kit: %s", error)
        told = f"The database is safe in {made.path}, but there is no recovery kit beside it: {error}"
        return replace(made, problem=" ".join(filter(None, (made.problem, told))))
    return made


def gather(source: KitSource, stamp: Stamp) -> Kit:
    """Raises KitRefused with what is missing; no content is in the text."""
    station, file = source.config.station, source.settings_file
    if file is None:
        raise KitRefused("the station was started without a settings file.")
    places = Places(file, station.data)
    key = place_of(source.config.parcels, station.data, source.environ)
    found = (_credential(places, path, source.environ) for path in credential_files(source.config.relay))
    try:
        return Kit(
            station.station,
            station.region,
            stamp.software,
            stamp.moment.timestamp,
            _content(file),
            _content(key).decode("ascii", errors="replace").strip(),
            tuple(found),
        )
    except ValueError as error:
        raise KitRefused(f"{error}.") from None


def _credential(places: Places, path: Path, environ: Mapping[str, str]) -> Credential:
    there = (place for place in places.read_from(path, environ) if _is_there(place))
    return Credential(str(path), _content(next(there, path)))


def _is_there(path: Path) -> bool:
    """A place that the caller may not look at is none."""
    try:
        return path.is_file()
    except OSError:
        return False


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(LONGEST_FILE + 1)
    except OSError as error:
        raise KitRefused(f"{path} cannot be read: {error.strerror or error}.") from None
