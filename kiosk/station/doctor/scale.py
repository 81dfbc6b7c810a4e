"""Findings about the legal standing of the scale: for trade, verified, checked. Each a warning, never a stop.

And about what has to be set before it can be read at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from kiosk.devices.ports import LinkState
from kiosk.devices.scale.settings import ScaleSettings
from kiosk.domain.metrology.indication import ScaleProfile
from kiosk.domain.metrology.legal_status import CheckState, ScaleLegalStatus, Verification
from kiosk.domain.moment import Moment
from kiosk.protocols.scales import registry
from kiosk.station.doctor.liveness import ScaleLiveness
from kiosk.station.doctor.shared.finding import DoctorFinding, Severity
from kiosk.station.scale.settings import MetrologySettings

SOON: Final = timedelta(days=30)  # The authority wants to be called in time


def missing_parameter(settings: ScaleSettings, live: ScaleLiveness) -> DoctorFinding | None:
    """A parameter that nothing is guessed for: at zero, which is zero with any value, a warning, with a load a failure.

    None when nothing is missing, or nothing is known of the indicator yet.
    """
    refuses = live.link is LinkState.REFUSES
    if not refuses and (live.link is not LinkState.CONNECTED or live.reading is None):
        return None
    frame = live.reading.raw if live.reading is not None else None
    unset = registry.undecided(settings.protocol, settings.params, frame)
    if not unset:
        return None
    values = {"place": settings.port, "name": ", ".join(one.name for one in unset)}
    verdict = Severity.FAIL if refuses else Severity.WARN
    return DoctorFinding("scale", True, not refuses, verdict, "scale_parameter", True, live.age_s, values)


def metrology_findings(
    settings: MetrologySettings, standing: ScaleLegalStatus, now: Moment, profile: ScaleProfile | None = None
) -> Iterator[DoctorFinding]:
    """One row each for what is set up; a station for which nothing is set has none of them.

    ``profile`` is the plate of the scale as it is set up, None without a scale. It needs no setting of verification.
    """
    if standing.trade is False:
        yield _warn("trade", "not_for_trade")
    if profile is not None and not profile.is_class_iii:
        yield _scale_class(profile)
    if settings.until is not None:
        yield _verification(settings, standing, now)
    if settings.required or standing.check is CheckState.FAILED:
        yield _check(standing.check)


def _scale_class(profile: ScaleProfile) -> DoctorFinding:
    """OIML R 76-1:2006, Table 3. A warning and no mark: most likely a number was copied wrongly from the plate."""
    values: dict[str, str | int] = {"e": profile.e_g, "max": profile.max_g}
    return DoctorFinding("scale_class", True, False, Severity.WARN, "scale_class", values=values)


def _verification(settings: MetrologySettings, standing: ScaleLegalStatus, now: Moment) -> DoctorFinding:
    values: dict[str, str | int] = {"date": settings.verified_until}
    if standing.verification is Verification.EXPIRED:
        return DoctorFinding("verification", True, False, Severity.WARN, "verification_expired", values=values)
    if standing.verification is Verification.UNJUDGED:
        return DoctorFinding("verification", True, None)  # the row of the clock says what to do
    if settings.until is not None and now.local.date() > settings.until - SOON:
        return DoctorFinding("verification", True, True, Severity.WARN, "verification_soon", values=values)
    return DoctorFinding("verification", True, True)


def _check(state: CheckState) -> DoctorFinding:
    words = {CheckState.FAILED: "check_failed", CheckState.LATE: "check_late"}
    return _warn("check_weight", words[state]) if state in words else DoctorFinding("check_weight", True, True)


def _warn(device: str, word: str) -> DoctorFinding:
    return DoctorFinding(device, True, False, Severity.WARN, word)
