"""Files on plugged media: where the media are mounted, and which files on them may be of use.

A medium comes from anywhere and may be pulled at any moment: everything is bounded, and what cannot be read counts as
missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Final

from kiosk.store.backup.medium import database_file, disk_of, nearest_existing

# Below these, one or two levels deep, media are mounted (`kiosk-media@.service`; FHS 3.0, sections 3.11 and 3.12;
# udisks2 mounts at /run/media/USER/NAME).
ROOTS: Final = (Path("/run/kiosk-media"), Path("/media"), Path("/run/media"), Path("/mnt"))
CATALOG_ENDINGS: Final = (".toml", ".json")
BUNDLE_ENDING: Final = ".kioskupdate"
MAX_MEDIA, MAX_FILES, MAX_PATH_LENGTH = 8, 24, 180
# Names of one folder that are read; a folder with more was not prepared for a catalog.
_MAX_SCANNED_NAMES: Final = 256

IsMount = Callable[[Path], bool]


def mounted(roots: Iterable[Path], is_mount: IsMount) -> tuple[Path, ...]:
    """Return the top folders of mounted media, at most ``MAX_MEDIA``. A plain folder below a root is none."""
    return tuple(islice(_mounted(roots, is_mount), MAX_MEDIA))


def _mounted(roots: Iterable[Path], is_mount: IsMount) -> Iterator[Path]:
    for root in roots:
        for folder in _entries(root, Path.is_dir):
            if is_mount(folder):
                yield folder
            else:
                yield from (path for path in _entries(folder, Path.is_dir) if is_mount(path))


def catalog_files(folders: Iterable[Path]) -> tuple[Path, ...]:
    """Find files named like a catalog, at most ``MAX_FILES``; the content is judged when one is chosen."""
    found = (path for folder in dict.fromkeys(folders) for path in _entries(folder, Path.is_file))
    return tuple(islice((path for path in found if _may_be_catalog(path)), MAX_FILES))


def bundle_files(folders: Iterable[Path]) -> tuple[Path, ...]:
    """Find files named like an update, at most ``MAX_FILES``; the content is judged by their reader."""
    found = (path for folder in dict.fromkeys(folders) for path in _entries(folder, Path.is_file))
    return tuple(islice((path for path in found if path.suffix == BUNDLE_ENDING), MAX_FILES))


def _may_be_catalog(path: Path) -> bool:
    """Judge by the name; the draft of the first start and the manifest of a backup end in .json, too."""
    if path.suffix.lower() not in CATALOG_ENDINGS or path.name.endswith(".draft.json"):
        return False
    return not (path.suffix == ".json" and database_file(path).exists())


def on_another_disk(media: Iterable[Path], data: Path) -> tuple[Path, ...]:
    """Return the media that are not on the disk of ``data``, a folder that may not exist yet."""
    found = []
    for medium in media:
        with suppress(OSError):  # pulled while it was looked at
            if disk_of(medium) != disk_of(nearest_existing(data)):
                found.append(medium)
    return tuple(found)


def _entries(folder: Path, kind: Callable[[Path], bool]) -> list[Path]:
    """List what a folder has of this kind, by name. No links, nothing hidden, no name that a page cannot show."""
    with suppress(OSError):
        names = sorted(islice(folder.iterdir(), _MAX_SCANNED_NAMES))
        return [path for path in names if _presentable(path) and not path.is_symlink() and kind(path)]
    return []


def _presentable(path: Path) -> bool:
    """Return whether a page can show the name, and a form send it: on a stick it may be any bytes."""
    return path.name[:1] != "." and str(path).isprintable() and len(str(path)) <= MAX_PATH_LENGTH
