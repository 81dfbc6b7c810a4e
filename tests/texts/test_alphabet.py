"""Uyghur order, and letters that only look like Uyghur."""

from __future__ import annotations

import itertools
import random

from hypothesis import given
from hypothesis import strategies as st

from kiosk.texts.alphabet import LETTERS, LOOK_ALIKES, foreign_letters, sort_key

GOODS = ["ئالما", "ئەنجۈر", "بادام", "پىستە", "چىلان", "شاپتۇل", "قوغۇن", "ھەسەل", "ئۈزۈم", "ياڭاق"]


def test_thirty_two_letters() -> None:
    assert len(LETTERS) == len(set(LETTERS)) == 32


def test_goods_sort_by_the_alphabet_whatever_order_they_come_in() -> None:
    mixed = GOODS.copy()
    random.Random(7).shuffle(mixed)
    assert sorted(mixed, key=sort_key) == GOODS
    assert sorted(mixed) != GOODS


def test_every_letter_sorts_where_the_alphabet_has_it() -> None:
    backwards = LETTERS[::-1]
    assert sorted(backwards, key=sort_key) == list(LETTERS)


def test_a_vowel_counts_the_same_with_and_without_its_hamza() -> None:
    assert sort_key("ئا") == sort_key("ا")


def test_digits_and_latin_come_first_and_foreign_letters_last() -> None:
    assert sorted(["ياڭاق", "هه", "بادام", "badam", "1"], key=sort_key) == ["1", "badam", "بادام", "ياڭاق", "هه"]


@given(st.lists(st.text(max_size=8), max_size=8))
def test_any_names_can_be_sorted_and_stay_themselves(names: list[str]) -> None:
    in_order = sorted(names, key=sort_key)
    assert sorted(in_order) == sorted(names)
    assert all(sort_key(a) <= sort_key(b) for a, b in itertools.pairwise(in_order))


def test_look_alikes_are_found() -> None:
    assert foreign_letters("خالته ئالما، بادام؟") == ["\u0647"]
    assert all(foreign_letters(letter) == [letter] for letter in LOOK_ALIKES)
    assert foreign_letters("".join(LETTERS)) == []
