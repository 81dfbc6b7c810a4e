"""The bundles that stations are offered, as files: ``SHA256.kioskupdate``, and ``SHA256.json`` that makes it count."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, BinaryIO, Final

import msgspec

from kiosk.base.files import atomic_writer, exclusive_folder, sync_folder, write_durably
from kiosk.base.json_reader import Unreadable, reader
from kiosk.messaging.contract.updates import MAX_OFFERS, Sha256, UpdateOffer

_BUNDLE_SUFFIX, _METADATA_SUFFIX = ".kioskupdate", ".json"
_CHUNK: Final = 1024 * 1024
_MAX_METADATA_BYTES: Final = 256 * 1024
_MAX_FILES: Final = 1000
_MODE: Final = 0o644
_SHA256: Final = re.compile("[0-9a-f]{64}")


class TargetedOffer(msgspec.Struct, frozen=True):
    """``stations`` that may take it; none for all."""

    offer: UpdateOffer
    stations: tuple[Annotated[str, msgspec.Meta(pattern=r"^S[0-9]{4}\Z")], ...] = ()

    def is_for(self, station: str) -> bool:
        return not self.stations or station in self.stations


class TooManyOffers(Exception):
    """Take another one away first."""


_decode_offer: Final = reader(msgspec.json.Decoder(TargetedOffer))


class OfferFolder:
    """Filled by the command line, read by the photos lane's process. Every call may raise OSError."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def offers(self) -> Sequence[TargetedOffer]:
        """Return the offers, the newest file first; unreadable ones are left out."""
        found = self._found()
        times = {path: _mtime_ns(path) for path in found}
        read = [_read(path) for path in sorted(found, key=lambda path: (-times[path], path.name))]
        return [one for one in read if one is not None][:MAX_OFFERS]

    def damaged(self) -> Sequence[str]:
        """List unreadable offers by name without ``.json``: ``remove`` deletes one, adding its bundle repairs it."""
        return sorted(path.stem for path in self._found() if _read(path) is None)

    def add(self, source: BinaryIO, one: TargetedOffer) -> None:
        """Store the bundle; a known one gets the new stations. Raises TooManyOffers, and as `exclusive_folder`."""
        self._root.mkdir(parents=True, exist_ok=True)
        sha256 = one.offer.sha256
        with exclusive_folder(self._root):
            self._remove_orphans()
            others = [other for other in self.offers() if other.offer.sha256 != sha256]
            if len(others) >= MAX_OFFERS:
                raise TooManyOffers
            self._copy(source, one.offer)
            write_durably(self._root / f"{sha256}{_METADATA_SUFFIX}", msgspec.json.encode(one), _MODE)

    def remove(self, sha256: str) -> None:
        """Delete the bundle; a download in progress fails. Raises as ``add`` does."""
        with exclusive_folder(self._root):
            for end in (_METADATA_SUFFIX, _BUNDLE_SUFFIX):
                (self._root / f"{sha256}{end}").unlink(missing_ok=True)
            sync_folder(self._root)

    def open(self, sha256: Sha256) -> BinaryIO:
        return (self._root / f"{sha256}{_BUNDLE_SUFFIX}").open("rb")

    def require_whole(self, offer: UpdateOffer) -> None:
        """Raise OSError for another length than offered; a station checks the rest."""
        size = (self._root / f"{offer.sha256}{_BUNDLE_SUFFIX}").stat().st_size
        if size != offer.size_bytes:
            raise OSError(f"{offer.sha256[:12]} has {size} bytes, and {offer.size_bytes} are told")

    def _found(self) -> list[Path]:
        return [path for path, _ in zip(self._root.glob(f"*{_METADATA_SUFFIX}"), range(_MAX_FILES), strict=False)]

    def _copy(self, source: BinaryIO, offer: UpdateOffer) -> None:
        """Copy the bundle and name it only when whole: ``source`` may be on a USB stick that is pulled."""
        digest = hashlib.sha256()
        with atomic_writer(self._root / f"{offer.sha256}{_BUNDLE_SUFFIX}", _MODE) as copy:
            while piece := source.read(_CHUNK):
                digest.update(piece)
                copy.write(piece)
            if (copy.tell(), digest.hexdigest()) != (offer.size_bytes, offer.sha256):
                raise OSError("the bundle changed while it was copied")

    def _remove_orphans(self) -> None:
        """Delete bundles without metadata, left when adding or removing was killed."""
        for path in self._root.glob(f"*{_BUNDLE_SUFFIX}"):
            if _SHA256.fullmatch(path.stem) and not path.with_suffix(_METADATA_SUFFIX).exists():
                path.unlink()


def _mtime_ns(path: Path) -> int:
    """Return the time in ns; 0 when the file was removed since it was found."""
    with suppress(FileNotFoundError):
        return path.stat().st_mtime_ns
    return 0


def _read(path: Path) -> TargetedOffer | None:
    try:
        with path.open("rb") as file:
            found = _decode_offer(file.read(_MAX_METADATA_BYTES))
    except (OSError, Unreadable):
        return None
    return found if path.name == f"{found.offer.sha256}{_METADATA_SUFFIX}" else None
