"""What the simulated price-scale board sends where its six digits end, and where two start bytes stand in a row."""

from __future__ import annotations

from decimal import Decimal

import pytest

from kiosk.protocols.scales import registry
from kiosk.protocols.scales.shared.protocol import DisplayState
from tests.protocols.scales.golden import decode, plain


def _sent(shown: DisplayState, **params: str) -> bytes:
    return registry.get("ff_bcd").encode_frame(shown, registry.defaults("ff_bcd") | params)


def test_beyond_six_digits_it_shows_overflow_and_nothing_below_its_range() -> None:
    assert _sent(DisplayState(Decimal("999.999"))) == b"\xff\x44\x99\x99\x99"
    assert _sent(DisplayState(Decimal("1000.000"))) == b"\xff\xc4\x00\x00\x00"
    assert _sent(DisplayState(Decimal("1000.000")), variant="d4_stable") == b"\xff\x93\x00\x00\x00"
    assert _sent(DisplayState(Decimal(-1), underload=True)) == b""


def test_more_decimals_than_the_layout_tells_are_refused(subtests: pytest.Subtests) -> None:
    for variant, decimals in [("d6_stable", 4), ("d4_stable", 5)]:
        with subtests.test(variant=variant, decimals=decimals):
            assert len(_sent(DisplayState(Decimal(1).scaleb(-decimals)), variant=variant)) == 5
            with pytest.raises(ValueError, match=f"ff_bcd {variant} does not carry {decimals + 1} decimals"):
                _sent(DisplayState(Decimal(1).scaleb(-decimals - 1)), variant=variant)


def test_of_two_starts_in_a_row_the_sixth_byte_shows_which_begins_the_frame() -> None:
    assert decode("ff_bcd", {}, b"\xff\xff\x44\x85\x73") == []
    assert [row["weight"] for row in plain(decode("ff_bcd", {}, b"\xff\xff\x44\x85\x73\x00"))["readings"]] == ["7.385"]
    assert [row["overload"] for row in plain(decode("ff_bcd", {}, b"\xff\xff\x44\x85\x73\xff"))["readings"]] == [True]


def test_a_weight_that_is_read_by_the_wrong_layout_is_never_at_rest() -> None:
    """The variant has a usual value and moves the point: nothing that is read with a wrong one could be booked."""
    for sent, read in (("d6_stable", "d4_stable"), ("d4_stable", "d6_stable")):
        for number in range(0, 1_000_000, 997):
            for decimals in range(5):
                frame = _sent(DisplayState(Decimal(number).scaleb(-decimals)), variant=sent)
                told = plain(decode("ff_bcd", {"variant": read}, frame))["readings"]
                assert not any(row["stable"] for row in told), (frame.hex(" "), read)
