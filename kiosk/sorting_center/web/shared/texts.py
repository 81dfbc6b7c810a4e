"""The pages' own texts, by language: one file a page, with a table for each language."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from typing import Final

from markupsafe import Markup

from kiosk.sorting_center.desk.shared.errors import ActionRefused
from kiosk.sorting_center.shared.alarm_texts import parse_detail, parse_minute
from kiosk.texts import html
from kiosk.texts.languages import LANGUAGES, Language

FALLBACK: Final = "en"
STAFF_PACKAGE: Final = "kiosk.sorting_center.web"  # The room with the texts of the staff's pages
_FIGURES: Final = frozenset({"n", "number", "least", "most"})  # Values that are whole numbers, also written as text
# Cases of one accident, which have one instruction.
_CLONED_CARD_KINDS: Final = frozenset({"fork", "twin", "reports_fork"})


@cache
def tables(package: str = STAFF_PACKAGE) -> Mapping[str, Mapping[str, str]]:
    """Texts by language and id; an id is told once among all files of the room."""
    found: dict[str, dict[str, str]] = {}
    for source in sorted(files(package).joinpath("texts").iterdir(), key=lambda file: file.name):
        for language, entries in tomllib.loads(source.read_text(encoding="utf-8")).items():
            known = found.setdefault(language, {})
            if twice := known.keys() & entries.keys():
                raise ValueError(f"{source.name} tells {', '.join(sorted(twice))} again")
            known.update(entries)
    return found


def languages() -> list[Language]:
    """Those the pages speak, in the order of the language buttons."""
    return [language for code, language in LANGUAGES.items() if code in tables(STAFF_PACKAGE)]


class CenterTexts:
    """The texts of one language; raises KeyError for a language or an id the pages do not have."""

    def __init__(self, code: str, package: str = STAFF_PACKAGE) -> None:
        self.language = LANGUAGES[code]
        self._texts = tables(package)[code]

    def __call__(self, text_id: str, **values: object) -> Markup:
        """The text as HTML; values are escaped unless they are markup already."""
        return Markup(self._texts[text_id]).format(**values)  # noqa: S704 - the files are ours

    def filled(self, text_id: str, values: Mapping[str, str | int]) -> Markup:
        """With values as they come from the desk: figures and names, each with its own direction."""
        shown = {
            name: html.bdi_name(value)
            if isinstance(value, str) and name not in _FIGURES
            else html.bdi_number(int(value))
            for name, value in values.items()
        }
        return self(text_id, **shown)

    def refusal(self, error: ActionRefused, page: str = "") -> Markup:
        """Why something was not done, in the words of ``page`` where it has its own."""
        own = f"{page}_refused_{error.code}"
        return self.filled(own if self.known(own) else f"refused_{error.code}", error.values)

    def render_detail(self, detail: str, local: Callable[[str], str]) -> Markup:
        """A stored detail in this language; any other text as it is. ``local`` formats a moment of RFC 3339."""
        found = parse_detail(detail)
        if found is None or not self.known(f"said_{found.code}"):
            return Markup('<bdi lang="en">{}</bdi>').format(detail)
        shown = {name: self._value(name, value, local) for name, value in found.values.items()}
        return self(f"said_{found.code}", **shown)

    def _value(self, name: str, value: str | int, local: Callable[[str], str]) -> Markup:
        if isinstance(value, int) or name in _FIGURES:
            return html.bdi_number(int(value))
        match name:
            case "at" | "since":
                return _unbroken(local(parse_minute(value).isoformat()))
            case "day":
                return _unbroken(value)
            case "said":
                return self.render_detail(value, local)
            case "reason" if self.known(f"reason_{value}"):
                return self(f"reason_{value}")
            case _:
                return html.bdi_code(value)

    def to_do(self, kind: str, subject: str) -> Markup:
        """What to do about a case."""
        return self(to_do(self._texts, kind, subject))

    def known(self, text_id: str) -> bool:
        """Whether there is such a text: codes come from the ledger, and a later version may know more of them."""
        return text_id in self._texts


def to_do(texts: Mapping[str, str], kind: str, subject: str) -> str:
    """The id of the text that says what to do about a case."""
    if _CLONED_CARD_KINDS & {kind, f"{kind}_{subject}"}:
        return "copied_card_do"
    ids = (f"alarms_do_{kind}_{subject}", f"alarms_do_{kind}", f"{kind}_do", "alarms_do_unknown")
    return next(text_id for text_id in ids if text_id in texts)


def _unbroken(text: str) -> Markup:
    """On one line: a hyphen is no place to break a date."""
    return Markup('<span class="whole">{}</span>').format(html.bdi_code(text))
