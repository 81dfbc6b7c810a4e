"""What a scale means when it answers and gives no weight: a state of the scale, not damage on the line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from kiosk.protocols.scales.shared.reading import Decoded, Reading, Rejected, RejectReason

# Reasons that a scale tells of itself. Damage, and what a host did wrong, are not among them.
REFUSAL_TEXTS: Final[Mapping[RejectReason, str]] = {
    RejectReason.NO_WEIGHT: "it shows no weight",
    RejectReason.BUSY: "it is busy",
    RejectReason.DEVICE_ERROR: "it reports an error of its own: switch it off and on",
    RejectReason.ZERO_ERROR: "it has not found its zero: empty the pan and press its zero key",
    RejectReason.ZERO_RANGE: "its zero is out of range: empty the pan and switch it off and on",
    RejectReason.TARE_RANGE: "its tare is out of range: clear the tare at the scale",
    RejectReason.TIMEOUT_UNSTABLE: "the load did not come to rest",
    RejectReason.BELOW_MIN: "the load is below its smallest weight",
    RejectReason.FAULT: "it reports a fault: call the technician",
    RejectReason.NEEDS_CALIBRATION: "it has to be calibrated: call the technician",
    RejectReason.NO_NEW_WEIGHING: "nothing has changed since its last weighing: empty the pan",
}


def newest_refusal(decoded: Sequence[Decoded]) -> RejectReason | None:
    """The newest thing a scale said of itself; None for damage, acknowledgements and readings."""
    found = (item.reason for item in reversed(decoded) if isinstance(item, Rejected) and item.reason in REFUSAL_TEXTS)
    return next(found, None)


class LastWeighing:
    """The last weighing of a scale that tells each weight once, and then that nothing has changed.

    Toledo 8217: "weight may be sent once, then status with no motion until it changes"; DIALOG 06 answers code 21.
    The weighing counts on for as long as every question is answered with exactly that: any other answer, damage or
    silence may have been the next weighing, and then nobody knows what lies there.
    """

    def __init__(self) -> None:
        self._last: Reading | None = None
        self._open = False

    def query_sent(self) -> None:
        """A question goes out; one that is still open was never answered."""
        if self._open:
            self._last = None
        self._open = True

    def forget(self) -> None:
        """The port is closed, or the weighing too old."""
        self._last, self._open = None, False

    def answered(self, decoded: Sequence[Decoded], accepted: Sequence[Reading], *, over: bool) -> Reading | None:
        """The weighing that still stands, when the scale says that it does. ``over``: the question is answered.

        A bare NAK that is followed by the question why is no answer yet.
        """
        if over:
            self._open = False
        refused = [item for item in decoded if isinstance(item, Rejected) and item.reason is not RejectReason.NAK]
        if accepted:
            self._last = accepted[-1] if accepted[-1].weight is not None else None
        elif any(item.reason is not RejectReason.NO_NEW_WEIGHING for item in refused):
            self._last = None
        elif refused and over:
            return self._last
        return None
