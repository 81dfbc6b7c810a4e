"""The Uyghur letters, and letters that only look like Uyghur."""

from __future__ import annotations

from tests.texts.alphabet import LETTERS, LOOK_ALIKES, foreign_letters


def test_thirty_two_letters() -> None:
    assert len(LETTERS) == len(set(LETTERS)) == 32


def test_look_alikes_are_found() -> None:
    assert foreign_letters("خالته ئالما، بادام؟") == ["\u0647"]
    assert all(foreign_letters(letter) == [letter] for letter in LOOK_ALIKES)
    assert foreign_letters("".join(LETTERS)) == []
