"""The scale's own keys by its cable: zero and clear tare, pressed once by a person, never by the station itself.

There is no tare key: a net indication is never booked, the station tares by its own list of containers.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from typing import Final

from kiosk.devices.ports import CommandOutcome, CommandResult, Scale
from kiosk.domain.metrology.pan import NotBookableReason, PanState, PanView
from kiosk.station.desk.agreement import Loads

logger = logging.getLogger(__name__)

KEYS: Final = ("zero", "clear_tare")
INTAKE_OPEN: Final = "intake_open"
NOT_NEAR_ZERO, PAN_NET, PAN_MOVING, PAN_UNREAD = "not_near_zero", "pan_net", "pan_moving", "pan_unread"
# Why a key is not pressed, beside what the scale and its adapter say themselves.
REASONS: Final = (INTAKE_OPEN, NOT_NEAR_ZERO, PAN_NET, PAN_MOVING, PAN_UNREAD)
REFUSED_BY_SCALE: Final = "scale_said_no"
# From the reason of a refused command to the code of what a technician can do about it.
REASON_CODES: Final[Mapping[str, str]] = {
    **{reason: reason for reason in REASONS},
    "busy": "scale_busy",
    "not_connected": "scale_not_connected",
    "timeout_unstable": "pan_moving",
    "zero_range": "scale_zero_range",
    "zero_error": "scale_zero_range",
    "tare_range": "scale_tare_range",
    "device_error": "scale_fault",
    "fault": "scale_fault",
    "nak": REFUSED_BY_SCALE,
    "logical": REFUSED_BY_SCALE,
    "parameter": REFUSED_BY_SCALE,
    "syntax": "scale_not_understood",
    "transmission": "scale_not_understood",
    "unrecognized_command": "scale_not_understood",
}
ZERO_PART: Final = 25  # Zero-setting reaches at most one part in 25 of Max, 4 % (OIML R 76-1:2006, 4.5.1)


class ScaleKeys:
    """Safe from several threads, never from the scale's own: a press waits for its effect. ``max_g`` in grams."""

    def __init__(self, scale: Scale, commands: Collection[str], max_g: int, loads: Loads) -> None:
        self._scale, self._max_g, self._loads = scale, max_g, loads
        self.names = tuple(key for key in KEYS if key in commands)  # The keys that the format of this scale has

    def press(self, key: str) -> CommandResult:
        """Send it once and wait up to 3 s; REFUSED with a word of ``REASONS``, or as ``Scale.send`` returns."""
        if key not in self.names:
            return CommandResult(CommandOutcome.NOT_SUPPORTED)
        pan, _, why_not = self._loads.check_view()
        reason = INTAKE_OPEN if why_not == INTAKE_OPEN else why_not_zero(pan, self._max_g) if key == "zero" else ""
        result = CommandResult(CommandOutcome.REFUSED, reason) if reason else self._scale.send(key)
        logger.info("%s of the scale was asked for: %s", key, f"{result.outcome} {result.reason}".strip())
        return result


def why_not_zero(pan: PanView, max_g: int) -> str:
    """Return why this pan must not be zeroed, a word of ``REASONS``; "" when it may be."""
    if pan.why_not is NotBookableReason.NET_ON_SCALE:
        return PAN_NET
    if pan.state is PanState.OVERLOAD or (pan.state is PanState.NEGATIVE and pan.grams is None):
        return NOT_NEAR_ZERO
    if pan.grams is None:
        return PAN_UNREAD
    if abs(pan.grams) * ZERO_PART > max_g:
        return NOT_NEAR_ZERO
    return PAN_MOVING if pan.state is PanState.MOVING else ""
