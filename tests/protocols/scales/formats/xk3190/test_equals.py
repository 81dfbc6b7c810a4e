"""Text between equals signs: when a weight is told, and how formats 3 and 4 are found out."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.protocols.scales import registry
from kiosk.protocols.scales.shared.protocol import DisplayState
from kiosk.protocols.scales.shared.reading import Decoded, Reading, Rejected
from tests.protocols.scales.streams import feed_cut

_BOTH = ("xk3190_eq_reversed", "xk3190_eq_forward")
_ALL = (*_BOTH, "eq_forward_integer")
_PRICED = b"=0045.670lb 0012.50 0570.88"


def _told(decoded: list[Decoded]) -> list[tuple[str | None, str | None] | str]:
    return [
        (None if item.weight is None else str(item.weight), item.unit)
        if isinstance(item, Reading)
        else type(item).__name__
        for item in decoded
    ]


def _frame(protocol: str, weight: str) -> bytes:
    return registry.get(protocol).encode_frame(DisplayState(Decimal(weight)), registry.defaults(protocol))


def test_a_whole_weight_is_told_with_the_next_sign_or_when_nothing_comes(subtests: pytest.Subtests) -> None:
    for protocol in _ALL:
        with subtests.test(protocol=protocol):
            decoder, frame = registry.decoder(protocol, {}), _frame(protocol, "120")
            assert [len(decoder.feed(bytes((byte,)))) for byte in frame + frame[:1]] == [0] * 9 + [1]
            assert len(registry.read(protocol, {}, frame)) == 1
            assert len(registry.read(protocol, {"strip_parity": "true"}, frame)) == 1


def test_a_sign_behind_the_text_reads_the_same_but_for_the_first(subtests: pytest.Subtests) -> None:
    for protocol in _ALL:
        with subtests.test(protocol=protocol):
            frame = _frame(protocol, "120")
            leading = registry.read(protocol, {}, frame * 4)
            trailing = registry.decoder(protocol, {}).feed((frame[1:] + b"=") * 4)
            assert _told(trailing) == _told(leading)[1:]


def test_the_directions_look_the_same_and_read_differently() -> None:
    data = b"=0012.100"
    assert [_told(registry.read(protocol, {}, data)) for protocol in _BOTH] == [
        [("1.2100", None)],
        [("12.100", None)],
    ]


def test_a_weight_that_has_its_unit_is_never_told_without() -> None:
    assert _told(registry.read("xk3190_eq_forward", {}, _PRICED)) == [("45.670", "lb")]
    assert _told(registry.read("xk3190_eq_forward", {}, _PRICED * 3)) == [("45.670", "lb")] * 3
    decoder = registry.decoder("xk3190_eq_forward", {})
    assert [item for byte in _PRICED for item in decoder.feed(bytes((byte,)))] == []
    assert _told(decoder.feed(b"=")) == [("45.670", "lb")]


def test_a_frame_broken_off_behind_its_weight_is_no_weight(subtests: pytest.Subtests) -> None:
    for protocol in _BOTH:
        with subtests.test(protocol=protocol):
            for cut in range(10, len(_PRICED)):
                assert _told(registry.read(protocol, {}, _PRICED[:cut])) == []
                assert "None" not in str(_told(registry.read(protocol, {}, _PRICED[:cut] + _PRICED)))


def test_a_frame_that_ends_behind_the_weight_is_format_2() -> None:
    decoder = registry.decoder("xk3190_eq_forward", {})
    assert _told(decoder.feed(_PRICED + b"=0007.385")) == [("45.670", "lb")]
    assert _told(decoder.feed(b"=")) == [("7.385", None)]
    assert _told(decoder.feed(b"0007.380\r")) == [("7.380", None)]


def test_the_separator_is_any_one_character(subtests: pytest.Subtests) -> None:
    for separator in [b" ", b",", b";", b"/", b"*"]:
        with subtests.test(separator=separator):
            data = b"=0007.385kg" + separator + b"0012.50" + separator + b"0092.31"
            assert len(data) == 27
            assert _told(registry.read("xk3190_eq_forward", {}, data)) == [("7.385", "kg")]


def test_more_decimals_than_there_is_room_for_are_refused_by_the_builder(subtests: pytest.Subtests) -> None:
    for protocol in _BOTH:
        for weight in ["0.1234567", "1E-9"]:
            with subtests.test(protocol=protocol, weight=weight), pytest.raises(ValueError, match="at most 5 decimals"):
                _frame(protocol, weight)


def test_an_indicator_of_whole_units_shows_no_decimals() -> None:
    with pytest.raises(ValueError, match="whole numbers"):
        _frame("eq_forward_integer", "7.385")


def test_beyond_its_range_the_indicator_keeps_silent(subtests: pytest.Subtests) -> None:
    for protocol in _ALL:
        with subtests.test(protocol=protocol):
            row, params = registry.get(protocol), registry.defaults(protocol)
            assert row.encode_frame(DisplayState(Decimal(7), overload=True), params) == b""
            assert row.encode_frame(DisplayState(Decimal(-7), underload=True), params) == b""
            assert row.encode_frame(DisplayState(Decimal(12_345_678)), params) == b""


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(_BOTH), st.integers(-999_999, 999_999), st.integers(0, 4))
def test_a_frame_comes_back_as_it_was_shown(protocol: str, digits: int, decimals: int) -> None:
    weight = Decimal(digits).scaleb(-decimals)
    (reading,) = registry.read(protocol, {}, _frame(protocol, f"{weight:f}"))
    assert isinstance(reading, Reading)
    assert str(reading.weight) == f"{weight:f}"
    assert (reading.unit, reading.stable, reading.net, reading.overload, reading.underload) == (None,) * 5


_PIECES = st.sampled_from(
    [
        *(b"=0007.385", b"=583.7000", b"=-07.385", b"kg 0012.50 0092.31", b"lb", b"=", b"\r\n", b"x", b"5", b"."),
        *(_PRICED, b"=00012340"),
    ]
)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(_ALL), st.lists(_PIECES, max_size=8), st.integers(0, 200))
def test_cutting_the_stream_changes_nothing(protocol: str, pieces: list[bytes], cut: int) -> None:
    data = b"".join(pieces)
    whole = registry.read(protocol, {}, data)
    assert feed_cut(registry.decoder(protocol, {}), data, (cut,)) == whole
    assert feed_cut(registry.decoder(protocol, {}), data, range(len(data))) == whole
    assert all(item.raw in data for item in whole)


def test_a_byte_too_many_that_is_no_unit_ends_the_frame_there() -> None:
    decoded = registry.decoder("xk3190_eq_forward", {}).feed(b"=0007.385x1234567=0002.480=")
    assert [(type(item), item.raw) for item in decoded] == [(Rejected, b"=0007.385x"), (Reading, b"=0002.480")]
