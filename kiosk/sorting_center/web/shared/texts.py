"""The texts of the pages of the sorting center, as HTML."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Final

from markupsafe import Markup

from kiosk.base.refused import Refused
from kiosk.sorting_center.shared.alarm_texts import parse_detail, parse_minute
from kiosk.texts import html
from kiosk.texts.catalog import Texts
from kiosk.texts.languages import LANGUAGES

STAFF_PACKAGE: Final = "kiosk.sorting_center.web"  # The package with the catalogs of the staff's pages
_FIGURES: Final = frozenset({"n", "number", "least", "most"})  # Values that are whole numbers, also written as text
# Cases of one accident, which have one instruction.
_CLONED_CARD_KINDS: Final = frozenset({"fork", "twin", "reports_fork"})


class CenterTexts(Texts):
    """The texts of one language; raises MissingText for an id the pages do not have."""

    def __call__(self, text_id: str, **values: object) -> Markup:
        """Return the text as HTML; values are escaped unless they are markup already."""
        return Markup(self.template(text_id, values)).format(**values)  # noqa: S704 - the files are ours

    def filled(self, text_id: str, values: Mapping[str, str | int]) -> Markup:
        """Return the text with values as they come from the desk: figures and names, each with its own direction."""
        shown = {
            name: html.bdi_name(value)
            if isinstance(value, str) and name not in _FIGURES
            else html.bdi_number(int(value))
            for name, value in values.items()
        }
        return self(text_id, **shown)

    def refusal(self, error: Refused, page: str = "") -> Markup:
        """Return why something was not done, in the words of ``page`` where it has its own."""
        own = f"{page}_refused_{error.code}"
        return self.filled(own if own in self else f"refused_{error.code}", error.values)

    def render_detail(self, detail: str, local: Callable[[str], str]) -> Markup:
        """Render a stored detail in this language; any other text as it is. ``local`` formats an RFC 3339 moment."""
        found = parse_detail(detail)
        if found is None or f"said_{found.code}" not in self:
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
            case "why" if f"document_why_{value}" in self:
                return self(f"document_why_{value}")
            case "reason" if f"reason_{value}" in self:
                return self(f"reason_{value}")
            case _:
                return html.bdi_code(value)

    def to_do(self, kind: str, subject: str) -> str:
        if _CLONED_CARD_KINDS & {kind, f"{kind}_{subject}"}:
            return "copied_card_do"
        ids = (f"alarms_do_{kind}_{subject}", f"alarms_do_{kind}", f"{kind}_do", "alarms_do_unknown")
        return next(text_id for text_id in ids if text_id in self)


@cache
def center_texts(code: str, package: str = STAFF_PACKAGE) -> CenterTexts:
    """Return the texts of a language. Raises KeyError for an unknown one."""
    return CenterTexts(LANGUAGES[code], strict=True, package=package)


def _unbroken(text: str) -> Markup:
    """Keep the text on one line: a hyphen is no place to break a date."""
    return Markup('<span class="whole">{}</span>').format(html.bdi_code(text))
