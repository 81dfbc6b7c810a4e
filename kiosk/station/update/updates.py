"""Updates as the technician sees them at the station: what is here, what came of the last one, and the request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from kiosk.station.update.bundle import HEAD_BYTES, parse_head, verify_manifest
from kiosk.station.update.journal import JournalFile, UpdateOutcome
from kiosk.station.update.ports import BundleShelf
from kiosk.station.update.quiet import StationQuiet
from kiosk.station.update.refusals import UpdateRefusalReason, UpdateRefused
from kiosk.station.update.release import Release

MAX_SHOWN_BUNDLES: Final = 3  # Bundles on one page, those on a stick first; who has more deletes some


@dataclass(frozen=True, slots=True)
class OfferedBundle:
    """One bundle: what it brings, or why it cannot be taken. ``size_bytes`` as it is signed, 0 of what is not."""

    name: str
    version: str
    why: UpdateRefusalReason | None
    on_stick: bool = False
    size_bytes: int = 0

    @property
    def shown(self) -> str:
        return self.version or self.name.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class UpdateView:
    """``running`` is the version that runs; ``phase`` is "" while nothing is under way."""

    running: str
    bundles: tuple[OfferedBundle, ...]
    phase: str
    outcome: UpdateOutcome | None


class Updates:
    """Whole looks at a bundle are the helper's; here its signed manifest is read."""

    def __init__(self, shelf: BundleShelf, journal: JournalFile, quiet: StationQuiet) -> None:
        self._shelf, self._journal, self._quiet = shelf, journal, quiet

    def view(self) -> UpdateView:
        """Raises OSError."""
        entry = self._journal.read()
        phase = entry.phase.value if entry is not None else "asked" if self._shelf.waits() else ""
        sticks = self._shelf.on_sticks()[:MAX_SHOWN_BUNDLES]
        here = self._shelf.names()[: MAX_SHOWN_BUNDLES - len(sticks)]
        bundles = (*(self._judged_bundle(path, on_stick=True) for path in sticks), *map(self._judged_bundle, here))
        return UpdateView(self._shelf.running().version, bundles, phase, self._shelf.outcome())

    def install(self, name: str) -> None:
        """Ask for it; one on a stick is copied first. Raises UpdateRefused, and OSError, StoreError."""
        if self.view().phase:
            raise UpdateRefused(UpdateRefusalReason.RUNNING)
        on_stick = name in self._shelf.on_sticks()
        if not on_stick and name not in self._shelf.names():
            raise UpdateRefused(UpdateRefusalReason.NOT_FOUND)
        offered = self._judged_bundle(name, on_stick=on_stick)
        if offered.why is not None:
            raise UpdateRefused(offered.why)
        busy = self._quiet.busy()
        if busy is not None:
            raise UpdateRefused(busy)
        self._shelf.ask(self._shelf.bring(name, offered.size_bytes) if on_stick else name)

    def _judged_bundle(self, name: str, *, on_stick: bool = False) -> OfferedBundle:
        try:
            head = parse_head(self._shelf.head(name, HEAD_BYTES))
            raw = self._shelf.head(name, HEAD_BYTES + head.manifest_bytes)[HEAD_BYTES:]
            manifest = verify_manifest(head, raw, self._shelf.keys())
        except UpdateRefused as error:
            return OfferedBundle(name, "", error.why, on_stick)
        except OSError:
            return OfferedBundle(name, "", UpdateRefusalReason.DAMAGED, on_stick)
        size = HEAD_BYTES + head.manifest_bytes + manifest.payload_bytes
        return OfferedBundle(name, manifest.release.version, self._why_not(manifest.release), on_stick, size)

    def _why_not(self, release: Release) -> UpdateRefusalReason | None:
        running = self._shelf.running()
        if release.order <= running.order:
            return UpdateRefusalReason.NOT_NEWER
        return UpdateRefusalReason.SCHEMA if release.schema < running.schema else None
