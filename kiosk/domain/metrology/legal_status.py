"""The legal status of the scale and its settings at a moment: printed on the receipt and stored in the event."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from kiosk.domain.moment import ClockQuality, Moment


class CheckState(StrEnum):
    """What the daily check weight says."""

    NONE = "none"  # No check is asked for at this station
    PASSED = "passed"
    FAILED = "failed"  # The newest check did not pass
    LATE = "late"  # Asked for, and not done yet this business day


class Verification(StrEnum):
    """The verification of the scale by the authority (JJG 539), by the date on its mark."""

    NONE = "none"  # No date is set
    VALID = "valid"
    EXPIRED = "expired"
    UNJUDGED = "unjudged"  # The clock is not to be believed, so nobody can say


class EventCounter(StrEnum):
    """What is counted: each change raises its counter by one, and nothing lowers it (WELMEC 7.2, P7/U7)."""

    SCALE_PROFILE = "scale_profile"
    TARE_LIBRARY = "tare_library"
    CLOCK = "clock"


class ScaleMark(StrEnum):
    """What a receipt must say about the scale; the worst stands first."""

    NOT_FOR_TRADE = "not_for_trade"
    CHECK_FAILED = "check_failed"
    VERIFICATION_EXPIRED = "verification_expired"
    CHECK_LATE = "check_late"


@dataclass(frozen=True, slots=True)
class CounterValues:
    """The three event counters. They begin at 0 with the database and go up only."""

    scale_profile: int = 0
    tare_library: int = 0
    clock: int = 0

    def __post_init__(self) -> None:
        if min(self.scale_profile, self.tare_library, self.clock) < 0:
            raise ValueError("an event counter is never below 0")

    @property
    def text(self) -> str:
        """``3-12-5``: scale profile, tare library, clock, as printed."""
        return f"{self.scale_profile}-{self.tare_library}-{self.clock}"


@dataclass(frozen=True, slots=True)
class ScaleLegalStatus:
    """``trade`` is False for a scale or format that must not be used for trade, None when nobody has said.

    ``serial_no`` is the scale's own, from its plate, "" when it is not set. ``verified_until`` is the last day of its
    verification, as on its seal; it is printed and not kept.
    """

    trade: bool | None = None
    check: CheckState = CheckState.NONE
    verification: Verification = Verification.NONE
    counters: CounterValues = CounterValues()
    serial_no: str = ""
    verified_until: date | None = field(default=None, compare=False)

    @property
    def marks(self) -> tuple[ScaleMark, ...]:
        """What a receipt made now must say; empty when there is nothing to say."""
        found = {
            ScaleMark.NOT_FOR_TRADE: self.trade is False,
            ScaleMark.CHECK_FAILED: self.check is CheckState.FAILED,
            ScaleMark.VERIFICATION_EXPIRED: self.verification is Verification.EXPIRED,
            ScaleMark.CHECK_LATE: self.check is CheckState.LATE,
        }
        return tuple(mark for mark, is_so in found.items() if is_so)


def verification_state(until: date | None, now: Moment) -> Verification:
    """Judge the mark, on a synced clock alone. It is valid through its last day, in the zone of the station."""
    if until is None:
        return Verification.NONE
    if now.quality is not ClockQuality.SYNCED:
        return Verification.UNJUDGED
    return Verification.VALID if now.local.date() <= until else Verification.EXPIRED
