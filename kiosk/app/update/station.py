"""The station's side of updates put together; None of it where no folder of releases is."""

from __future__ import annotations

import logging
import os
import shutil
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kiosk.app.shared.adapters import FirstReading, make_scale
from kiosk.app.shared.media import ROOTS, bundle_files, mounted
from kiosk.app.update.board import UpdatePaths
from kiosk.app.update.releases import ReleaseFolder
from kiosk.base.files import atomic_writer, exclusive_folder, open_regular
from kiosk.base.worker import Worker
from kiosk.devices.scale.settings import ScaleSettings
from kiosk.station.service import StationService
from kiosk.station.update.journal import JournalFile, UpdateOutcome
from kiosk.station.update.messages import BUNDLES, Request, UpdateFiles, is_bundle_name
from kiosk.station.update.refusals import UpdateRefusalReason, UpdateRefused
from kiosk.station.update.release import Release
from kiosk.station.update.updater import RESERVE_BYTES
from kiosk.station.update.updates import (
    POLL_INTERVAL_S,
    Gate,
    QuietWatch,
    ReleaseTrial,
    TrialTools,
    Updates,
    pending_trial,
)
from kiosk.store.shared.errors import StoreError

logger = logging.getLogger(__name__)

_CHUNK: Final = 1024 * 1024
_MAX_SCANNED_NAMES: Final = 1000  # Names of a folder; a stick that was copied whole shall not hold up a page


def sticks() -> Sequence[Path]:
    return mounted(ROOTS, os.path.ismount)


class StationBundles:
    """What the station may read."""

    def __init__(
        self, releases: ReleaseFolder, journal: JournalFile, data: Path, media: Callable[[], Sequence[Path]] = sticks
    ) -> None:
        self._releases, self._journal, self._media = releases, journal, media
        self._folder, self._request = data / BUNDLES, UpdateFiles(data).request

    def names(self) -> Sequence[str]:
        if not self._folder.is_dir():
            return []
        found = [path for path, _ in zip(self._folder.iterdir(), range(_MAX_SCANNED_NAMES), strict=False)]
        times = {path.name: _changed_at(path) for path in found if is_bundle_name(path.name)}
        bundles = [(-at, name) for name, at in times.items() if at is not None]
        return [name for _, name in sorted(bundles)]

    def on_sticks(self) -> Sequence[str]:
        return [str(path) for path in bundle_files(self._media()) if is_bundle_name(path.name)]

    def head(self, name: str, size: int) -> bytes:
        with open_regular(self._folder / name) as file:  # a path stays the path it is
            return file.read(size)

    def bring(self, path: str, size: int) -> str:
        """Copy it whole under another name first, as finished ones are listed. Raises UpdateRefused, OSError."""
        name = Path(path).name
        self._folder.mkdir(mode=0o700, exist_ok=True)
        try:
            with exclusive_folder(self._folder):
                if shutil.disk_usage(self._folder).free < size + RESERVE_BYTES:
                    raise UpdateRefused(UpdateRefusalReason.FULL)
                with atomic_writer(self._folder / name) as copy:
                    for piece in _pieces(Path(path), size):
                        copy.write(piece)
        except BlockingIOError as error:
            raise UpdateRefused(UpdateRefusalReason.RUNNING, "another one is being copied") from error
        return name

    def sweep(self) -> None:
        """Delete what a power cut has left of a copy; nothing while one is being copied."""
        with suppress(OSError), exclusive_folder(self._folder):
            pass

    def running(self) -> Release:
        return self._releases.running()

    def keys(self) -> tuple[bytes, ...]:
        return self._releases.keys()

    def outcome(self) -> UpdateOutcome | None:
        return self._journal.outcome()

    def waits(self) -> bool:
        return self._request.exists()

    def ask(self, bundle: str) -> None:
        self._request.write(Request(bundle))


def _changed_at(path: Path) -> int | None:
    """Return ns; None for what is no file, or is gone: the relay deletes what it has fetched before."""
    with suppress(FileNotFoundError):
        found = path.stat()
        return found.st_mtime_ns if stat.S_ISREG(found.st_mode) else None
    return None


def _pieces(path: Path, size: int) -> Iterator[bytes]:
    """Yield the file in pieces; a stick may be pulled, or have an endless file. Raises UpdateRefused."""
    left = size
    try:
        with open_regular(path) as file:
            while piece := file.read(min(left, _CHUNK)):
                left -= len(piece)
                yield piece
    except OSError as error:
        raise UpdateRefused(UpdateRefusalReason.DAMAGED, error.strerror or str(error)) from error
    if left:
        raise UpdateRefused(UpdateRefusalReason.DAMAGED, "the file on the stick is shorter than it says")


@dataclass(frozen=True, slots=True)
class StationUpdate:
    updates: Updates
    watch: Worker  # Answers whether the station is quiet
    journal: JournalFile
    files: UpdateFiles
    version: str

    def trial(
        self, scale: ScaleSettings | None, draw: Callable[[str], int], service: StationService
    ) -> ReleaseTrial | None:
        """Return the trial when this start is one. None also when the journal of updates cannot be read: nothing is
        rolled back then, and the station can weigh.
        """
        try:
            entry = pending_trial(self.journal, self.version)
        except OSError as error:
            logger.error("the journal of updates cannot be read (%s): the station works without a trial", error)
            return None
        if entry is None:
            return None
        report = self.files.verdict.write
        tools = TrialTools(draw, lambda seconds: receives_frame(scale, seconds), lambda: rehearse(service), report)
        return ReleaseTrial(entry, self.journal, tools)


def make_station_update(service: StationService, gate: Gate, places: UpdatePaths) -> StationUpdate | None:
    """Make it; None where updates have no place: a demo, a checkout. Raises OSError."""
    if not places.releases.is_dir():
        return None
    data = service.settings.data
    folder, journal = ReleaseFolder(places.releases, places.package), JournalFile(places.releases)
    files = UpdateFiles(data)
    try:
        version = folder.running().version
    except OSError as error:
        logger.warning("this station cannot be updated: %s", error)
        return None
    shelf = StationBundles(folder, journal, data)
    shelf.sweep()
    quiet = service.quiet()
    return StationUpdate(
        Updates(shelf, journal, quiet),
        Worker(
            "update-quiet",
            QuietWatch(journal, quiet, gate, files.answer.write).poll,
            retry_s=POLL_INTERVAL_S,
            expected=(OSError, StoreError),
        ),
        journal,
        files,
        version,
    )


def receives_frame(settings: ScaleSettings | None, seconds: float) -> bool:
    """Return whether a frame was decoded in this time; the port is free again afterwards."""
    if settings is None or seconds <= 0:
        return False
    listener = FirstReading()
    scale = make_scale(settings, listener)
    scale.start()
    try:
        return listener.read.wait(seconds)
    finally:
        scale.stop()


def rehearse(service: StationService) -> None:
    """Rehearse an intake of the first product; do nothing without any product. Raises StoreError."""
    version, catalog = service.store.catalogs.get()
    if catalog.products:
        service.store.rehearse_intake(version, catalog.products[0].code, service.stamp())
