"""Makes the recovery kit of a station and writes it beside a backup.

A kit that cannot be made does not prevent the backup: the reason is reported with the backup.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from kiosk.station.parcels.pickup_key import CREDENTIALS, PickupKey, key_path
from kiosk.station.parcels.settings import ParcelSettings
from kiosk.station.shared.ports import Configuration
from kiosk.store import Stamp
from kiosk.store.backup.backup import FinishedBackup
from kiosk.store.backup.kit.contents import MAX_FILE_BYTES, Credential, Kit, KitRefused
from kiosk.store.backup.kit.kit_files import load_county_key, write_kit
from kiosk.store.backup.kit.sealing import seal_to_county
from kiosk.store.backup.shared.settings import BackupSettings

logger = logging.getLogger(__name__)


CREDSTORE: Final = Path("/etc/credstore")
_IN_A_SERVICE: Final = re.compile(r"/run/credentials/[A-Za-z0-9@._-]+/([A-Za-z0-9_-][A-Za-z0-9._-]*)")


@dataclass(frozen=True, slots=True)
class Places:
    """Where the contents of a kit are stored on a station, and where they are put on a new card. Settings name a
    credential as its service sees it, ``/run/credentials/kiosk-relay.service/kiosk-relay.key``; what is kept is
    ``/etc/credstore/kiosk-relay.key`` (systemd.exec(5), ImportCredential=). Elsewhere the name is the place.
    ``credstore`` is another folder in tests.
    """

    settings_file: Path
    data: Path
    credstore: Path = CREDSTORE

    def read_from(self, path: Path, environ: Mapping[str, str]) -> Iterator[Path]:
        yield path
        if (match := _IN_A_SERVICE.fullmatch(str(path))) is not None:
            if environ.get(CREDENTIALS):
                yield Path(environ[CREDENTIALS], match[1])
            yield self.credstore / match[1]

    def write_to(self, path: Path) -> Path:
        """Return where a credential belongs on a new card. Raises ValueError outside the station's own folders: anyone
        can encrypt to a public key, and root restores, so a kit must not write elsewhere.
        """
        match = _IN_A_SERVICE.fullmatch(str(path))
        if match is not None:
            return self.credstore / match[1]
        own = (self.credstore, self.settings_file.absolute().parent, self.data, keys_folder(self.data))
        if ".." in path.parts or path.parent not in own:
            raise ValueError(f"{path} lies outside the station's folders: put it there by hand")
        return path

    def pickup_key(self, settings: ParcelSettings) -> Path:
        """Return where the station's key is kept. Raises ValueError as ``write_to``."""
        return self.write_to(key_path(settings, self.data, {}))


def keys_folder(data: Path) -> Path:
    return data.with_name(f"{data.name}-keys")


def credential_files(config: Configuration) -> tuple[Path, ...]:
    relay, county = config.relay, config.county
    of_relay = () if relay is None else (relay.ca_file, relay.cert_file, relay.key_file, relay.password_file)
    named = (*of_relay, *(() if county is None else (county.authority, county.pin_secret)))
    return tuple(dict.fromkeys(path for path in named if path is not None))


@dataclass(frozen=True, slots=True)
class KitSource:
    """What a kit is made of. ``environ`` is that of the process: a service finds its credentials by it."""

    config: Configuration
    settings_file: Path | None
    environ: Mapping[str, str]

    def own_key(self) -> bytes:
        """Derive the key that opens what the station encrypts to itself; it can also be derived from an opened kit."""
        return PickupKey.from_existing(self.config.parcels, self.config.station.data, self.environ).backups()


def write_kit_beside(made: FinishedBackup, settings: BackupSettings, source: KitSource, stamp: Stamp) -> FinishedBackup:
    """Write the recovery kit beside the backup, unless no county's key is set. A failure is in its ``problem``."""
    try:
        county = load_county_key(settings)
        if county is None:
            return made
        write_kit(made.path, seal_to_county(collect_kit(source, stamp), county))
    except KitRefused as error:
        logger.warning("no recovery kit: %s", error)
        problem = f"The database is safe in {made.path}, but there is no recovery kit beside it: {error}"
        return replace(made, problem=" ".join(filter(None, (made.problem, problem))))
    return made


def collect_kit(source: KitSource, stamp: Stamp) -> Kit:
    """Collect the content of a kit. Raises KitRefused with what is missing, and without any content in the text."""
    station, file = source.config.station, source.settings_file
    if file is None:
        raise KitRefused("the station was started without a settings file.")
    places = Places(file, station.data)
    key = key_path(source.config.parcels, station.data, source.environ)
    found = (_credential(places, path, source.environ) for path in credential_files(source.config))
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
    there = (place for place in places.read_from(path, environ) if _exists(place))
    return Credential(str(path), _content(next(there, path)))


def _exists(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise KitRefused(f"{path} cannot be read: {error.strerror or error}.") from None
