"""The daily check weight: how far the scale may be off, and what the newest check says about today.

Allowed are the maximum permissible errors of *initial verification* (OIML R 76-1:2006, 3.5.1, Table 6, class III: 0.5 e
up to 500 e, 1 e up to 2,000 e, 1.5 e up to 10,000 e), rounded up to whole steps. Rounded, because a scale with d = e
shows whole steps only: half a step of error may be a whole one on the display. Initial, because in service twice as
much is allowed (3.5.2): a scale is to be called before it leaves what the law still allows. 1, 1 and 2 steps are never
more than the 1, 2 and 3 steps of the law in service.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from kiosk.domain.metrology.indication import ScaleProfile
from kiosk.domain.metrology.legal_status import CheckState
from kiosk.domain.moment import ClockQuality, Moment

_HALF_STEPS: Final = ((500, 1), (2_000, 2), (10_000, 3))  # Up to so many e the error may be so many halves of e

SAME_BOOT_MS: Final = 24 * 60 * 60 * 1000  # While nobody knows the date, a check holds for 24 hours of the same boot


class BadCheckWeight(ValueError):
    """Such a weight checks nothing on this scale; the text says what would."""


@dataclass(frozen=True, slots=True)
class CheckWeightResult:
    """What is known of a check later. ``boot_id`` and ``monotonic_ms`` date it when its clock could not."""

    passed: bool
    local_date: str | None
    trusted: bool
    boot_id: str
    monotonic_ms: int


def check_expected(profile: ScaleProfile, expected_g: int) -> int:
    """Return the mass unchanged. Raises BadCheckWeight below Min or above Max: there the scale may not weigh."""
    if not profile.min_g <= expected_g <= profile.max_g:
        raise BadCheckWeight(f"a check weight for this scale has {profile.min_g} to {profile.max_g} g")
    return expected_g


def allowed_error_g(profile: ScaleProfile, load_g: int) -> int:
    """Return by how many grams the indication of this load may be off, in whole steps (see the top of the file)."""
    halves = next((halves for limit, halves in _HALF_STEPS if load_g <= limit * profile.e_g), _HALF_STEPS[-1][1])
    return (halves + 1) // 2 * profile.e_g


def passes(profile: ScaleProfile, expected_g: int, read_g: int) -> bool:
    """Return whether the error of this reading is allowed."""
    return abs(read_g - expected_g) <= allowed_error_g(profile, expected_g)


def check_state(required: bool, last: CheckWeightResult | None, now: Moment) -> CheckState:
    """Return what the newest check says now.

    A failed check counts until one is passed, whatever the day. A passed check counts for its business day: from
    midnight on the check is late until it is done, without an hour of grace.
    """
    if last is not None and not last.passed:
        return CheckState.FAILED
    if last is not None and _is_of_today(last, now):
        return CheckState.PASSED
    return CheckState.LATE if required else CheckState.NONE


def _is_of_today(last: CheckWeightResult, now: Moment) -> bool:
    if last.trusted and now.quality is ClockQuality.SYNCED:
        return last.local_date == now.local_date
    return last.boot_id == now.boot_id and 0 <= now.monotonic_ms - last.monotonic_ms < SAME_BOOT_MS
