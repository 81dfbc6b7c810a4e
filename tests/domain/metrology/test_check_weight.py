"""The check weight: the error that is allowed, and what the newest check says of today."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from kiosk.domain.metrology.check_weight import (
    BadCheckWeight,
    CheckWeightResult,
    allowed_error_g,
    check_expected,
    check_state,
    passes,
)
from kiosk.domain.metrology.indication import ScaleProfile
from kiosk.domain.metrology.legal_status import (
    CheckState,
    CounterValues,
    ScaleLegalStatus,
    ScaleMark,
    Verification,
    verification_state,
)
from kiosk.domain.moment import ClockQuality, Moment

PROFILE = ScaleProfile(e_g=5, max_g=30_000)
NOW = Moment(datetime(2026, 11, 25, 6, 5, tzinfo=UTC), "Asia/Shanghai", 480, ClockQuality.SYNCED, "boot", 5_000_000)
TODAY = CheckWeightResult(True, "2026-11-25", True, "boot", 4_000_000)


def test_initial_verification_in_whole_steps_and_never_more_than_in_service(subtests: pytest.Subtests) -> None:
    for load_g, allowed in [(100, 5), (2_500, 5), (2_505, 5), (10_000, 5), (10_005, 10), (30_000, 10)]:
        with subtests.test(load_g=load_g, allowed=allowed):
            assert allowed_error_g(PROFILE, load_g) == allowed
            in_service = 5 * (1 if load_g <= 500 * 5 else 2 if load_g <= 2000 * 5 else 3)
            assert allowed <= in_service
            assert passes(PROFILE, load_g, load_g + allowed) and passes(PROFILE, load_g, load_g - allowed)
            assert not passes(PROFILE, load_g, load_g + allowed + 5) and not passes(
                PROFILE, load_g, load_g - allowed - 5
            )


def test_beyond_the_table_the_last_error_of_it_is_allowed() -> None:
    assert allowed_error_g(ScaleProfile(e_g=5, max_g=60_000), 60_000) == 10


def test_min_and_max_themselves_may_be_checked(subtests: pytest.Subtests) -> None:
    for expected_g in [100, 30_000]:
        with subtests.test(expected_g=expected_g):
            assert check_expected(PROFILE, expected_g) == expected_g


def test_a_weight_the_scale_may_not_weigh_checks_nothing(subtests: pytest.Subtests) -> None:
    for expected_g in [-5, 0, 99, 30_001]:
        with subtests.test(expected_g=expected_g):
            with pytest.raises(BadCheckWeight, match="100 to 30000 g"):
                check_expected(PROFILE, expected_g)
            assert check_expected(PROFILE, 5_000) == 5_000


def at(**changes: object) -> Moment:
    return replace(NOW, **changes)  # type: ignore[arg-type]


TOMORROW = at(utc=NOW.utc + timedelta(days=1), boot_id="next", monotonic_ms=10)
UNSET = at(quality=ClockQuality.UNSET)


def test_the_state_of_the_day(subtests: pytest.Subtests) -> None:
    for required, last, now, want in [
        (False, None, NOW, CheckState.NONE),
        (True, None, NOW, CheckState.LATE),
        (True, TODAY, NOW, CheckState.PASSED),
        (False, TODAY, NOW, CheckState.PASSED),
        (True, TODAY, TOMORROW, CheckState.LATE),
        (False, TODAY, TOMORROW, CheckState.NONE),
        (False, replace(TODAY, passed=False), TOMORROW, CheckState.FAILED),
        (True, TODAY, UNSET, CheckState.PASSED),
        (True, TODAY, at(quality=ClockQuality.UNSET, boot_id="next"), CheckState.LATE),
        (True, TODAY, at(quality=ClockQuality.UNSET, monotonic_ms=4_000_000), CheckState.PASSED),
        (True, replace(TODAY, trusted=False, local_date=None), NOW, CheckState.PASSED),
        (True, TODAY, at(quality=ClockQuality.RESTORED, monotonic_ms=4_000_000 + 86_400_000), CheckState.LATE),
        (True, replace(TODAY, monotonic_ms=6_000_000), UNSET, CheckState.LATE),
    ]:
        with subtests.test(required=required, last=last, now=now, want=want):
            assert check_state(required, last, now) is want


def test_the_business_day_ends_at_midnight_of_the_zone() -> None:
    just_before = at(utc=datetime(2026, 11, 25, 15, 59, 59, tzinfo=UTC))
    assert check_state(True, TODAY, just_before) is CheckState.PASSED
    assert check_state(True, TODAY, at(utc=datetime(2026, 11, 25, 16, 0, tzinfo=UTC))) is CheckState.LATE


def test_the_verification_is_judged_on_a_synced_clock(subtests: pytest.Subtests) -> None:
    for until, quality, want in [
        (None, ClockQuality.SYNCED, Verification.NONE),
        (date(2026, 11, 25), ClockQuality.SYNCED, Verification.VALID),
        (date(2026, 11, 24), ClockQuality.SYNCED, Verification.EXPIRED),
        (date(2026, 11, 24), ClockQuality.RESTORED, Verification.UNJUDGED),
        (date(2026, 11, 24), ClockQuality.UNSET, Verification.UNJUDGED),
    ]:
        with subtests.test(until=until, quality=quality, want=want):
            assert verification_state(until, at(quality=quality)) is want


def test_the_marks_of_a_receipt_stand_in_their_order() -> None:
    assert ScaleLegalStatus().marks == ScaleLegalStatus(True, CheckState.PASSED, Verification.VALID).marks == ()
    bad = ScaleLegalStatus(False, CheckState.FAILED, Verification.EXPIRED, CounterValues(3, 12, 5))
    assert bad.marks == (ScaleMark.NOT_FOR_TRADE, ScaleMark.CHECK_FAILED, ScaleMark.VERIFICATION_EXPIRED)
    assert ScaleLegalStatus(None, CheckState.LATE, Verification.UNJUDGED).marks == (ScaleMark.CHECK_LATE,)
    assert bad.counters.text == "3-12-5"


def test_each_event_counter_begins_at_zero_and_none_is_below() -> None:
    assert CounterValues(0, 0, 0) == CounterValues()
    for name in ("scale_profile", "tare_library", "clock"):
        with pytest.raises(ValueError, match=r"^an event counter is never below 0$"):
            CounterValues(**{"scale_profile": 7, "tare_library": 7, "clock": 7, name: -1})
