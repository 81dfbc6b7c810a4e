"""Where the child's pictures come from, who judges them, and what it needs of OpenCV and the kernel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from kiosk.photo.arrays import BgrImage

if TYPE_CHECKING:  # a shot of a parcel does without the pipeline
    from kiosk.photo.pipeline import Inspection
    from kiosk.photo.sheet.live_view import LiveViewAssessment
    from kiosk.photo.sheet.mat_measurement import MeasuredMat


@dataclass(frozen=True, slots=True)
class Burst:
    """The sharpest frame, and the others of the same moment."""

    frame: BgrImage
    others: tuple[BgrImage, ...] = ()


class PictureSource(Protocol):
    """A way to get pictures. Every shot may raise CameraFault, for a file that is no picture its kind
    UnreadablePicture.
    """

    @property
    def path(self) -> str:
        """What a technician calls it by."""

    def shoot(self) -> BgrImage:
        """Take one picture. Raises CameraFault when it shows nothing."""

    def burst(self) -> Burst:
        """Take a burst, even a black or flat one: the judges report that."""

    def live_frame(self) -> BgrImage:
        """Return a current frame at once, whatever it shows; its exposure may not have settled. A camera that repeats
        an old frame is detected by the shot, not here.
        """

    def fix_exposure(self) -> None:
        """Let exposure and white balance settle on the present scene and keep them until they are released: goods laid
        down afterwards do not change them. Do nothing for a file.
        """

    def release_exposure(self) -> None:
        """Return to automatic exposure; never raises."""

    def close(self) -> None: ...


class Pipeline(Protocol):
    """What the child calls of ``kiosk.photo``."""

    def inspect(self, frame: BgrImage, *, others: Sequence[BgrImage] = ()) -> Inspection: ...

    def measure_mat(self, frame: BgrImage, others: Sequence[BgrImage]) -> MeasuredMat: ...

    def assess_live_view(self, frame: BgrImage, before: BgrImage | None) -> LiveViewAssessment: ...


class Capture(Protocol):
    """The part of ``cv2.VideoCapture`` that is used, under its own names."""

    def isOpened(self) -> bool: ...

    def set(self, prop: int, value: float, /) -> bool: ...

    def get(self, prop: int, /) -> float: ...

    def grab(self) -> bool: ...

    def read(self) -> tuple[bool, Any]: ...

    def release(self) -> None: ...


# ``fcntl.ioctl`` with an argument that the kernel changes in place.
Ioctl = Callable[[int, int, bytearray, bool], int]
