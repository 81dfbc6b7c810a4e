"""A load is booked only from rest, once, and only while the locked weight still holds."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.domain.metrology.indication import Indication, ScaleProfile, UnusableReason, indicate
from kiosk.domain.metrology.pan import NotBookableReason, Pan, PanState, PanView
from kiosk.domain.metrology.software import metrology_id

PROFILE = ScaleProfile(e_g=5, max_g=60_000)


class Feeder:
    """Feeds readings a tenth of a second apart."""

    def __init__(self, profile: ScaleProfile = PROFILE) -> None:
        self.pan = Pan(profile)
        self.now = 100.0

    def feed(self, grams: int, count: int = 1, stable: bool | None = None) -> PanView:
        for _ in range(count):
            self.now += 0.1
            view = self.pan.feed(Indication(grams, None, stable), self.now)
        return view

    def refuse(self, why: UnusableReason) -> PanView:
        self.now += 0.1
        return self.pan.feed(Indication(None, why, None), self.now)


def test_the_seven_states() -> None:
    feeder = Feeder()
    assert feeder.pan.view().state is PanState.LOST
    assert feeder.feed(0, 8).state is PanState.EMPTY
    assert feeder.feed(12_450).state is PanState.MOVING
    assert feeder.feed(12_450, 7).state is PanState.STABLE
    locked = feeder.pan.request_hold()
    assert (locked.state, locked.grams) == (PanState.HELD, 12_450)
    assert feeder.refuse(UnusableReason.OVERLOAD).state is PanState.OVERLOAD
    assert feeder.feed(-15).state is PanState.NEGATIVE
    assert feeder.pan.lose().state is PanState.LOST


def test_a_pan_that_cannot_be_read_is_not_empty_and_what_lay_there_still_does() -> None:
    feeder = Feeder()
    pan = feeder.pan
    assert (pan.empty, pan.loaded) == (False, False), "nothing is known yet"
    feeder.feed(5)
    assert (pan.empty, pan.loaded) == (True, False)
    feeder.feed(6)
    assert (pan.empty, pan.loaded) == (False, True)
    for unreadable in (
        UnusableReason.NET_ON_SCALE,
        UnusableReason.UNIT,
        UnusableReason.NO_WEIGHT,
        UnusableReason.UNDERLOAD,
    ):
        feeder.refuse(unreadable)
        assert (pan.empty, pan.loaded) == (False, True), unreadable
    pan.lose()
    assert (pan.empty, pan.loaded) == (False, True)
    feeder.feed(-15)
    assert (pan.empty, pan.loaded) == (True, False)
    pan.lose()
    assert (pan.empty, pan.loaded) == (False, False), "it was empty when it was seen last"
    feeder.refuse(UnusableReason.OVERLOAD)
    assert (pan.empty, pan.loaded) == (False, True)


def test_only_goods_that_were_seen_make_a_new_load() -> None:
    feeder = Feeder()
    first = feeder.feed(0, 8).load_no
    feeder.feed(3, 5, stable=False)
    assert feeder.feed(0, 8).load_no == first, "the empty pan trembled"
    for _ in range(5):
        feeder.refuse(UnusableReason.OVERLOAD)
    assert feeder.feed(0, 8).load_no == first, "no weight was ever shown"
    feeder.feed(6)
    assert feeder.feed(0, 8).load_no == first + 1


def test_rest_needs_time_and_readings() -> None:
    feeder = Feeder()
    feeder.feed(0, 8)
    assert feeder.feed(1000, 4).why_not is NotBookableReason.UNSTABLE
    assert feeder.feed(1000, 3).why_not is None
    fast = Pan(PROFILE)
    for index in range(100):
        view = fast.feed(Indication(1000, None, None), 1 + index * 0.001)
    assert view.state is PanState.MOVING, "a hundred readings in a tenth of a second are no rest"


def test_the_indicators_stable_is_necessary_but_not_sufficient() -> None:
    feeder = Feeder()
    feeder.feed(0, 8)
    assert feeder.feed(1000, 20, stable=False).state is PanState.MOVING
    for grams in (1000, 1010, 1020, 1030, 1040, 1050, 1060):
        view = feeder.feed(grams, stable=True)
    assert view.state is PanState.MOVING


def test_a_load_is_counted_once_until_the_pan_has_rested_at_zero() -> None:
    feeder = Feeder()
    feeder.feed(0, 8)
    feeder.feed(1000, 8)
    lock = feeder.pan.request_hold().hold
    assert lock is not None
    feeder.pan.count(lock)
    assert feeder.feed(1000, 20).why_not is NotBookableReason.LOAD_ALREADY_COUNTED
    feeder.feed(0, 3)
    assert feeder.feed(2000, 20).why_not is NotBookableReason.LOAD_ALREADY_COUNTED, (
        "a short swing through zero is no rest"
    )
    feeder.feed(0, 8)
    again = feeder.feed(2000, 8).hold
    assert again is not None
    assert again.load_no == lock.load_no + 1
    assert again.reading_no != lock.reading_no


def test_goods_already_on_the_pan_at_start_are_not_a_new_load() -> None:
    assert Feeder().feed(3000, 30).why_not is NotBookableReason.LOAD_ALREADY_COUNTED


def test_a_lock_breaks_on_anything_but_the_same_weight() -> None:
    for breaker in ("drift", "lost", "fault"):
        feeder = Feeder()
        feeder.feed(0, 8)
        feeder.feed(1000, 8)
        feeder.pan.request_hold()
        assert feeder.feed(1005).hold is not None, "within 1 e it holds"
        if breaker == "drift":
            view = feeder.feed(1010)
        elif breaker == "lost":
            view = feeder.pan.lose()
        else:
            view = feeder.refuse(UnusableReason.NO_WEIGHT)
        assert view.hold is None, breaker


def test_a_scale_that_says_moving_holds_no_lock_however_equal_its_figures() -> None:
    feeder = Feeder()
    feeder.feed(0, 8)
    feeder.feed(12_450, 8, stable=True)
    lock = feeder.pan.request_hold().hold
    assert lock is not None
    view = feeder.feed(12_450, 1, stable=False)
    assert (view.hold, view.state, view.why_not) == (None, PanState.MOVING, NotBookableReason.UNSTABLE)
    assert feeder.feed(12_450, 3, stable=True).hold is None, "the rest begins anew"
    again = feeder.feed(12_450, 4, stable=True).hold
    assert again is not None
    assert again.reading_no > lock.reading_no


def test_limits() -> None:
    feeder = Feeder()
    feeder.feed(0, 8)
    assert feeder.feed(95, 8).why_not is NotBookableReason.BELOW_MIN
    assert feeder.feed(100, 8).why_not is None
    assert feeder.feed(60_000, 8).why_not is None
    assert feeder.feed(60_005, 8).why_not is NotBookableReason.ABOVE_MAX


def test_rules_of_one_frame(subtests: pytest.Subtests) -> None:
    for weight, unit, flags, want in [
        ("12.450", "kg", {}, 12_450),
        ("12.450", None, {}, 12_450),
        ("12450", "g", {}, UnusableReason.UNIT),
        ("12.450", "lb", {}, UnusableReason.UNIT),
        ("12.452", "kg", {}, UnusableReason.OFF_STEP),
        ("12.4505", "kg", {}, UnusableReason.OFF_STEP),
        ("12.450", "kg", {"net": True}, UnusableReason.NET_ON_SCALE),
        ("12.450", "kg", {"overload": True}, UnusableReason.OVERLOAD),
        ("12.450", "kg", {"underload": True}, UnusableReason.UNDERLOAD),
        ("60.050", "kg", {}, UnusableReason.OVERLOAD),
        ("60.045", "kg", {}, 60_045),
        (None, "kg", {}, UnusableReason.NO_WEIGHT),
    ]:
        with subtests.test(weight=weight, unit=unit, flags=flags, want=want):
            got = indicate(
                PROFILE,
                weight=Decimal(weight) if weight else None,
                unit=unit,
                stable=None,
                net=flags.get("net"),
                overload=flags.get("overload"),
                underload=flags.get("underload"),
            )
            assert want in (got.grams, got.unusable)
            assert (got.grams is None) != (got.unusable is None)


def test_a_suspect_value_is_no_weight() -> None:
    flags = dict.fromkeys(("stable", "net", "overload", "underload"))
    got = indicate(PROFILE, weight=Decimal("1.000"), unit="kg", suspect=True, **flags)
    assert got.unusable is UnusableReason.NO_WEIGHT


def test_the_number_of_intervals_of_class_iii(subtests: pytest.Subtests) -> None:
    for e_g, max_g, want in [
        (1, 6_000, True),
        (2, 200, True),
        (5, 30_000, True),
        (5, 50_000, True),
        (5, 2_000, False),
        (5, 60_000, False),
    ]:
        with subtests.test(e_g=e_g, max_g=max_g, want=want):
            assert ScaleProfile(e_g, max_g).is_class_iii is want


def test_readings_with_a_pause_between_are_no_rest_and_hold_no_lock(subtests: pytest.Subtests) -> None:
    for gap_s in [1.05, 60.0, -5.0]:
        with subtests.test(gap_s=gap_s):
            feeder = Feeder()
            feeder.feed(0, 8)
            feeder.feed(1000, 8)
            assert feeder.pan.request_hold().hold is not None
            feeder.now += gap_s
            view = feeder.feed(1000)
            assert (view.hold, view.why_not) == (None, NotBookableReason.UNSTABLE)


def test_a_lock_carries_the_frames_of_its_rest_and_no_other() -> None:
    pan = Pan(PROFILE)
    for number in range(40):
        grams = 0 if number < 20 else 1000
        pan.feed(Indication(grams, None, None), 1 + number / 10, b"%d %d" % (number, grams))
    lock = pan.read()
    assert lock is not None
    assert lock.frames == tuple(b"%d 1000" % number for number in range(20, 40))
    assert pan.view().hold is None, "reading it asks for no lock"


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("feed"), st.sampled_from([0, 0, 0, 5, 100, 1000, 1005, 1010, 2000]), st.integers(1, 9)),
        st.tuples(st.sampled_from(["lose", "fault", "want", "release", "count"]), st.just(0), st.just(0)),
    ),
    max_size=40,
)


@settings(max_examples=300)
@given(STEPS)
def test_whatever_happens_a_lock_is_a_rested_weight_of_a_fresh_load(steps: list[tuple[str, int, int]]) -> None:
    feeder = Feeder()
    counted: set[int] = set()
    history: list[tuple[float, int]] = []
    for word, grams, count in steps:
        if word == "feed":
            for _ in range(count):
                feeder.feed(grams)
                history.append((feeder.now, grams))
        elif word == "lose":
            feeder.pan.lose()
            history.clear()
        elif word == "fault":
            feeder.refuse(UnusableReason.NO_WEIGHT)
            history.clear()
        elif word == "want":
            feeder.pan.request_hold()
        elif word == "release":
            feeder.pan.release()
        elif (lock := feeder.pan.view().hold) is not None:
            feeder.pan.count(lock)
            counted.add(lock.load_no)
        lock = feeder.pan.view().hold
        if lock is None:
            continue
        assert lock.load_no not in counted
        assert lock.stable_ms >= 500
        assert lock.readings >= PROFILE.min_readings
        assert abs(history[-1][1] - lock.grams) <= PROFILE.e_g
        assert PROFILE.min_g <= lock.grams <= PROFILE.max_g


def test_one_changed_byte_changes_the_digits() -> None:
    sources = {"a.py": b"x = 1\n", "b.py": b"y = 2\n"}
    first = metrology_id(sources)
    assert re.fullmatch("1[+][0-9a-f]{8}", first)
    assert metrology_id({"a.py": b"x = 1\r\n", "b.py": b"y = 2\n"}) == first
    assert metrology_id({"a.py": b"x = 2\n", "b.py": b"y = 2\n"}) != first
    assert metrology_id({"c.py": b"x = 1\n", "b.py": b"y = 2\n"}) != first


def test_an_interval_of_the_standard_is_taken(subtests: pytest.Subtests) -> None:
    for e_g in [1, 2, 5, 10, 20, 50, 100]:
        with subtests.test(e_g=e_g):
            assert ScaleProfile(e_g, 3000 * e_g).min_g == 20 * e_g


def test_any_other_interval_or_too_small_a_scale_is_refused(subtests: pytest.Subtests) -> None:
    for e_g, max_g in [(0, 1000), (3, 6000), (15, 60_000), (-5, 6000), (5, 495)]:
        with subtests.test(e_g=e_g, max_g=max_g), pytest.raises(ValueError, match="e_g must be"):
            ScaleProfile(e_g, max_g)
