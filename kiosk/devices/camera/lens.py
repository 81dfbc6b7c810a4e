"""From the child's answer about the lens to what the station may use: checked, for the child may be lying."""

from __future__ import annotations

from msgspec.structs import asdict

from kiosk.devices.camera.wire import LensSeen, WireError
from kiosk.devices.ports import LensShot
from kiosk.domain.lens import LensFit, LensRefused


def lens_shot(answer: LensSeen, body: bytes) -> LensShot:
    """Raises WireError for a picture or a fit, which nobody asked for, and LensRefused."""
    if body or answer.fit is not None:
        raise WireError("a fit where a shot of the mat was asked for")
    if answer.refused is not None:
        raise LensRefused(answer.refused)
    return LensShot(answer.views, answer.coverage)


def lens_fit(answer: LensSeen, body: bytes) -> LensFit:
    """Raises WireError for what no lens is, and LensRefused."""
    if body:
        raise WireError("a picture where a fit was asked for")
    if answer.refused is not None:
        raise LensRefused(answer.refused)
    if answer.fit is None:
        raise WireError("no fit where one was asked for")
    try:
        return LensFit(**asdict(answer.fit))
    except ValueError as error:
        raise WireError(f"a fit that is none: {error}") from error
