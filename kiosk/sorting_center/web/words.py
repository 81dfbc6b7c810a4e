"""The dashboard's own words, by language."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Final

from markupsafe import Markup

from kiosk.texts.languages import LANGUAGES, Language

FALLBACK: Final = "en"


@cache
def _tables() -> Mapping[str, Mapping[str, str]]:
    source = files("kiosk.sorting_center.web").joinpath("words.toml").read_text(encoding="utf-8")
    return tomllib.loads(source)


def languages() -> list[Language]:
    """Those the dashboard speaks, in the order of the language buttons."""
    return [language for code, language in LANGUAGES.items() if code in _tables()]


class Words:
    """The words of one language; raises KeyError for a language or a word the dashboard does not have."""

    def __init__(self, code: str) -> None:
        self.language = LANGUAGES[code]
        self._words = _tables()[code]

    def __call__(self, word: str, **values: object) -> Markup:
        """The text as HTML; values are escaped unless they are markup already."""
        return Markup(self._words[word]).format(**values)  # noqa: S704 - words.toml is ours

    def known(self, word: str) -> bool:
        """Whether there is such a word: codes come from the ledger, and a later version may know more of them."""
        return word in self._words
