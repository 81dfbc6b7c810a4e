"""What the simulated price-scale board sends where its six digits end, and where two start bytes stand in a row."""

from __future__ import annotations

from decimal import Decimal

import pytest

from kiosk.protocols.scales import registry
from kiosk.protocols.scales.protocol import Shown
from tests.protocols.scales.golden import decode, plain


def _sent(shown: Shown, **params: str) -> bytes:
    return registry.get("ff_bcd").encode_frame(shown, registry.defaults("ff_bcd") | params)


def test_beyond_six_digits_it_shows_overflow_and_nothing_below_its_range() -> None:
    assert _sent(Shown(Decimal("999.999"))) == b"\xff\x44\x99\x99\x99"
    assert _sent(Shown(Decimal("1000.000"))) == b"\xff\xc4\x00\x00\x00"
    assert _sent(Shown(Decimal("1000.000")), variant="d4_stable") == b"\xff\x93\x00\x00\x00"
    assert _sent(Shown(Decimal(-1), underload=True)) == b""


@pytest.mark.parametrize(("variant", "decimals"), [("d6_stable", 4), ("d4_stable", 5)])
def test_more_decimals_than_the_layout_tells_are_refused(variant: str, decimals: int) -> None:
    assert len(_sent(Shown(Decimal(1).scaleb(-decimals)), variant=variant)) == 5
    with pytest.raises(ValueError, match=f"ff_bcd {variant} does not carry {decimals + 1} decimals"):
        _sent(Shown(Decimal(1).scaleb(-decimals - 1)), variant=variant)


def test_of_two_starts_in_a_row_the_sixth_byte_shows_which_begins_the_frame() -> None:
    assert decode("ff_bcd", {}, b"\xff\xff\x44\x85\x73") == []
    assert [row["weight"] for row in plain(decode("ff_bcd", {}, b"\xff\xff\x44\x85\x73\x00"))["readings"]] == ["7.385"]
    assert [row["overload"] for row in plain(decode("ff_bcd", {}, b"\xff\xff\x44\x85\x73\xff"))["readings"]] == [True]
