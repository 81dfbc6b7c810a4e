"""Pictures from an image file, or the newest image of a directory: a camera that stores files, or the simulator."""

from __future__ import annotations

import stat
from pathlib import Path

from kiosk.devices.camera.child.faults import UnreadablePicture, require_content
from kiosk.devices.camera.child.ports import Burst
from kiosk.devices.ports import CameraFault
from kiosk.photo.arrays import BgrImage
from kiosk.photo.codec import MAX_BYTES, decode_picture
from kiosk.photo.picture_header import PictureRefused

SUFFIXES = frozenset({".jpg", ".jpeg", ".png"})


class ImageFileSource:
    """A picture source; the file is read again for each shot and may keep its own size."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)

    @property
    def path(self) -> str:
        return str(self._path)

    def shoot(self) -> BgrImage:
        """Read, check and decode the picture. Raises CameraFault missing, format, black or broken."""
        file, frame = self._read()
        require_content(frame, str(file))
        return frame

    def burst(self) -> Burst:
        """Return one frame, for a file holds no more. Raises CameraFault missing, or UnreadablePicture."""
        return Burst(self._read()[1])

    def live_frame(self) -> BgrImage:
        """Return the frame that a burst returns. Raises CameraFault missing, or UnreadablePicture."""
        return self._read()[1]

    def _read(self) -> tuple[Path, BgrImage]:
        try:
            file = newest_image(self._path)
            data = _read_regular(file)
        except OSError as error:
            raise CameraFault(
                "missing",
                f"The camera gives no picture at {self._path} ({error.strerror}): plug it in and switch it on.",
            ) from error
        try:
            return file, decode_picture(data)
        except PictureRefused as error:
            raise UnreadablePicture("format", f"The picture {file} cannot be used: {error}. Take it again.") from error

    def fix_exposure(self) -> None: ...

    def release_exposure(self) -> None: ...

    def close(self) -> None: ...


def newest_image(path: Path) -> Path:
    """Return ``path``, or the newest JPEG or PNG of the directory; raises FileNotFoundError when it holds none."""
    if not path.is_dir():
        return path
    images = [entry for entry in path.iterdir() if entry.suffix.lower() in SUFFIXES and entry.is_file()]
    if not images:
        raise FileNotFoundError(2, "no JPEG or PNG in this directory")
    return max(images, key=lambda entry: (entry.stat().st_mtime_ns, entry.name))


def _read_regular(file: Path) -> bytes:
    # A pipe or a device under this name could block or never end.
    if not stat.S_ISREG(file.stat().st_mode):
        raise FileNotFoundError(2, "not a regular file")
    with file.open("rb") as stream:
        return stream.read(MAX_BYTES + 1)
