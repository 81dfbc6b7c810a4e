"""Bar codes in one frame: what the camera gives the station where there is no scanner. The frame stays here."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.devices.camera.child.ports import PictureSource
from kiosk.devices.camera.wire import MAX_CODE, MAX_CODES, CodesDetected
from kiosk.protocols.barcodes.reader import read_codes

# Pixels of the longer side that are looked through: more finds no more on a label a hand away, and takes its time.
_MAX_SIDE_PX: Final = 1920


# A sixth at every side is looked through only when the middle shows no code: whoever holds a label up holds it there,
# and what stands on the shelf beside it, or was put there to be read, is not meant. It is also twice as fast.
_RIM: Final = 6


def detect_codes(source: PictureSource, number: int) -> CodesDetected:
    """A frame of now. Raises CameraFault."""
    gray = cv2.cvtColor(source.burst().frame, cv2.COLOR_BGR2GRAY)
    longer_side = max(gray.shape)
    if longer_side > _MAX_SIDE_PX:
        gray = cv2.resize(
            gray, None, fx=_MAX_SIDE_PX / longer_side, fy=_MAX_SIDE_PX / longer_side, interpolation=cv2.INTER_AREA
        )
    rows, columns = (side // _RIM for side in gray.shape)
    codes = _read(gray[rows:-rows, columns:-columns]) if rows and columns else []
    codes = codes or _read(gray)
    return CodesDetected(number, tuple(code[:MAX_CODE] for code in codes[:MAX_CODES]))


def _read(gray: NDArray[np.generic]) -> list[str]:
    return read_codes(memoryview(gray.tobytes()).cast("B", gray.shape))
