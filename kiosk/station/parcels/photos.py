"""Pictures of damaged parcels. Their labels hold names and telephone numbers: they lie apart from the produce.

One picture a parcel: in ``new`` while a clerk decides, in ``kept`` once the parcel was accepted with it. It goes when
the parcel is refused or taken back; a kept one goes with the waybill, days after the parcel is closed.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kiosk.base.files import sync_folder, write_durably
from kiosk.devices.ports import Shot
from kiosk.domain.identifiers import BadIdentifier
from kiosk.domain.parcel import ParcelNumber, ParcelState
from kiosk.store.shared.records import ParcelRow

logger = logging.getLogger(__name__)

RowOf = Callable[[ParcelNumber], ParcelRow | None]

_NAME = re.compile(r"(P-[0-9]{4}-[A-Z]-[0-9]{6})\.([0-9a-f]{64})\.jpg")


class ParcelPhotos:
    """``new/P-0147-A-000012.abcdef….jpg`` and the same in ``kept``: the parcel and the hash of the content."""

    def __init__(self, root: Path) -> None:
        self._undecided = root / "new"
        self._accepted = root / "kept"

    def keep(self, number: ParcelNumber, shot: Shot) -> None:
        """Store a shot for the decision; it replaces the one before. Raises OSError and leaves that one then."""
        self._undecided.mkdir(parents=True, exist_ok=True)
        before = self._of(number, self._undecided)
        path = self._undecided / f"{number}.{shot.sha256}.jpg"
        write_durably(path, shot.jpeg)
        for old in before:
            if old != path:
                old.unlink(missing_ok=True)
        sync_folder(self._undecided)

    def waiting_sha256(self, number: ParcelNumber) -> str | None:
        return next((path.name.split(".")[1] for path in self._of(number, self._undecided)), None)

    def path(self, sha256: str) -> Path | None:
        """Find the file of a picture; None when the text is no hash or there is no such picture."""
        if not re.fullmatch(r"[0-9a-f]{64}", sha256):
            return None
        return next(
            (path for folder in (self._accepted, self._undecided) for path in folder.glob(f"P-*.{sha256}.jpg")), None
        )

    @contextmanager
    def accepting(self, number: ParcelNumber) -> Iterator[None]:
        """Keep the picture while the block books it; when the block fails it waits again. Raises OSError."""
        self._move(number, self._undecided, self._accepted)
        try:
            yield
        except BaseException:
            self._move(number, self._accepted, self._undecided)
            raise

    def drop(self, number: ParcelNumber) -> None:
        self._unlink(self._of(number, self._undecided))

    def tidy(self, row_of: RowOf) -> None:
        """Settle what a power cut left half done. Raises StoreError, OSError."""
        for ending in ("new", "part"):  # the second one of versions before this one
            for left in self._undecided.glob(f".*.{ending}"):
                left.unlink(missing_ok=True)
        for number, row in self._rows(self._accepted, row_of):
            if row is None or row.photo_sha256 is None:
                self._move(number, self._accepted, self._undecided)
        self._drop_decided(row_of)

    def _drop_decided(self, row_of: RowOf) -> None:
        """Drop undecided shots that came after their parcel was refused or taken back."""
        for number, row in self._rows(self._undecided, row_of):
            if row is None or row.state is not ParcelState.ARRIVED:
                self.drop(number)

    def forget(self, row_of: RowOf) -> int:
        """Remove the pictures of parcels whose waybill was erased; return how many. Raises StoreError."""
        self._drop_decided(row_of)
        erased = [number for number, row in self._rows(self._accepted, row_of) if row is None or not row.waybill]
        for number in erased:
            self._unlink(self._of(number, self._accepted))
        return len(erased)

    @staticmethod
    def _rows(folder: Path, row_of: RowOf) -> list[tuple[ParcelNumber, ParcelRow | None]]:
        """List parcels with a picture. A file with a damaged or hand-made name belongs to none and is left alone."""
        numbers = set[ParcelNumber]()
        for path in folder.glob("P-*.jpg"):
            with suppress(BadIdentifier):
                numbers.update(ParcelNumber.parse(match[1]) for match in [_NAME.fullmatch(path.name)] if match)
        return [(number, row_of(number)) for number in sorted(numbers)]

    @staticmethod
    def _of(number: ParcelNumber, folder: Path) -> list[Path]:
        return sorted(folder.glob(f"{number}.*.jpg"))

    def _move(self, number: ParcelNumber, here: Path, there: Path) -> None:
        there.mkdir(parents=True, exist_ok=True)
        for path in self._of(number, here):
            path.replace(there / path.name)
        for folder in (there, here):
            sync_folder(folder)

    @staticmethod
    def _unlink(paths: list[Path]) -> None:
        for path in paths:
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                logger.error("%s cannot be removed: %s", path, error.strerror)
