"""What an ArUco marker looks like, cell by cell: for whoever draws one without OpenCV."""

from __future__ import annotations

from typing import Final

import cv2

CELLS: Final = 6
"""On a side: four of the code, and the black border around them."""


def white_cells(number: int) -> tuple[tuple[bool, ...], ...]:
    """Rows from the top, in each from the left whether the cell is white, of this marker of ``DICT_4X4_50``."""
    dictionary = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_4X4_50)
    drawn = cv2.aruco.generateImageMarker(dictionary, number, CELLS)
    return tuple(tuple(bool(cell) for cell in row) for row in drawn)
