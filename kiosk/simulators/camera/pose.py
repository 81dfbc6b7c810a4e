"""The position of the camera above the sheet, and how its lens bends straight lines.

Two frames of reference: millimetres of the sheet, and pixels of the frame with whole numbers at the middles of pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from kiosk.photo.mat import SHEET, Box
from kiosk.simulators.camera.goods.pieces import Field

Matrix: TypeAlias = NDArray[np.float64]
WIDTH, HEIGHT = 1920, 1080
FOCAL_PX = 1600.0  # Of a usual camera with 62 degrees from side to side
_BORDER_PX = 10.0  # Between the sheet's nearest corner and the edge of the frame at zoom 1
_GRID = 8  # The bend of a lens is computed for every eighth pixel; between them it is as good as straight


@dataclass(frozen=True, slots=True)
class Pose:
    """A camera that points at the middle of the sheet."""

    zoom: float = 0.94  # Share of the largest size at which the whole sheet is in the frame
    tilt_deg: float = 1.5  # Between the camera's axis and the plumb line
    tilt_toward_deg: float = 100.0
    roll_deg: float = -0.3
    shift_x: float = 0.0  # Distance of the sheet from the middle of the frame, as a share of the frame's width
    shift_y: float = 0.0
    k1: float = 0.0  # Radial distortion as OpenCV has it, at `FOCAL_PX` and the middle of the frame
    k2: float = 0.0


def camera_matrix() -> Matrix:
    """Return the camera matrix of OpenCV's model; the same for every pose."""
    return np.array([[FOCAL_PX, 0, (WIDTH - 1) / 2], [0, FOCAL_PX, (HEIGHT - 1) / 2], [0, 0, 1]], np.float64)


def sheet_to_frame(pose: Pose) -> Matrix:
    """Return the homography from millimetres of the sheet to pixels of the frame, before lens distortion."""
    near, far = 150.0, 4000.0
    for _ in range(30):
        distance = (near + far) / 2
        lower, upper = _extent(_projection(pose, distance))
        fits = (upper - lower)[0] <= WIDTH - 2 * _BORDER_PX and (upper - lower)[1] <= HEIGHT - 2 * _BORDER_PX
        near, far = (near, distance) if fits else (distance, far)
    seen = _projection(pose, far / pose.zoom)
    lower, upper = _extent(seen)
    middle = (lower + upper) / 2
    target = np.array([WIDTH * (0.5 + pose.shift_x), HEIGHT * (0.5 + pose.shift_y)]) - 0.5
    moved = np.eye(3)
    moved[:2, 2] = target - middle
    return moved @ seen


def _projection(pose: Pose, distance: float) -> Matrix:
    """Return the projection of a pinhole ``distance`` millimetres from the middle of the sheet."""
    tilt, toward, roll = (np.deg2rad(angle) for angle in (pose.tilt_deg, pose.tilt_toward_deg, pose.roll_deg))
    axis = np.array([np.cos(toward), np.sin(toward), 0.0])
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    tilted = np.eye(3) + np.sin(tilt) * cross + (1 - np.cos(tilt)) * (cross @ cross)
    rolled = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    turned = rolled @ tilted
    plane = np.column_stack([turned[:, 0], turned[:, 1], [0, 0, distance]])
    centered = np.array([[1, 0, -SHEET.width / 2], [0, 1, -SHEET.height / 2], [0, 0, 1]])
    projection: Matrix = camera_matrix() @ plane @ centered
    return projection


def _extent(homography: Matrix) -> tuple[Matrix, Matrix]:
    corners = project(homography, SHEET)
    return corners.min(axis=0), corners.max(axis=0)


def project(homography: Matrix, box: Box) -> Matrix:
    """Project the four corners of a box of the sheet to the frame, before the lens; 4 x 2."""
    corners = np.array([(x, y, 1) for x, y in box.corners]) @ homography.T
    flat: Matrix = corners[:, :2] / corners[:, 2:]
    return flat


def frame_to_sheet(pose: Pose, px_per_mm: float) -> tuple[Field, Field]:
    """Map every pixel of the frame to its place in a picture of the sheet at this scale: x and y in pixels."""
    import cv2

    # One step beyond the frame on every side; resizing puts the middles of cells where they belong.
    columns = (np.arange(WIDTH // _GRID + 2) - 1) * _GRID + (_GRID - 1) / 2
    rows = (np.arange(HEIGHT // _GRID + 2) - 1) * _GRID + (_GRID - 1) / 2
    points = np.stack(np.meshgrid(columns, rows), axis=-1).reshape(-1, 1, 2)
    if pose.k1 or pose.k2:
        matrix = camera_matrix()
        points = cv2.undistortPoints(points, matrix, np.array([pose.k1, pose.k2, 0, 0]), P=matrix).astype(np.float64)
    flat = cv2.perspectiveTransform(points, np.linalg.inv(sheet_to_frame(pose)))
    size = (columns.size * _GRID, rows.size * _GRID)
    grid = (flat.reshape(rows.size, columns.size, 2) * px_per_mm - 0.5).astype(np.float32)
    whole: Field = cv2.resize(grid, size, interpolation=cv2.INTER_LINEAR).astype(np.float32, copy=False)
    x, y = cv2.split(whole[_GRID : _GRID + HEIGHT, _GRID : _GRID + WIDTH])
    return x.astype(np.float32, copy=False), y.astype(np.float32, copy=False)
