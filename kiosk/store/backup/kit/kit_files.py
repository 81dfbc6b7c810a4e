"""Recovery kits on disks: beside the backup, under its name with ``.kit`` at the end; and opened, as a folder."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from kiosk.base.files import make_private, sync_folder, write_durably
from kiosk.store.backup.kit.contents import Kit, KitRefused, from_bytes, to_bytes
from kiosk.store.backup.kit.sealing import MAX_KIT_BYTES, MAX_LINE_BYTES, KitFile
from kiosk.store.backup.shared.county_key import CountyKey
from kiosk.store.backup.shared.settings import BackupSettings

SUFFIX: Final = ".kit"
_WHOLE: Final = "kit.json"
_PRIVATE: Final = 0o600
_MAX_KEY_FILE_BYTES: Final = 1024


def load_county_key(settings: BackupSettings) -> CountyKey | None:
    """Load the key that kits are encrypted to; None when none is set. Raises KitRefused for a file without one."""
    if settings.county_key:
        return CountyKey.parse(settings.county_key)
    if settings.county_key_file is None:
        return None
    try:
        with settings.county_key_file.open("rb") as file:
            return CountyKey.parse(file.read(_MAX_KEY_FILE_BYTES).decode("ascii").strip())
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it holds no line of sorting-center kit new-key"
        raise KitRefused(f"The county's key {settings.county_key_file} cannot be read: {why}.") from None


def write_kit(backup: Path, sealed: bytes) -> Path:
    """Write the kit beside the ``.db`` file, durably, and read it again. Raises KitRefused; the backup stays."""
    path = backup.with_suffix(SUFFIX)
    try:
        write_durably(path, sealed)
        make_private(path)
        same = path.read_bytes() == sealed
    except OSError as error:
        raise KitRefused(f"The recovery kit {path} cannot be written: {error.strerror or error}.") from None
    if not same:
        path.unlink(missing_ok=True)
        raise KitRefused(f"The medium does not give back what was written to {path}: exchange it.")
    return path


def read_kit(path: Path) -> bytes:
    """Read a kit file. Raises KitRefused for one that is missing or far too large."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_KIT_BYTES + 1)
    except OSError as error:
        raise KitRefused(f"The recovery kit {path} cannot be read: {error.strerror or error}.") from None
    if len(content) > MAX_KIT_BYTES:
        raise KitRefused(f"{path} is no recovery kit: it is far too large.")
    return content


def is_kit_of(backup: Path, station: str, county: CountyKey) -> bool:
    """Return whether that backup has a kit which the county can open. Raises PermissionError."""
    try:
        with backup.with_suffix(SUFFIX).open("rb") as file:
            outside = KitFile.parse(file.read(MAX_LINE_BYTES))
    except PermissionError:
        raise
    except (OSError, KitRefused):
        return False
    return (outside.station, outside.county) == (station, county.name)


def drop_orphans(folder: Path, station: str) -> None:
    """Delete this station's kits whose backup is gone. Raises OSError."""
    own = re.compile(rf"{station}-[A-Z]-[0-9]{{10}}-[0-9a-f]{{16}}{re.escape(SUFFIX)}")
    for path in folder.iterdir():
        if own.fullmatch(path.name) and not path.with_suffix(".json").exists():
            path.unlink(missing_ok=True)


def write_folder(kit: Kit, folder: Path) -> None:
    """Write an opened kit as a folder for its owner alone: for a technician with an encrypted disk, and by hand.

    ``kit.json`` is what ``kiosk restore --kit FOLDER`` reads; the other files are the same for a person. Raises
    FileExistsError when there is such a folder, and OSError.
    """
    folder.mkdir(mode=0o700)
    folder.chmod(0o700)  # whatever the umask says
    write_durably(folder / "station.toml", kit.settings, _PRIVATE)
    write_durably(folder / "pickup-key", f"{kit.pickup_key}\n".encode("ascii"), _PRIVATE)
    for credential in kit.credentials:
        write_durably(folder / f"credential-{Path(credential.path).name}", credential.content, _PRIVATE)
    write_durably(folder / _WHOLE, to_bytes(kit), _PRIVATE)
    sync_folder(folder.parent)


def read_folder(folder: Path) -> Kit:
    """Read a kit from its folder. Raises KitRefused."""
    return from_bytes(read_kit(folder / _WHOLE))
