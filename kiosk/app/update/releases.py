"""The folder of releases on the disk: ``/var/lib/kiosk-releases`` beside the package in ``/usr/lib/station-kiosk``."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from kiosk.base.files import sync_folder, write_durably
from kiosk.station.update.bundle import CODE, LIBRARIES, UpdateManifest
from kiosk.station.update.refusals import UpdateRefusalReason, UpdateRefused
from kiosk.station.update.release import (
    RELEASE_FILE,
    KeyRotation,
    Release,
    accepted_keys,
    is_version,
    parse_keys,
    parse_release,
    parse_rotation,
)

CURRENT: Final = "current"
VENDOR_KEYS: Final = "vendor.pub"
_ROTATED: Final = "keys.json"
_NEW: Final = ".new"
_MODE: Final = 0o755


class ReleaseFolder:
    """What the launcher (``packaging/launch.py``) chooses from; the rules of its choice are the same."""

    def __init__(self, folder: Path, package: Path) -> None:
        self._folder, self._package = folder, package

    def packaged(self) -> Release:
        """Read the package's release. Raises OSError, also when the package does not state it."""
        return _read(self._package)

    def running(self) -> Release:
        packaged = self.packaged()
        try:
            found = _read(self._folder / CURRENT)
        except OSError:
            return packaged
        whole = (self._folder / CURRENT / "code/kiosk/__init__.py").is_file() and self.has_libraries(found.libraries)
        return found if whole and found.python == packaged.python and found.order >= packaged.order else packaged

    def current(self) -> str:
        """Read the link itself, even when its target is missing."""
        link = self._folder / CURRENT
        return link.readlink().name if link.is_symlink() else ""

    def has_libraries(self, lock: str) -> bool:
        """Return whether they are in the package, or were brought by an update."""
        return lock == self.packaged().libraries or (self._folder / f"{LIBRARIES}-{lock}").is_dir()

    def unpack(self, manifest: UpdateManifest, payload: BinaryIO) -> None:
        """Unpack a release. Raises UpdateRefused, OSError; what it has begun is swept."""
        # Of the helper alone: archives and the compiler cost a station 1 MB that never unpacks anything.
        from kiosk.app.update.unpack import compile_modules, sync_file_system, unpack

        name = manifest.release.version
        fresh, place = self._folder / f"{name}{_NEW}", self._folder / name
        for left in (fresh, place):
            _remove(left)
        fresh.mkdir(mode=_MODE)
        unpack(manifest, payload, fresh)
        if _read(fresh) != manifest.release:
            raise UpdateRefused(UpdateRefusalReason.CONTENT, "release.json is not the release of its manifest")
        compile_modules(fresh / CODE, place / CODE)
        if manifest.brings_libraries:
            compile_modules(fresh / LIBRARIES, self._folder / f"{LIBRARIES}-{manifest.release.libraries}")
        sync_file_system(fresh)
        if manifest.brings_libraries:
            self._take_libraries(fresh, manifest.release.libraries)
        fresh.rename(place)
        sync_folder(self._folder)

    def _take_libraries(self, fresh: Path, lock: str) -> None:
        brought, place = fresh / LIBRARIES, self._folder / f"{LIBRARIES}-{lock}"
        if not brought.is_dir():
            raise UpdateRefused(UpdateRefusalReason.CONTENT, "no libraries are in it")
        if place.exists():
            shutil.rmtree(brought)
        else:
            brought.rename(place)
        sync_folder(fresh)
        sync_folder(self._folder)

    def switch(self, name: str) -> None:
        link = self._folder / CURRENT
        if not name:
            link.unlink(missing_ok=True)
        elif self.current() != name:
            fresh = self._folder / f".{CURRENT}{_NEW}"
            fresh.unlink(missing_ok=True)
            fresh.symlink_to(name)
            fresh.replace(link)
        sync_folder(self._folder)

    def sweep(self, keep: Collection[str]) -> None:
        """Delete all other releases and libraries, never what ``current`` names. Raises OSError."""
        retained = {*keep, self.current()} - {""}
        needed = {f"{LIBRARIES}-{lock}" for name in retained if (lock := self._lock_of(name))}
        for found in sorted(self._folder.iterdir()):
            is_release = is_version(found.name.removesuffix(_NEW)) or found.name.startswith(f"{LIBRARIES}-")
            if is_release and found.name not in retained | needed:
                _remove(found)
        sync_folder(self._folder)

    def _lock_of(self, name: str) -> str:
        try:
            return _read(self._folder / name).libraries
        except OSError:
            return ""

    def keys(self) -> tuple[bytes, ...]:
        """Return the keys; a package without a file of keys has none, and no update is accepted. Raises OSError."""
        try:
            packaged = parse_keys((self._package / VENDOR_KEYS).read_text("ascii"))
            path = self._folder / _ROTATED
            rotated = parse_rotation(path.read_bytes()) if path.exists() else None
            return accepted_keys(packaged, self.packaged(), rotated)
        except FileNotFoundError:
            return ()
        except ValueError as error:
            raise OSError(f"the vendor's keys cannot be read: {error}") from error

    def rotate(self, version: str, accepted: tuple[str, ...]) -> None:
        write_durably(self._folder / _ROTATED, msgspec.json.encode(KeyRotation(version, accepted)), 0o644)


def _read(folder: Path) -> Release:
    try:
        return parse_release((folder / RELEASE_FILE).read_bytes())
    except ValueError as error:
        raise OSError(f"{folder / RELEASE_FILE}: {error}") from error


def _remove(path: Path) -> None:
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)
