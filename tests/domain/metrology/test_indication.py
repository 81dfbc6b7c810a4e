"""A frame is passed on with the indicator's own word on stability, and a scale is judged by its plate."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from kiosk.domain.metrology.indication import Indication, ScaleProfile, UnusableReason, indicate

PROFILE = ScaleProfile(e_g=5, max_g=30_000)
FRAME: dict[str, Any] = {"weight": Decimal("12.450"), "unit": "kg", "net": None, "overload": None, "underload": None}


def test_the_indicators_word_on_stability_is_passed_on_as_it_came(subtests: pytest.Subtests) -> None:
    for stable in [True, False, None]:
        for changed, why in [
            ({}, None),
            ({"overload": True}, UnusableReason.OVERLOAD),
            ({"underload": True}, UnusableReason.UNDERLOAD),
            ({"weight": None}, UnusableReason.NO_WEIGHT),
            ({"net": True}, UnusableReason.NET_ON_SCALE),
            ({"unit": "g"}, UnusableReason.UNIT),
            ({"weight": Decimal("12.4505")}, UnusableReason.OFF_STEP),
            ({"weight": Decimal("12.452")}, UnusableReason.OFF_STEP),
            ({"weight": Decimal("30.050")}, UnusableReason.OVERLOAD),
        ]:
            with subtests.test(stable=stable, changed=changed, why=why):
                got = indicate(PROFILE, **{**FRAME, **changed, "stable": stable})
                assert got == Indication(12_450 if why is None else None, why, stable)


def test_nothing_is_shown_above_max_and_nine_intervals() -> None:
    assert indicate(PROFILE, **{**FRAME, "weight": Decimal("30.045"), "stable": None}).grams == 30_045
    assert indicate(PROFILE, **{**FRAME, "weight": Decimal("-30.050"), "stable": None}).grams == -30_050


def test_a_refused_plate_says_what_is_allowed() -> None:
    sentence = r"^e_g must be 1, 2 or 5 times a power of ten, and max_g at least 100 times as much$"
    with pytest.raises(ValueError, match=sentence):
        ScaleProfile(3, 30_000)
    with pytest.raises(ValueError, match=r"^the unit must be one of g, kg$"):
        ScaleProfile(5, 30_000, unit="lb")


def test_the_bounds_of_table_3_for_class_iii(subtests: pytest.Subtests) -> None:
    for e_g, max_g, want in [
        (2, 200, True),
        (5, 2_495, False),
        (5, 2_500, True),
        (5, 50_000, True),
        (5, 50_004, False),
        (1, 10_000, True),
        (1, 10_001, False),
    ]:
        with subtests.test(e_g=e_g, max_g=max_g, want=want):
            assert ScaleProfile(e_g, max_g).is_class_iii is want
