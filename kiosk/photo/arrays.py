"""The one picture type of this room."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

# Rows x columns x 3, 8 bits a channel, blue-green-red as OpenCV has it, sRGB assumed.
BgrImage: TypeAlias = NDArray[np.uint8]
