"""What is known of the lens of this station's camera: one small file in the data folder, of that camera alone."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import msgspec

from kiosk.base.files import sync_folder, write_durably
from kiosk.base.json_reader import Unreadable, reader
from kiosk.devices.camera.settings import CameraSettings
from kiosk.domain.lens import LensFit

logger = logging.getLogger(__name__)

FILE_NAME: Final = "lens-calibration"
"""No ending: the first start offers every .json of the data folder as a catalog."""
_FORM: Final = 1
_MOST_BYTES: Final = 4_096
_SAID: Final = {
    "damaged": "The file %s is no calibration of a lens (%s): it is left aside; calibrate the lens again.",
    "other": "The file %s is of %s: it is left aside; calibrate the lens of this camera.",
}


class LensWord(StrEnum):
    """What the file says to the camera that is set up."""

    NONE = "none"
    KNOWN = "known"
    DAMAGED = "damaged"
    OTHER = "other"
    """Of another camera, or of another size of its pictures."""


@dataclass(frozen=True, slots=True)
class KnownLens:
    """``fit`` and the day it was made are there exactly for KNOWN; ``why``, in English, for the two bad words."""

    word: LensWord
    fit: LensFit | None = None
    day: str = ""
    why: str = ""


class _Written(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    form: int
    kind: str
    path: str
    day: Annotated[str, msgspec.Meta(max_length=10)]
    lens: LensFit


_written: Final = reader(msgspec.json.Decoder(_Written))


class LensFile:
    """Read anew each time: a child of the camera starts with what is there then. Safe from several threads."""

    def __init__(self, data: Path, camera: CameraSettings) -> None:
        self._file, self._camera = data / FILE_NAME, camera

    @property
    def place(self) -> Path:
        return self._file

    def look(self) -> KnownLens:
        """Never raises: a file that cannot be read is as damaged as one that holds something else."""
        try:
            with self._file.open("rb") as stream:
                content = stream.read(_MOST_BYTES + 1)
        except FileNotFoundError:
            return KnownLens(LensWord.NONE)
        except OSError as error:
            return KnownLens(LensWord.DAMAGED, why=error.strerror or type(error).__name__)
        try:
            written = _written(content)
        except Unreadable as error:
            return KnownLens(LensWord.DAMAGED, why=str(error)[:200])
        if written.form != _FORM:
            return KnownLens(LensWord.DAMAGED, why=f"it is written in form {written.form}, not {_FORM}")
        return self._judged(written)

    def known(self) -> LensFit | None:
        """What the camera's child gets; a file that is left aside is named in the log."""
        found = self.look()
        if found.word.value in _SAID:
            logger.warning(_SAID[found.word.value], self._file, found.why)
        return found.fit

    def keep(self, fit: LensFit, day: str) -> None:
        """Durably in place of what was known. Raises OSError; then the file is as it was."""
        written = _Written(_FORM, self._camera.kind, self._camera.path, day, fit)
        write_durably(self._file, msgspec.json.format(msgspec.json.encode(written)) + b"\n")

    def forget(self) -> None:
        """Raises OSError."""
        self._file.unlink(missing_ok=True)
        sync_folder(self._file.parent)

    def _judged(self, written: _Written) -> KnownLens:
        camera, fit = self._camera, written.lens
        # A picture file keeps its own size: there the camera's child compares it with each frame.
        size = (fit.width, fit.height) if camera.kind == "file" else (camera.width, camera.height)
        mine, others = ((camera.kind, camera.path, *size), (written.kind, written.path, fit.width, fit.height))
        if mine != others:
            why = f"the camera {written.kind} {written.path!r} at {fit.width} x {fit.height}"
            return KnownLens(LensWord.OTHER, why=why)
        return KnownLens(LensWord.KNOWN, fit, written.day)
