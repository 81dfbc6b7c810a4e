"""Bundles that the relay fetches, in the station's folder of bundles: ``.SHA256.part`` while one comes.

A file there with a bundle's name is offered to the technician as any other, and judged by the helper.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Final

from kiosk.app.update.board import ThisBoard, UpdatePaths
from kiosk.app.update.releases import ReleaseFolder
from kiosk.base.files import flush_to_disk, open_regular, sync_folder
from kiosk.messaging.contract.updates import UpdateOffer
from kiosk.messaging.relay.updates.ports import BundleDamaged, InsufficientSpace
from kiosk.station.update.bundle import HEAD_BYTES, MAX_MANIFEST, parse_head, verify_manifest
from kiosk.station.update.journal import JournalFile
from kiosk.station.update.messages import BUNDLE_END, BUNDLES, POLL_NOW
from kiosk.station.update.refusals import UpdateRefused
from kiosk.station.update.release import ALL, is_version, order_of

FETCHED_PREFIX: Final = "fetched-"  # Begins the names of what came over the line: of these only the newest stays
# Stays free beside a bundle that is fetched: intakes and pictures go before, and the update itself needs room.
RESERVE_BYTES: Final = 256 * 1024 * 1024
_PART: Final = ".part"
_BEGIN_BYTES: Final = HEAD_BYTES + MAX_MANIFEST  # In so many bytes the whole signed manifest is
_CHUNK: Final = 1024 * 1024


class FetchedBundles:
    """An ``BundleInbox`` of the updates lane. One thread alone uses it."""

    def __init__(self, data: Path, places: UpdatePaths, board: ThisBoard) -> None:
        self._folder, self._board, self._poll_flag = data / BUNDLES, board, data / POLL_NOW
        self._releases = ReleaseFolder(places.releases, places.package)
        self._journal = JournalFile(places.releases)
        self._checked = ""

    def poll_requested(self) -> bool:
        try:
            self._poll_flag.unlink()
        except FileNotFoundError:
            return False
        return True

    def choose(self, offers: Sequence[UpdateOffer]) -> UpdateOffer | None:
        """Return the newest that this machine can run; of two of one version the smaller.

        A file stored under its name counts only when it is the same, byte by byte: a card loses data, and the vendor
        may sign one version again.
        """
        fitting = [offer for offer in offers if self._fits(offer)]
        best = max(fitting, key=lambda offer: (order_of(offer.version), -offer.size_bytes), default=None)
        if best is not None and _is_whole(self._place(best), best):
            best = None
        self._sweep(best)
        return best

    def offset(self, offer: UpdateOffer) -> int:
        """Return how many bytes are here; discard a file that is longer than the bundle.

        The signature is checked as soon as the manifest is here, before anything more is fetched, and once in each run
        of the relay: it may have been killed before the check.
        """
        try:
            size = self._part(offer).stat().st_size
        except FileNotFoundError:
            size = 0
        if size > offer.size_bytes:
            self.discard(offer)
            size = 0
        if size < min(_BEGIN_BYTES, offer.size_bytes):
            self._checked = ""
        elif self._checked != offer.sha256:
            with self._opened(offer, os.O_RDONLY) as file:
                self._require_signed(offer, file)
            self._checked = offer.sha256
        return size

    def require_room(self, offer: UpdateOffer) -> None:
        """Check the free space. Raises InsufficientSpace."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        need = offer.size_bytes - self.offset(offer) + RESERVE_BYTES
        free = shutil.disk_usage(self._folder).free
        if free < need:
            raise InsufficientSpace(f"{free // 1_000_000} MB are free, and {need // 1_000_000} MB are needed")

    def take(self, offer: UpdateOffer, piece: bytes) -> None:
        """Append a piece, without a flush to disk: a file grows on the card only when its bytes are there (ext4)."""
        if self.offset(offer) + len(piece) > offer.size_bytes:
            self.discard(offer)
            raise BundleDamaged("more came than was told", forged=False)
        with self._opened(offer, os.O_WRONLY | os.O_APPEND | os.O_CREAT) as file:
            file.write(piece)

    def finish(self, offer: UpdateOffer) -> None:
        """Finish as ``BundleInbox`` says; delete what was fetched before."""
        with self._opened(offer, os.O_RDWR) as file:
            self._require_signed(offer, file)
            file.seek(0)
            if _sha256_of(file) != offer.sha256:
                self.discard(offer)
                raise BundleDamaged("its bytes are not those that were offered", forged=False)
            flush_to_disk(file)
        self._part(offer).replace(self._place(offer))
        self._sweep(offer)
        sync_folder(self._folder)

    def discard(self, offer: UpdateOffer) -> None:
        self._part(offer).unlink(missing_ok=True)

    def here(self) -> str:
        """Return the version as ``BundleInbox`` says, but not one that was tried here and failed."""
        running, outcome = self._releases.running().order, self._journal.outcome()
        for path in self._folder.glob(f"{FETCHED_PREFIX}*{BUNDLE_END}"):
            version = path.name.removeprefix(FETCHED_PREFIX).removesuffix(BUNDLE_END)
            tried = outcome is not None and outcome.failed == version
            if is_version(version) and order_of(version) > running and not tried:
                return version
        return ""

    def _require_signed(self, offer: UpdateOffer, file: BinaryIO) -> None:
        """Check that what is signed is what was offered, not an older version under a newer number."""
        try:
            head = parse_head(file.read(HEAD_BYTES))
            manifest = verify_manifest(head, file.read(head.manifest_bytes), self._releases.keys())
        except UpdateRefused as error:
            self.discard(offer)
            raise BundleDamaged(str(error), forged=True) from error
        release, size = manifest.release, HEAD_BYTES + head.manifest_bytes + manifest.payload_bytes
        offered = (offer.version, offer.architecture, offer.python, offer.size_bytes)
        if (release.version, release.architecture, release.python, size) != offered:
            self.discard(offer)
            raise BundleDamaged(f"it is {release.version} with {size} bytes, and not what was offered", forged=True)

    def _fits(self, offer: UpdateOffer) -> bool:
        """Return whether it is newer, can run here, and has not failed here."""
        newest = max(self._releases.running().order, self._releases.packaged().order)
        outcome = self._journal.outcome()
        return (
            order_of(offer.version) > newest
            and offer.architecture in (ALL, self._board.architecture)
            and offer.python == self._board.python
            and (offer.brings_libraries or self._releases.has_libraries(offer.libraries))
            and not (outcome is not None and outcome.failed == offer.version)
        )

    def _place(self, offer: UpdateOffer) -> Path:
        return self._folder / f"{FETCHED_PREFIX}{offer.version}{BUNDLE_END}"

    def _part(self, offer: UpdateOffer) -> Path:
        return self._folder / f".{offer.sha256}{_PART}"

    def _opened(self, offer: UpdateOffer, flags: int) -> BinaryIO:
        descriptor = os.open(self._part(offer), flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        return os.fdopen(descriptor, "ab" if flags & os.O_APPEND else "r+b" if flags & os.O_RDWR else "rb")

    def _sweep(self, selected: UpdateOffer | None) -> None:
        """Delete parts of others, and bundles that are not newer than what runs, or than what is here now."""
        keep = set() if selected is None else {self._part(selected), self._place(selected)}
        for path in self._folder.glob(f".*{_PART}"):
            if path not in keep:
                path.unlink(missing_ok=True)
        there = selected is not None and self._place(selected).exists()
        for path in self._folder.glob(f"{FETCHED_PREFIX}*{BUNDLE_END}"):
            version = path.name.removeprefix(FETCHED_PREFIX).removesuffix(BUNDLE_END)
            old = is_version(version) and order_of(version) <= self._releases.running().order
            if path not in keep and (there or old):
                path.unlink(missing_ok=True)


def _is_whole(path: Path, offer: UpdateOffer) -> bool:
    """Return whether it is complete; false for an unreadable file."""
    try:
        with open_regular(path) as file:
            return os.fstat(file.fileno()).st_size == offer.size_bytes and _sha256_of(file) == offer.sha256
    except OSError:
        return False


def _sha256_of(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while piece := file.read(_CHUNK):
        digest.update(piece)
    return digest.hexdigest()
