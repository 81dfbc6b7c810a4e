"""Numbers as people read them: exact, the same digits everywhere, never rounded."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.domain.identifiers import ReceiptNumber
from kiosk.texts import LANGUAGES, formats
from tests.each import each

GRAMS = st.integers(-10_000_000, 10_000_000)


@each(
    ("grams", "decimals", "shown"),
    [
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
    ],
)
def test_kilograms(grams: int, decimals: int, shown: str) -> None:
    assert formats.kilograms(grams, decimals) == shown
    assert formats.kg_text(grams, decimals) == f"{shown}\u00a0kg"


@given(GRAMS, st.integers(0, 3))
def test_no_gram_is_lost(grams: int, decimals: int) -> None:
    assert Decimal(formats.kilograms(grams, decimals).replace(",", "")) * 1000 == grams


@each("decimals", [-1, 4])
def test_kilograms_have_up_to_three_decimals(decimals: int) -> None:
    with pytest.raises(ValueError, match="0 to 3 decimals"):
        formats.kilograms(1, decimals)


@each(("fen", "shown"), [(120382, "¥1,203.82"), (0, "¥0.00"), (7, "¥0.07"), (-150, "-¥1.50"), (-5, "-¥0.05")])
def test_money(fen: int, shown: str) -> None:
    assert formats.money(fen) == shown
    assert formats.price_per_kg(fen) == f"{shown}/kg"


@given(st.integers(-(10**12), 10**12))
def test_no_fen_is_lost(fen: int) -> None:
    assert Decimal(formats.money(fen).replace(",", "").replace("¥", "")) * 100 == fen


def test_number() -> None:
    assert [formats.number(n) for n in (0, 999, 1000, -1234567)] == ["0", "999", "1,000", "-1,234,567"]


def test_dates_in_words_and_in_digits() -> None:
    assert {lang: formats.date_text("2026-11-25", lang) for lang in LANGUAGES} == {
        "ug": "25-نويابىر، 2026",
        "zh": "2026年11月25日",
        "en": "November 25, 2026",
    }
    assert {formats.date_text("2026-11-25", lang, "digits") for lang in LANGUAGES} == {"2026-11-25"}


def test_a_date_that_is_not_set_says_so() -> None:
    assert formats.date_text(None, "en") == "Date not set"
    assert formats.date_text(None, "zh", "digits") == "日期未设置"
    assert formats.time_text(None) == "--:--"
    assert formats.time_text("14:05") == "14:05"


@each("day", ["", "25.11.2026", "2026-13-01", "<b>"])
def test_a_date_that_is_none_is_refused(day: str) -> None:
    with pytest.raises(ValueError, match=r"isoformat|month"):
        formats.date_text(day, "en")


def test_receipt() -> None:
    assert formats.receipt(ReceiptNumber("S0147", "A", 381)) == "0147-A-000381"
