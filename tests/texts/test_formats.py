"""Numbers as people read them: exact, the same digits everywhere; only tonnes are rounded."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.domain.identifiers import ReceiptNumber
from kiosk.texts import formats, html

GRAMS = st.integers(-10_000_000, 10_000_000)


def test_kilograms(subtests: pytest.Subtests) -> None:
    for grams, decimals, shown in [
        (12450, 3, "12.450"),
        (12450, 2, "12.45"),
        (0, 3, "0.000"),
        (5, 3, "0.005"),
        (-3500, 3, "-3.500"),
        (-5, 3, "-0.005"),
        (1_234_500, 1, "1,234.5"),
        (20000, 0, "20"),
        (20005, 0, "20.005"),
        (12455, 2, "12.455"),
    ]:
        with subtests.test(grams=grams, decimals=decimals, shown=shown):
            assert formats.kilograms(grams, decimals) == shown
            assert formats.kg_text(grams, decimals) == f"{shown}\u00a0kg"


@given(GRAMS, st.integers(0, 3))
def test_no_gram_is_lost(grams: int, decimals: int) -> None:
    assert Decimal(formats.kilograms(grams, decimals).replace(",", "")) * 1000 == grams


def test_kilograms_have_up_to_three_decimals(subtests: pytest.Subtests) -> None:
    for decimals in [-1, 4]:
        with subtests.test(decimals=decimals), pytest.raises(ValueError, match="0 to 3 decimals"):
            formats.kilograms(1, decimals)


def test_tonnes_round_and_never_to_nothing(subtests: pytest.Subtests) -> None:
    for grams, shown in [
        (1_740_676_980, "1,740.68 t"),
        (0, "0.00 t"),
        (1, "< 0.01 t"),
        (4_999, "< 0.01 t"),
        (5_000, "0.01 t"),
        (999_995_000, "1,000.00 t"),
        (-12_340_000, "-12.34 t"),
    ]:
        with subtests.test(grams=grams, shown=shown):
            assert formats.tonnes(grams).replace("\u00a0", " ") == shown
            assert html.bdi_tonnes(grams).startswith(f'<bdi dir="ltr" title="{formats.kg_text(grams)}">')


def test_money(subtests: pytest.Subtests) -> None:
    for fen, shown in [(120382, "¥1,203.82"), (0, "¥0.00"), (7, "¥0.07"), (-150, "-¥1.50"), (-5, "-¥0.05")]:
        with subtests.test(fen=fen, shown=shown):
            assert formats.money(fen) == shown
            assert formats.price_per_kg(fen) == f"{shown}/kg"


@given(st.integers(-(10**12), 10**12))
def test_no_fen_is_lost(fen: int) -> None:
    assert Decimal(formats.money(fen).replace(",", "").replace("¥", "")) * 100 == fen


def test_number() -> None:
    assert [formats.number(n) for n in (0, 999, 1000, -1234567)] == ["0", "999", "1,000", "-1,234,567"]


def test_receipt() -> None:
    assert formats.receipt(ReceiptNumber("S0147", "A", 381)) == "0147-A-000381"
