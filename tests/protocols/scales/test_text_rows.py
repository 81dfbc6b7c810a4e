"""Rows of text lines: what their simulated indicators send, and what they cannot send."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.protocols.scales import registry
from kiosk.protocols.scales.shared.protocol import DisplayState
from kiosk.protocols.scales.shared.reading import Reading
from tests.depth import many

_FAMILY = ("st_gs_csv", "t_scale_nhb", "t_scale_qhw", "st_gs_stx18")
_ROWS = (*_FAMILY, "xk3190_a12e", "xk3190_ww", "weightech_wt1000")
_FLAGS = ("unit", "stable", "net", "overload", "underload")


def _sent(protocol: str, shown: DisplayState) -> bytes:
    return registry.get(protocol).encode_frame(shown, registry.defaults(protocol))


def _shown_again(protocol: str, shown: DisplayState) -> Reading:
    (reading,) = registry.decoder(protocol, {}).feed(_sent(protocol, shown))
    assert isinstance(reading, Reading)
    return reading


@settings(max_examples=many(150, torture=1200), deadline=None)
@given(st.sampled_from(_ROWS), st.integers(-9999, 9999), st.integers(0, 3), st.booleans(), st.booleans())
def test_what_is_shown_is_what_is_read(protocol: str, digits: int, decimals: int, stable: bool, net: bool) -> None:
    weight = Decimal(digits).scaleb(-decimals)
    shown = DisplayState(weight, stable=stable, net=net)
    reading = _shown_again(protocol, shown)
    assert str(reading.weight) == f"{weight:f}"
    for flag in set(_FLAGS) & set(registry.get(protocol).reports):
        assert getattr(reading, flag) == getattr(shown, flag), flag


def test_a_flag_the_format_does_not_report_is_not_told(subtests: pytest.Subtests) -> None:
    for protocol in _ROWS:
        with subtests.test(protocol=protocol):
            reading = _shown_again(protocol, DisplayState(Decimal("7.385")))
            for flag in set(_FLAGS) - set(registry.get(protocol).reports):
                assert getattr(reading, flag) is None, flag


def test_overload_and_a_number_too_long_are_shown_as_overload(subtests: pytest.Subtests) -> None:
    for protocol in [row for row in _ROWS if row != "xk3190_ww"]:
        with subtests.test(protocol=protocol):
            for shown in (
                DisplayState(Decimal("7.385"), overload=True),
                DisplayState(Decimal("123456.789")),
                DisplayState(Decimal("-123456.789")),
            ):
                reading = _shown_again(protocol, shown)
                assert (reading.weight, reading.overload) == (None, True)


def test_underload_is_shown_as_underload(subtests: pytest.Subtests) -> None:
    for protocol in [*_FAMILY, "xk3190_a12e"]:
        with subtests.test(protocol=protocol):
            reading = _shown_again(protocol, DisplayState(Decimal("-7.385"), underload=True))
            assert (reading.weight, reading.overload, reading.underload) == (None, False, True)


def test_a_format_without_a_word_for_it_is_silent() -> None:
    assert _sent("xk3190_ww", DisplayState(Decimal("7.385"), overload=True)) == b""
    assert _sent("xk3190_ww", DisplayState(Decimal("12345.678"))) == b""
    assert _sent("weightech_wt1000", DisplayState(Decimal("-7.385"), underload=True)) == b""


def test_a_unit_the_format_has_no_word_for_is_refused_by_the_builder(subtests: pytest.Subtests) -> None:
    for protocol in [*_FAMILY, "xk3190_a12e", "xk3190_ww"]:
        with subtests.test(protocol=protocol), pytest.raises(ValueError, match="ozt"):
            _sent(protocol, DisplayState(Decimal("7.385"), unit="ozt"))


def test_every_unit_of_the_family_comes_back(subtests: pytest.Subtests) -> None:
    for protocol in _FAMILY:
        for unit in ["kg", "g", "lb", "oz", "t", "pcs"]:
            with subtests.test(protocol=protocol, unit=unit):
                assert _shown_again(protocol, DisplayState(Decimal(12), unit=unit)).unit == unit


def test_the_layout_of_the_line(subtests: pytest.Subtests) -> None:
    for protocol, frame in [
        ("st_gs_csv", b"ST,GS,-  7.385kg\r\n"),
        ("t_scale_nhb", b"ST,GS-  7.385kg  \r\n"),
        ("t_scale_qhw", b"ST,GS,-  7.385 kg\r\n"),
        ("st_gs_stx18", b"\x02ST,GS,-  7.385kg\r"),
        ("xk3190_a12e", b"WG- 7.385kg36\r\n"),
        ("xk3190_ww", b"ww-07.385kg\r\n"),
        ("weightech_wt1000", b"0, -7.385,  0.000, -7.385\r\n"),
    ]:
        with subtests.test(protocol=protocol, frame=frame):
            assert _sent(protocol, DisplayState(Decimal("-7.385"))) == frame


def test_a_line_of_weightech_adds_up() -> None:
    shown = DisplayState(Decimal("7.385"), stable=False, net=True)
    flag, gross, tare, net = _sent("weightech_wt1000", shown).decode().strip().split(",")
    assert flag == "1"
    assert Decimal(gross.strip()) - Decimal(tare.strip()) == Decimal(net.strip()) == shown.weight
    assert _shown_again("weightech_wt1000", shown).tare == Decimal("0.001")
    assert _shown_again("weightech_wt1000", replace(shown, net=False)).tare == 0


def test_a_board_with_a_ww_line_answers_only_what_is_known() -> None:
    row, shown = registry.get("xk3190_ww"), DisplayState(Decimal("7.385"))
    assert row.respond is not None
    told = {name: row.respond(name, shown, registry.defaults(row.id)) for name in row.commands}
    line = b"ww007.385kg\r\n"
    assert told == {"request_weight": line, "read": line, "tare": b"", "zero": b""}
