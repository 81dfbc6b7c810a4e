"""Toledo checkout scales: every status byte against the table of the manual, the setting, the simulated answers."""

from __future__ import annotations

from decimal import Decimal

import pytest

from kiosk.domain.metrology.indication import ScaleProfile, UnusableReason, indicate
from kiosk.protocols.scales import registry
from kiosk.protocols.scales.shared.protocol import DisplayState
from kiosk.protocols.scales.shared.reading import Reading, Rejected, RejectReason
from tests.protocols.scales.damage import with_parity
from tests.protocols.scales.golden import decode

_MODELS = ["mt_8217", "mt_8213"]


def test_every_status_byte(subtests: pytest.Subtests) -> None:
    for protocol in _MODELS:
        with subtests.test(protocol=protocol):
            for status in range(0x40, 0x80):
                moving, over, under, net = (bool(status >> bit & 1) for bit in (0, 1, 2, 5))
                frame = b"\x02?%c\r" % status
                (told,) = decode(protocol, {}, frame)
                if over and under:
                    assert told == Rejected(RejectReason.FRAMING, frame)
                elif moving or over or under:
                    assert isinstance(told, Reading)
                    assert told.weight is None
                    assert (told.stable, told.overload, told.underload, told.net) == (not moving, over, under, net)
                else:
                    assert told == Rejected(RejectReason.NO_NEW_WEIGHING, frame)


def test_bit_7_is_cleared_and_what_came_is_kept(subtests: pytest.Subtests) -> None:
    for protocol in _MODELS:
        for odd in [False, True]:
            with subtests.test(protocol=protocol, odd=odd):
                frame = with_parity(b"\x0207.385N\r", odd)
                (told,) = decode(protocol, {}, frame)
                assert isinstance(told, Reading)
                assert (told.weight, told.net, told.raw) == (Decimal("7.385"), True, frame)


def test_a_scale_that_was_switched_to_pounds_is_named_and_never_one_of_kilograms(subtests: pytest.Subtests) -> None:
    """The frame comes from a scale of pounds, the station thinks it is one of kilograms."""
    for protocol in _MODELS:
        with subtests.test(protocol=protocol):
            params = registry.defaults(protocol)
            frame = registry.get(protocol).encode_frame(DisplayState(Decimal("16.28"), unit="lb"), params)
            for metric in ("true", "false"):
                (told,) = decode(protocol, {"metric": metric}, frame)
                assert isinstance(told, Reading)
                assert (str(told.weight), told.unit, told.stable) == ("16.28", "lb", True)
            for unit in ("kg", "g"):
                assert _refused(told, unit) == UnusableReason.UNIT, "the sentence on the screen names the unit"


def _refused(told: Reading, unit: str) -> UnusableReason | None:
    profile = ScaleProfile(5, 15_000, unit)
    flags = {"stable": told.stable, "net": told.net, "overload": told.overload, "underload": told.underload}
    return indicate(profile, weight=told.weight, unit=told.unit, **flags).unusable


def test_kilograms_are_refused_where_the_scale_is_set_to_pounds(subtests: pytest.Subtests) -> None:
    for protocol in _MODELS:
        with subtests.test(protocol=protocol):
            frame = registry.get(protocol).encode_frame(DisplayState(Decimal("7.385")), registry.defaults(protocol))
            (told,) = decode(protocol, {}, frame)
            assert isinstance(told, Reading)
            assert (str(told.weight), told.unit, _refused(told, "kg")) == ("7.385", None, None)
            assert [type(item) for item in decode(protocol, {"metric": "false"}, frame)] == [Rejected]
            assert registry.get(protocol).default_unit is None


def test_no_frame_of_pounds_is_ever_a_weight_in_kilograms(subtests: pytest.Subtests) -> None:
    for protocol in _MODELS:
        with subtests.test(protocol=protocol):
            row, params = registry.get(protocol), registry.defaults(protocol)
            for hundredths in range(0, 10_000, 7):
                shown = DisplayState(Decimal(hundredths).scaleb(-2), unit="lb", net=bool(hundredths % 2))
                (told,) = decode(protocol, {}, row.encode_frame(shown, params))
                assert isinstance(told, Reading)
                assert told.unit == "lb"


def test_the_simulated_scale(subtests: pytest.Subtests) -> None:
    for shown, frame in [
        (DisplayState(Decimal("7.385")), b"\x0207.385\r"),
        (DisplayState(Decimal("7.385"), net=True), b"\x0207.385N\r"),
        (DisplayState(Decimal("0.000")), b"\x0200.000\r"),
        (DisplayState(Decimal("7.385"), stable=False), b"\x02?\x41\r"),
        (DisplayState(Decimal("-0.250"), net=True), b"\x02?\x64\r"),
        (DisplayState(Decimal("7.385"), overload=True), b"\x02?\x42\r"),
        (DisplayState(Decimal("0.000"), underload=True, stable=False), b"\x02?\x55\r"),
        (DisplayState(Decimal("123.456")), b"\x02?\x42\r"),
    ]:
        with subtests.test(shown=shown, frame=frame):
            assert registry.get("mt_8217").encode_frame(shown, registry.defaults("mt_8217")) == frame


def test_pounds_have_a_zero_in_front_on_the_8213_alone() -> None:
    shown = DisplayState(Decimal("16.28"), unit="lb")
    pounds = {"metric": "false"}
    assert registry.get("mt_8217").encode_frame(shown, registry.defaults("mt_8217") | pounds) == b"\x0216.28\r"
    assert registry.get("mt_8213").encode_frame(shown, registry.defaults("mt_8213") | pounds) == b"\x02016.28\r"


def test_a_number_of_another_shape_or_unit_cannot_be_sent(subtests: pytest.Subtests) -> None:
    for protocol in _MODELS:
        for weight, unit in [("7.5", "kg"), ("12", "kg"), ("1.23456", "kg"), ("7.385", "lb"), ("7", "g")]:
            with subtests.test(protocol=protocol, weight=weight, unit=unit), pytest.raises(ValueError, match=protocol):
                registry.get(protocol).encode_frame(DisplayState(Decimal(weight), unit), registry.defaults(protocol))


def test_zero_tare_and_clear_are_answered_by_a_status_that_is_no_weight(subtests: pytest.Subtests) -> None:
    for protocol in _MODELS:
        with subtests.test(protocol=protocol):
            row = registry.get(protocol)
            assert row.respond is not None
            for command in ("zero", "tare", "clear_tare"):
                answer = row.respond(command, DisplayState(Decimal("0.000")), registry.defaults(protocol))
                assert answer == b"\x02?\x50\r"
                assert decode(protocol, {}, answer) == [Rejected(RejectReason.NO_NEW_WEIGHING, answer)]
            assert row.poll is not None
            assert row.poll.interval_s >= 0.2
