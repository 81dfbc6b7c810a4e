"""The dashboard's own texts, by language: one table in texts.toml."""

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
def tables() -> Mapping[str, Mapping[str, str]]:
    """Texts by language and id."""
    source = files("kiosk.sorting_center.web").joinpath("texts.toml").read_text(encoding="utf-8")
    return tomllib.loads(source)


def languages() -> list[Language]:
    """Those the dashboard speaks, in the order of the language buttons."""
    return [language for code, language in LANGUAGES.items() if code in tables()]


class DashboardTexts:
    """The texts of one language; raises KeyError for a language or an id the dashboard does not have."""

    def __init__(self, code: str) -> None:
        self.language = LANGUAGES[code]
        self._texts = tables()[code]

    def __call__(self, text_id: str, **values: object) -> Markup:
        """The text as HTML; values are escaped unless they are markup already."""
        return Markup(self._texts[text_id]).format(**values)  # noqa: S704 - texts.toml is ours

    def known(self, text_id: str) -> bool:
        """Whether there is such a text: codes come from the ledger, and a later version may know more of them."""
        return text_id in self._texts
