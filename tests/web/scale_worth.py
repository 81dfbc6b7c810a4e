"""What the scale of a clinic is worth: the clinic itself knows nothing of a verification."""

from __future__ import annotations

from typing import Any, cast

from kiosk.domain.metrology.legal_status import CheckState, CounterValues, ScaleLegalStatus, Verification
from kiosk.station.scale.settings import MetrologySettings
from tests.station.doctor.clinic import Clinic

LONGEST = ScaleLegalStatus(
    trade=False,
    check=CheckState.FAILED,
    verification=Verification.UNJUDGED,
    counters=CounterValues(1_234, 12_345, 99_999),
    serial_no="XK3190-A12E 2024/000317 rev. B-2",
)
"""Nothing is longer than this on the page."""


def give_scale(clinic: Clinic, standing: ScaleLegalStatus, until: str = "2027-03-31") -> None:
    """From now on the scale of this clinic is worth this."""
    clinic.config.metrology = MetrologySettings(verified_until=until, serial_no=standing.serial_no)
    cast(Any, clinic).standing = lambda: standing
