"""What the doctor says of the worth of the scale: warnings with what to do, never a stop."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from kiosk.domain.metrology.indication import ScaleProfile
from kiosk.domain.metrology.standing import CheckState, Mark, ScaleStanding, Verification, verification_state
from kiosk.domain.moment import ClockQuality
from kiosk.station.doctor_finding import Finding, Verdict, broken
from kiosk.station.doctor_scale import metrology_findings
from kiosk.station.metrology_settings import MetrologySettings
from kiosk.texts import LANGUAGES, load
from tests.station.fakes import MOMENT

UNTIL = MetrologySettings(verified_until="2026-12-31")


def of(settings: MetrologySettings, standing: ScaleStanding = ScaleStanding()) -> list[Finding]:  # noqa: B008
    return list(metrology_findings(settings, standing, MOMENT))


def verified(day: datetime, quality: ClockQuality = ClockQuality.SYNCED) -> Finding:
    now = replace(MOMENT, utc=day, quality=quality)
    standing = ScaleStanding(verification=verification_state(UNTIL.until, now))
    (row,) = metrology_findings(UNTIL, standing, now)
    return row


def test_a_station_for_which_nothing_is_set_has_no_rows() -> None:
    assert of(MetrologySettings()) == []
    assert of(MetrologySettings(), ScaleStanding(True)) == []


def test_a_scale_that_is_not_for_trade() -> None:
    (row,) = of(MetrologySettings(), ScaleStanding(False))
    assert (row.device, row.verdict, row.word) == ("trade", Verdict.WARN, "not_for_trade")


@pytest.mark.parametrize(
    ("e_g", "max_g", "warns"),
    [(5, 2_500, False), (5, 50_000, False), (1, 100, False), (5, 2_495, True), (5, 60_000, True), (1, 10_005, True)],
)
def test_a_plate_that_is_no_class_iii_scale_is_a_warning_without_any_setting(e_g: int, max_g: int, warns: bool) -> None:
    rows = list(metrology_findings(MetrologySettings(), ScaleStanding(True), MOMENT, ScaleProfile(e_g, max_g)))
    assert [(row.device, row.verdict, row.word) for row in rows] == (
        [("scale_class", Verdict.WARN, "scale_class")] if warns else []
    )
    assert not broken(tuple(rows))
    for language in LANGUAGES if warns else ():
        texts = load(language, strict=True)
        sentence = rows[0].sentence(texts)
        assert str(e_g) in sentence and str(max_g) in sentence
        assert texts.text(rows[0].name_id)


def test_the_class_of_a_scale_is_no_mark_on_papers() -> None:
    assert ScaleStanding(True).marks == ()
    (row,) = metrology_findings(MetrologySettings(), ScaleStanding(True), MOMENT, ScaleProfile(5, 60_000))
    assert row.word not in {mark.value for mark in Mark}


def test_the_verification_is_told_in_time_and_stops_nothing() -> None:
    assert verified(datetime(2026, 11, 25, tzinfo=UTC)).ok
    soon = verified(datetime(2026, 12, 2, tzinfo=UTC))
    assert (soon.word, soon.values) == ("verification_soon", {"date": "2026-12-31"})
    expired = verified(datetime(2026, 12, 31, 16, 0, tzinfo=UTC))
    assert (expired.word, expired.verdict) == ("verification_expired", Verdict.WARN)
    assert not broken((soon, expired))
    assert verified(datetime(2027, 12, 2, tzinfo=UTC), ClockQuality.UNSET).ok, "the clock has a row of its own"


def test_the_check_of_the_day() -> None:
    settings = MetrologySettings(check_weight_g=5_000)
    for state, word in (
        (CheckState.PASSED, "fine"),
        (CheckState.LATE, "check_late"),
        (CheckState.FAILED, "check_failed"),
    ):
        (row,) = of(settings, ScaleStanding(check=state, verification=Verification.NONE))
        assert (row.device, row.word) == ("check_weight", word)
    assert [row.word for row in of(MetrologySettings(), ScaleStanding(check=CheckState.FAILED))] == ["check_failed"]
