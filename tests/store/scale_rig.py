"""The scale of the village for the tests of the store: its settings, a load at rest, an intake with its raw frames."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from kiosk.domain.intake import ConfirmedIntake, Intake, TareSource, Weighing
from kiosk.domain.metrology.legal_status import CheckState, CounterValues, ScaleLegalStatus, Verification
from kiosk.domain.metrology.pan import Hold
from kiosk.store.shared.records import ScaleContent
from tests.store.village import NO_CERTIFICATE

FRAMES = tuple(b"\x02+012450%02d\x03" % number for number in range(20))
"""Two seconds of rest at ten frames a second."""
LOCK = Hold(5_005, 120, 4, 800, 9, FRAMES)
STANDING = ScaleLegalStatus(True, CheckState.LATE, Verification.VALID, CounterValues(3, 12, 5), "SN 4711")


def scale_of(e_g: int, trade: bool = True) -> ScaleContent:
    """A scale with this e."""
    return ScaleContent(hashlib.sha256(b"%d" % e_g).hexdigest(), "xk3190_tf0", e_g, 30_000, "kg", trade)


def with_frames(intake: Intake, *gross_g: int, standing: ScaleLegalStatus | None = STANDING) -> ConfirmedIntake:
    """The intake with these bags and their frames, agreed on."""
    for number, gross in enumerate(gross_g or (12_450,), start=1):
        weighing = Weighing(gross, 10 * number, number, 1200, 14, FRAMES)
        intake = intake.with_bag(weighing, "SACK", TareSource.PRESET, 160)
    return replace(intake.confirm(NO_CERTIFICATE), scale=standing)
