"""The language of the person in front, and the second one shown small beside it."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Request, Response
from markupsafe import Markup

from kiosk.domain.catalog import Names
from kiosk.texts import LANGUAGES, Language, Texts, load
from kiosk.texts.html import bdi_name, fill

COOKIE = "lang"
_BESIDE = {"ug": "zh", "zh": "ug", "en": "zh"}
_TOGETHER = Markup(
    '<span class="both"><span class="main" lang="{}" dir="{}">{}</span>'
    '<span class="second" lang="{}" dir="{}">{}</span></span>'
)
_LONG = Markup('<span class="long">{}</span>')
_LONG_NAME = 9  # Letters that fit a tile at full size; longer names are set a little smaller
_COOKIE_SECONDS = 10 * 365 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Speech:
    """Uyghur and Chinese are shown together on public screens, the chosen one large; English is shown with Chinese."""

    main: Texts
    second: Texts

    @property
    def language(self) -> Language:
        return self.main.language

    @property
    def others(self) -> tuple[Language, ...]:
        return tuple(row for row in LANGUAGES.values() if row.code != self.language.code)

    def pair(self, text_id: str, **values: object) -> tuple[str, str]:
        return self.main.text(text_id, **values), self.second.text(text_id, **values)

    def both(self, text_id: str, **values: object) -> Markup:
        return self._together(fill(self.main, text_id, **values), fill(self.second, text_id, **values))

    def one(self, text_id: str, **values: object) -> Markup:
        """Return a text in the chosen language as HTML; also good for attributes."""
        return fill(self.main, text_id, **values)

    def names(self, names: Names) -> Markup:
        main, second = (str(getattr(names, texts.language.code)) for texts in (self.main, self.second))
        together = self._together(bdi_name(main), bdi_name(second))
        return _LONG.format(together) if len(main) > _LONG_NAME else together

    def _together(self, main: Markup, second: Markup) -> Markup:
        first, other = self.main.language, self.second.language
        return _TOGETHER.format(first.code, first.direction, main, other.code, other.direction, second)


def speech(code: str) -> Speech:
    """Load the speech of a language code; raises KeyError for one the station does not have."""
    return Speech(load(code), load(_BESIDE[code]))


def speech_of(request: Request, default: str) -> Speech:
    """Choose by the query (the stream names its page's language), else the cookie, else the ``default``."""
    requested = request.args.get("lang") or request.cookies.get(COOKIE) or default
    return speech(requested if requested in LANGUAGES else default)


def set_language_cookie(response: Response, code: str) -> Response:
    """Keep the language. Not ``Secure``: the pages are served over plain HTTP on loopback."""
    response.set_cookie(COOKIE, code, max_age=_COOKIE_SECONDS, samesite="Strict", httponly=True)
    return response
