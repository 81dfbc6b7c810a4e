"""What the doctor says of the worth of the scale: warnings with what to do, never a stop."""

from __future__ import annotations

import os
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from kiosk.devices.ports import LinkState
from kiosk.devices.scale.live import Timing
from kiosk.devices.scale.pause import ScaleListeners
from kiosk.devices.scale.settings import ScaleSettings
from kiosk.domain.metrology.indication import ScaleProfile
from kiosk.domain.metrology.legal_status import (
    CheckState,
    ScaleLegalStatus,
    ScaleMark,
    Verification,
    verification_state,
)
from kiosk.domain.moment import ClockQuality
from kiosk.protocols.scales.shared.protocol import LineSettings
from kiosk.station.doctor.devices import metrology_findings, missing_parameter
from kiosk.station.doctor.finding import DoctorFinding, Severity, has_failure
from kiosk.station.doctor.liveness import ScaleWatch
from kiosk.station.scale.settings import MetrologySettings
from kiosk.texts import LANGUAGES, load
from tests.devices.scale.listener import Listener, serial_scale
from tests.station.fakes import MOMENT

UNTIL = MetrologySettings(verified_until="2026-12-31")


def of(settings: MetrologySettings, standing: ScaleLegalStatus = ScaleLegalStatus()) -> list[DoctorFinding]:  # noqa: B008
    return list(metrology_findings(settings, standing, MOMENT))


def verified(day: datetime, quality: ClockQuality = ClockQuality.SYNCED) -> DoctorFinding:
    now = replace(MOMENT, utc=day, quality=quality)
    standing = ScaleLegalStatus(verification=verification_state(UNTIL.until, now))
    (row,) = metrology_findings(UNTIL, standing, now)
    return row


def test_a_station_for_which_nothing_is_set_has_no_rows() -> None:
    assert of(MetrologySettings()) == []
    assert of(MetrologySettings(), ScaleLegalStatus(True)) == []


def test_a_scale_that_is_not_for_trade() -> None:
    (row,) = of(MetrologySettings(), ScaleLegalStatus(False))
    assert (row.device, row.verdict, row.word) == ("trade", Severity.WARN, "not_for_trade")


@pytest.mark.parametrize(
    ("e_g", "max_g", "warns"),
    [(5, 2_500, False), (5, 50_000, False), (1, 100, False), (5, 2_495, True), (5, 60_000, True), (1, 10_005, True)],
)
def test_a_plate_that_is_no_class_iii_scale_is_a_warning_without_any_setting(e_g: int, max_g: int, warns: bool) -> None:
    rows = list(metrology_findings(MetrologySettings(), ScaleLegalStatus(True), MOMENT, ScaleProfile(e_g, max_g)))
    assert [(row.device, row.verdict, row.word) for row in rows] == (
        [("scale_class", Severity.WARN, "scale_class")] if warns else []
    )
    assert not has_failure(tuple(rows))
    for language in LANGUAGES if warns else ():
        texts = load(language, strict=True)
        sentence = rows[0].sentence(texts)
        assert str(e_g) in sentence and str(max_g) in sentence
        assert texts.text(rows[0].name_id)


def test_the_class_of_a_scale_is_no_mark_on_papers() -> None:
    assert ScaleLegalStatus(True).marks == ()
    (row,) = metrology_findings(MetrologySettings(), ScaleLegalStatus(True), MOMENT, ScaleProfile(5, 60_000))
    assert row.word not in {mark.value for mark in ScaleMark}


def test_the_verification_is_told_in_time_and_stops_nothing() -> None:
    assert verified(datetime(2026, 11, 25, tzinfo=UTC)).ok
    soon = verified(datetime(2026, 12, 2, tzinfo=UTC))
    assert (soon.word, soon.values) == ("verification_soon", {"date": "2026-12-31"})
    expired = verified(datetime(2026, 12, 31, 16, 0, tzinfo=UTC))
    assert (expired.word, expired.verdict) == ("verification_expired", Severity.WARN)
    assert not has_failure((soon, expired))
    assert verified(datetime(2027, 12, 2, tzinfo=UTC), ClockQuality.UNSET).ok, "the clock has a row of its own"


def test_the_check_of_the_day() -> None:
    settings = MetrologySettings(check_weight_g=5_000)
    for state, word in (
        (CheckState.PASSED, "fine"),
        (CheckState.LATE, "check_late"),
        (CheckState.FAILED, "check_failed"),
    ):
        (row,) = of(settings, ScaleLegalStatus(check=state, verification=Verification.NONE))
        assert (row.device, row.word) == ("check_weight", word)
    assert [row.word for row in of(MetrologySettings(), ScaleLegalStatus(check=CheckState.FAILED))] == ["check_failed"]


_TIMING = Timing(stale_s=0.12, retry_first_s=0.02, retry_max_s=0.05)


def _tens(digits: str) -> bytes:
    """A Toledo terminal in steps of ten, without a check byte."""
    return b"\x02\x29\x30\x20" + digits.rjust(6).encode("ascii") + b"     0\r"


@contextmanager
def _line() -> Iterator[tuple[int, str]]:
    master, slave = os.openpty()
    tty.setraw(slave)
    try:
        yield master, os.ttyname(slave)
    finally:
        os.close(master)
        os.close(slave)


def test_a_load_whose_size_nobody_has_set_is_refused_and_the_doctor_says_what_to_set() -> None:
    """Zero is read, a load is not; as soon as the link says that the scale refuses, the row is red."""
    watch, listener, params = ScaleWatch(), Listener(), {"checksum": "off"}
    with _line() as (master, port):
        settings = ScaleSettings("/dev/serial/by-id/scale", "mt_continuous", 10_000, 3_000_000, params=params)
        listeners = ScaleListeners()
        listeners.subscribe(watch)
        listeners.subscribe(listener)
        scale = serial_scale(port, "mt_continuous", params, LineSettings(), listeners, timing=_TIMING)
        scale.start()
        try:
            for digits, met in (("0", listener.weights), ("12", lambda: LinkState.REFUSES in listener.states())):
                told = False
                for _ in range(1500):
                    os.write(master, _tens(digits))
                    told = told or listener.until(lambda met=met: bool(met()), 0.02)
                    if told:
                        break
                assert told, digits
                row = missing_parameter(settings, watch.liveness())
                assert row is not None
                assert (row.word, row.values["name"]) == ("scale_parameter", "dummy_zeros")
                assert row.verdict is (Severity.WARN if digits == "0" else Severity.FAIL)
        finally:
            scale.stop()
    assert {str(weight) for weight in listener.weights()} == {"0"}
    assert missing_parameter(replace(settings, params=params | {"dummy_zeros": "sent"}), watch.liveness()) is None
