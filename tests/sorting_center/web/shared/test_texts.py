from __future__ import annotations

import re
from importlib.resources import files
from typing import Final

import pytest

from kiosk.sorting_center.web.shared.texts import STAFF_PACKAGE, center_texts
from kiosk.texts import load
from kiosk.texts.catalog import catalog
from kiosk.texts.languages import LANGUAGES

_HALF_WIDTH: Final = re.compile(r"(?<![A-Za-z0-9])[,:;?!()]|[,:;?!()](?! ?[A-Za-z0-9/])|[\u4e00-\u9fff]\.")
"""Punctuation of English in a Chinese text; between two Latin letters or digits it is code, a time or an address."""

SHOP: Final = "kiosk.sorting_center.storefront"
_AFTER_A_VALUE: Final = re.compile(r"\}\}(?:\{%[^%]*%\})?[:;,?!](?=\s|\{|<)")
_BETWEEN_FIGURES: Final = re.compile(r"\} ?[-/×–] ?\{")


def test_chinese_texts_have_chinese_punctuation(subtests: pytest.Subtests) -> None:
    for room in [STAFF_PACKAGE, SHOP]:
        with subtests.test(room=room):
            assert {
                name: entry for name, entry in catalog("zh", room).items() if _HALF_WIDTH.search(entry.forms[0])
            } == {}


def test_templates_leave_punctuation_to_texts() -> None:
    """Chinese has its own, so what stands between two values of a template is neutral."""
    pages = [page for room in (STAFF_PACKAGE, SHOP) for page in files(room).joinpath("templates").iterdir()]
    found = {page.name: _AFTER_A_VALUE.findall(page.read_text(encoding="utf-8")) for page in pages}
    assert {name: signs for name, signs in found.items() if signs} == {}


def test_no_uyghur_text_has_a_bare_sign_between_two_figures(subtests: pytest.Subtests) -> None:
    """It would run from right to left: of 192 stations 201."""
    for room in [STAFF_PACKAGE, SHOP]:
        with subtests.test(room=room):
            assert {
                name: entry for name, entry in catalog("ug", room).items() if _BETWEEN_FIGURES.search(entry.forms[0])
            } == {}


def test_a_mode_has_one_word_at_the_station_and_at_the_county(subtests: pytest.Subtests) -> None:
    for mode in ["purchase", "consignment"]:
        with subtests.test(mode=mode):
            ids = (mode, f"export_{mode}", f"recon_field_{mode}_fen", f"station_field_{mode}_fen")
            for language in LANGUAGES:
                words = {center_texts(language).text(text_id).casefold() for text_id in ids}
                assert words == {load(language).text(f"mode.{mode}").casefold()}
