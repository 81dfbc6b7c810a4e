"""Ohaus: the errors that mean out of range, each layout of the simulated balance."""

from __future__ import annotations

from decimal import Decimal

import pytest

from kiosk.protocols.scales import registry
from kiosk.protocols.scales.protocol import Shown
from kiosk.protocols.scales.reading import Reading, Rejected, RejectReason
from tests.protocols.scales.golden import decode


@pytest.mark.parametrize(("line", "over"), [(b"Err8.3\r\n", True), (b"Err8.4\r\n", False), (b"Err 8.3\r\n", True)])
def test_the_error_that_says_over_or_under(line: bytes, over: bool) -> None:
    (told,) = decode("ohaus_print", {}, line)
    assert isinstance(told, Reading)
    assert (told.weight, told.overload, told.underload) == (None, over, not over)


@pytest.mark.parametrize("line", [b"Err8.5", b"Err8.33", b"[Err 0]"])
def test_any_other_error_is_one(line: bytes) -> None:
    assert decode("ohaus_print", {}, line + b"\r\n") == [Rejected(RejectReason.DEVICE_ERROR, line)]


@pytest.mark.parametrize(
    ("layout", "shown", "line"),
    [
        ("any", Shown(Decimal("7.385")), b"    7.385 kg    G  \r\n"),
        ("any", Shown(Decimal("-0.25"), stable=False, net=True), b"-    0.25 kg   ?NET\r\n"),
        ("defender", Shown(Decimal(1234), unit="g"), b"     1234 g     G  \r\n"),
        ("11", Shown(Decimal("-7.385"), stable=False), b"     -7.385 kg ? G\r\n"),
        ("12", Shown(Decimal("7.385"), net=True), b"       7.385 kg   NET\r\n"),
        ("10", Shown(Decimal("7.385")), b"     7.385 kg   G\r\n"),
    ],
)
def test_each_layout_of_the_simulated_balance(layout: str, shown: Shown, line: bytes) -> None:
    params = registry.defaults("ohaus_print") | {"layout": layout}
    assert registry.get("ohaus_print").encode_frame(shown, params) == line
    (told,) = decode("ohaus_print", {"layout": layout}, line)
    assert isinstance(told, Reading)
    assert (told.weight, told.unit, told.stable, told.net) == (shown.weight, shown.unit, shown.stable, shown.net)


def test_out_of_range_nothing_is_printed() -> None:
    for shown in (Shown(Decimal(1), overload=True), Shown(Decimal(-1), underload=True)):
        assert registry.get("ohaus_print").encode_frame(shown, registry.defaults("ohaus_print")) == b""


@pytest.mark.parametrize(("weight", "unit"), [("123456.78", "kg"), ("1", "st")])
def test_what_does_not_fit_cannot_be_sent(weight: str, unit: str) -> None:
    with pytest.raises(ValueError, match="ohaus_print"):
        registry.get("ohaus_print").encode_frame(Shown(Decimal(weight), unit=unit), registry.defaults("ohaus_print"))
