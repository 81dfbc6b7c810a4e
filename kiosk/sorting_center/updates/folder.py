"""The bundles that stations are offered, as files: ``SHA256.kioskupdate``, and ``SHA256.json`` that makes it count."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, BinaryIO, Final

import msgspec

from kiosk.base.files import arriving, filling, sync_folder, write_durably
from kiosk.base.json_reader import Unreadable, reader
from kiosk.messaging.contract.updates import MAX_OFFERS, Offer, Sha256

_END, _ABOUT = ".kioskupdate", ".json"
_CHUNK: Final = 1024 * 1024
_LONGEST_ABOUT: Final = 256 * 1024
_LOOKED_AT: Final = 1000
_MODE: Final = 0o644
_SHA256: Final = re.compile("[0-9a-f]{64}")


class Offered(msgspec.Struct, frozen=True):
    """``stations``: who may take it; none for everybody."""

    offer: Offer
    stations: tuple[Annotated[str, msgspec.Meta(pattern=r"^S[0-9]{4}\Z")], ...] = ()

    def is_for(self, station: str) -> bool:
        """Whether this station may take it."""
        return not self.stations or station in self.stations


class TooMany(Exception):
    """Take another one away first."""


_offered: Final = reader(msgspec.json.Decoder(Offered))


class OfferFolder:
    """Filled by the command line, read by the photos lane's process. Every call may raise OSError."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def offered(self) -> Sequence[Offered]:
        """The newest file first; what cannot be read is not offered."""
        found = self._found()
        times = {path: _changed_at(path) for path in found}
        read = [_read(path) for path in sorted(found, key=lambda path: (-times[path], path.name))]
        return [one for one in read if one is not None][:MAX_OFFERS]

    def damaged(self) -> Sequence[str]:
        """What cannot be read, by its name without ``.json``: ``remove`` takes it away, adding its bundle mends it."""
        return sorted(path.stem for path in self._found() if _read(path) is None)

    def add(self, source: BinaryIO, one: Offered) -> None:
        """The same bundle again changes whom it is for. Raises TooMany, and BlockingIOError as ``filling`` does."""
        self._root.mkdir(parents=True, exist_ok=True)
        sha256 = one.offer.sha256
        with filling(self._root):
            self._sweep()
            others = [other for other in self.offered() if other.offer.sha256 != sha256]
            if len(others) >= MAX_OFFERS:
                raise TooMany
            self._copy(source, one.offer)
            write_durably(self._root / f"{sha256}{_ABOUT}", msgspec.json.encode(one), _MODE)

    def remove(self, sha256: str) -> None:
        """From now on nobody is given it; who is in the middle of it is told so. Raises as ``add`` does."""
        with filling(self._root):
            for end in (_ABOUT, _END):
                (self._root / f"{sha256}{end}").unlink(missing_ok=True)
            sync_folder(self._root)

    def open(self, sha256: Sha256) -> BinaryIO:
        """Its bytes."""
        return (self._root / f"{sha256}{_END}").open("rb")

    def require_whole(self, offer: Offer) -> None:
        """Of its length, at least: a station checks the rest. Raises OSError for any other."""
        size = (self._root / f"{offer.sha256}{_END}").stat().st_size
        if size != offer.size_bytes:
            raise OSError(f"{offer.sha256[:12]} has {size} bytes, and {offer.size_bytes} are told")

    def _found(self) -> list[Path]:
        return [path for path, _ in zip(self._root.glob(f"*{_ABOUT}"), range(_LOOKED_AT), strict=False)]

    def _copy(self, source: BinaryIO, offer: Offer) -> None:
        """Only what is whole gets its name: the file may lie on a stick that is pulled."""
        digest = hashlib.sha256()
        with arriving(self._root / f"{offer.sha256}{_END}", _MODE) as copy:
            for piece in _pieces(source):
                digest.update(piece)
                copy.write(piece)
            if (copy.tell(), digest.hexdigest()) != (offer.size_bytes, offer.sha256):
                raise OSError("the bundle changed while it was copied")

    def _sweep(self) -> None:
        """Bundles that nothing is told of: whoever added or removed them was killed in the middle."""
        for path in self._root.glob(f"*{_END}"):
            if _SHA256.fullmatch(path.stem) and not path.with_suffix(_ABOUT).exists():
                path.unlink()


def _pieces(source: BinaryIO) -> Iterator[bytes]:
    while piece := source.read(_CHUNK):
        yield piece


def _changed_at(path: Path) -> int:
    """In ns; 0 of what was taken away since it was found."""
    with suppress(FileNotFoundError):
        return path.stat().st_mtime_ns
    return 0


def _read(path: Path) -> Offered | None:
    try:
        with path.open("rb") as file:
            found = _offered(file.read(_LONGEST_ABOUT))
    except (OSError, Unreadable):
        return None
    return found if path.name == f"{found.offer.sha256}{_ABOUT}" else None
