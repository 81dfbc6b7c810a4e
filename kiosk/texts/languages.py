"""The three languages of a station: their own names, directions, and how many plural forms their catalogs have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Language:
    """``code`` is also the locale; ``own_name`` is what the language button shows, in the language's own script."""

    code: str
    own_name: str
    direction: Literal["rtl", "ltr"]
    plural_forms: int


# In the order the language button offers them.
LANGUAGES = {
    row.code: row
    for row in (
        # One form: Uyghur nouns take no plural after a number, though CLDR lists two and `pybabel init` writes two.
        Language("ug", "ئۇيغۇرچە", "rtl", 1),
        Language("zh", "中文", "ltr", 1),
        Language("en", "English", "ltr", 2),
    )
}


def plural_index(language: Language, n: int) -> int:
    """Return which plural form of a catalog entry goes with ``n``."""
    return 0 if language.plural_forms == 1 or n == 1 else 1
