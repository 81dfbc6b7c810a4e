"""Kits and backups on the media that are plugged in: found by name, everything bounded, no link and no pipe."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final

from kiosk.app.shared.media import IsMount, mounted
from kiosk.base.files import read_bounded
from kiosk.store.backup.kit.kit_files import SUFFIX
from kiosk.store.backup.medium import DATABASE_ENDINGS, MANIFEST_NAME, BackupManifest, read_manifest
from kiosk.store.journal.series import SERIES_FILE
from kiosk.store.shared.errors import StoreError

KIT: Final = re.compile(rf"(S[0-9]{{4}}){re.escape(SUFFIX)}")  # The name to give `sorting-center kit open --paper`
MAX_SCANNED_NAMES: Final = 4096  # Names of one folder that are looked at: backups of two hundred stations are 2800
MAX_FOLDERS: Final = 16
MAX_STATIONS: Final = 200  # Stations that are offered; kits and backups of one that are looked at
MAX_KIT_TRIES: Final = 4  # Of one station that the digits are tried on: each costs seconds
_MAX_MANIFEST_BYTES: Final = 16 * 1024 * 1024  # A hundred thousand pictures are 7 MB
_MAX_SERIES_BYTES: Final = 64 * 1024
_PICTURE: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class MediaContents:
    """For one station: kits that may be opened by a paper, manifests of finished backups, the newest first, and whether
    a kit is beside one of them, locked as the station wrote it.
    """

    kits: list[Path] = field(default_factory=list)
    backups: list[Path] = field(default_factory=list)
    locked: bool = False


def scan_media(roots: Iterable[Path], is_mount: IsMount) -> dict[str, MediaContents]:
    kits: dict[str, list[Path]] = {}
    backups: dict[str, list[Path]] = {}
    locked: set[str] = set()
    for medium in mounted(roots, is_mount):
        for folder in (medium, *_folders(medium)):
            names = set(_names(folder, lambda entry: entry.is_file(follow_symlinks=False)))
            for name in sorted(names):
                if (match := KIT.fullmatch(name)) is not None:
                    kits.setdefault(match[1], []).append(folder / name)
                elif (match := MANIFEST_NAME.fullmatch(name)) and any(
                    _companion_name(name, ending) in names for ending in DATABASE_ENDINGS
                ):
                    backups.setdefault(match[1], []).append(folder / name)
                    if _companion_name(name, SUFFIX) in names:
                        locked.add(match[1])
    return {
        station: MediaContents(
            kits.get(station, [])[:MAX_STATIONS],
            sorted(backups.get(station, []), key=lambda path: path.name, reverse=True)[:MAX_STATIONS],
            station in locked,
        )
        for station in sorted(kits.keys() | backups.keys())[:MAX_STATIONS]
    }


def good_manifest(path: Path) -> BackupManifest | None:
    """Read the manifest of a finished backup; None when it cannot be used."""
    with suppress(OSError, StoreError):
        if path.stat(follow_symlinks=False).st_size > _MAX_MANIFEST_BYTES:
            return None
        manifest = read_manifest(path)
        pictures = all(_PICTURE.fullmatch(name) for name in manifest.photos)
        return manifest if manifest.name == path.stem and pictures and _series_can_be_read(path) else None
    return None


def _series_can_be_read(manifest: Path) -> bool:
    """Check the series file, read with a backup: it must be a small file, or missing."""
    try:
        return len(read_bounded(manifest.with_name(SERIES_FILE), _MAX_SERIES_BYTES)) <= _MAX_SERIES_BYTES
    except FileNotFoundError:
        return True
    except OSError:
        return False


def _companion_name(name: str, ending: str) -> str:
    return name.removesuffix(".json") + ending


def _folders(medium: Path) -> Iterator[Path]:
    """Yield folders that may have backups or a kit; not the pictures beside the backups, which are many."""
    found = _names(medium, lambda entry: entry.is_dir(follow_symlinks=False))
    candidates = (name for name in found if name[:1] != "." and name != "photos")
    yield from (medium / name for name in islice(candidates, MAX_FOLDERS))


def _names(folder: Path, kind: Callable[[os.DirEntry[str]], bool]) -> list[str]:
    """List names of the kind, sorted; none when the medium was pulled."""
    with suppress(OSError), os.scandir(folder) as entries:
        return sorted(entry.name for entry in islice(entries, MAX_SCANNED_NAMES) if kind(entry))
    return []
