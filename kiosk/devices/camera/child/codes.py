"""Bar codes in one frame: what the camera gives the station where there is no scanner. The frame stays here."""

from __future__ import annotations

from typing import Final

import cv2

from kiosk.devices.camera.child.ports import PictureSource
from kiosk.devices.camera.wire import MAX_CODE, MAX_CODES, CodesSeen
from kiosk.protocols.barcodes.reader import read_codes

_LONGEST: Final = 1920
"""Pixels of the longer side that are looked through: more finds no more on a label a hand away, and takes its time."""


def codes_seen(source: PictureSource, number: int) -> CodesSeen:
    """A frame of now. Raises CameraFault."""
    gray = cv2.cvtColor(source.burst().frame, cv2.COLOR_BGR2GRAY)
    longest = max(gray.shape)
    if longest > _LONGEST:
        gray = cv2.resize(gray, None, fx=_LONGEST / longest, fy=_LONGEST / longest, interpolation=cv2.INTER_AREA)
    height, width = gray.shape
    codes = read_codes(memoryview(gray.tobytes()).cast("B", (height, width)))
    return CodesSeen(number, tuple(code[:MAX_CODE] for code in codes[:MAX_CODES]))
