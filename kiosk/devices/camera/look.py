"""From the child's answer to a look to what the station may use: checked, for the child may be lying."""

from __future__ import annotations

from kiosk.devices.camera.goods import shot_of
from kiosk.devices.camera.wire import LOOK_SIDE, MAX_LOOK, Looked, WireError
from kiosk.devices.ports import LOOK_REASONS, CameraLook
from kiosk.domain.verdict import Reason


def camera_look(answer: Looked, body: bytes) -> CameraLook:
    """Raises WireError: for a picture without a mat, of another size, or lights that no look may have."""
    lights, picture = answer.lights, answer.picture
    if len(set(lights)) != len(lights) or not set(lights) <= set(LOOK_REASONS):
        raise WireError("lights that are not those of a look")
    if Reason.MAT in lights:
        if body or picture is not None or answer.still:
            raise WireError("a picture without a mat")
        return CameraLook(lights)
    if picture is None or not picture.size_bytes == len(body) <= MAX_LOOK:
        raise WireError(f"{len(body)} bytes for the picture of a look")
    if max(picture.width, picture.height) > LOOK_SIDE:
        raise WireError(f"a look of {picture.width} x {picture.height} pixels")
    return CameraLook(lights, answer.still, shot_of(body, picture.width, picture.height))
