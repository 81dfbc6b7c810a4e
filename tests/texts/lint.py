"""What must hold for the catalogs whoever edits them: checked by a test, and by a translator before sending a file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from kiosk.texts.catalog import (
    FALLBACK,
    FROM_TERMS,
    NEEDS_REVIEW,
    PLACEHOLDER,
    REVIEWED,
    STATION,
    MessageEntry,
    catalog,
)
from kiosk.texts.languages import LANGUAGES
from tests.texts.alphabet import LOOK_ALIKES, foreign_letters

Catalogs = Mapping[str, Mapping[str, MessageEntry]]

PACKAGES = (STATION, "kiosk.sorting_center.web", "kiosk.sorting_center.storefront")
TECHNICAL = frozenset({"kiosk.sorting_center.web"})
"""Pages of people at a desk: their Uyghur names files, units and addresses in Latin letters, which it isolates."""
_ID = re.compile(r"[a-z]+([._][A-Za-z0-9]+)*")
_MARKET_UNITS = re.compile(r"斤|\bjin\b|جىڭ(?!دوڭ)", re.IGNORECASE)
"""The jin in three scripts; Chinese 公斤 is refused with it: the texts say 千克. جىڭدوڭ is JD, a carrier."""
_LATIN = re.compile(r"[A-Za-z]+")
_NON_WESTERN_DIGITS = re.compile("[\u0660-\u0669\u06f0-\u06f9\uff10-\uff19]")
_BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
MAX_MAIN_WORDS = 8
"""Words of a screen's main instruction; a person who reads slowly reads one line."""


def lint() -> list[str]:
    """Every fault of the shipped catalogs as one line; empty when they are right."""
    return [
        fault
        for package in PACKAGES
        for fault in faults({code: catalog(code, package) for code in LANGUAGES}, technical=package in TECHNICAL)
    ]


def faults(catalogs: Catalogs, *, technical: bool = False) -> Iterator[str]:
    """The same for any catalogs by language code, English among them; Latin letters are right where ``technical``."""
    english = catalogs[FALLBACK]
    for code, entries in catalogs.items():
        for text_id in sorted(english.keys() - entries.keys()):
            yield f"{code}: {text_id}: missing"
        for text_id, entry in sorted(entries.items()):
            if text_id not in english:
                yield f"{code}: {text_id}: English has no such id"
                continue
            found = _entry_faults(code, text_id, entry, english[text_id], technical=technical)
            yield from (f"{code}: {text_id}: {what}" for what in found)


def _entry_faults(
    code: str, text_id: str, entry: MessageEntry, english: MessageEntry, *, technical: bool
) -> Iterator[str]:
    if not _ID.fullmatch(text_id):
        yield "an id is words joined by dots or underscores"
    if entry.placeholders != english.placeholders:
        yield f"placeholders {sorted(entry.placeholders)} are {sorted(english.placeholders)} in English"
    if len(entry.forms) != (LANGUAGES[code].plural_forms if english.counts else 1):
        yield f"{len(entry.forms)} plural forms"
    if code != FALLBACK and entry.english != english.forms:
        yield "the English beside it is not the English of en.po any more: translate again"
    if text_id.endswith(".question") and code == FALLBACK and len(entry.forms[0].split()) > MAX_MAIN_WORDS:
        yield f"a main instruction has at most {MAX_MAIN_WORDS} words"
    for form in entry.forms:
        yield from _form_faults(form, technical)
    if code == "ug":
        yield from _uyghur_faults(entry, technical)


def _form_faults(form: str, technical: bool) -> Iterator[str]:
    words = PLACEHOLDER.sub("", form)
    if "{" in words or "}" in words:
        yield "a brace that is no placeholder"
    if "<" in words or ">" in words:
        yield "no markup in texts"
    if _MARKET_UNITS.search(words):
        yield "the jin is no unit of trade: kilograms and grams only"
    if _NON_WESTERN_DIGITS.search(words):
        yield "digits are 0-9 in every language"
    if _BIDI.search(words) and not technical:
        yield "no direction marks: numbers are isolated where they are formatted"
    if form != " ".join(form.split()):
        yield "stray white space"


def _uyghur_faults(entry: MessageEntry, technical: bool) -> Iterator[str]:
    words = " ".join(PLACEHOLDER.sub("", form) for form in entry.forms)
    for char in foreign_letters(words):
        yield f"U+{ord(char):04X} is not a Uyghur letter{_meant(char)}"
    if (latin := _LATIN.findall(words)) and not technical:
        yield f"Latin letters: {' '.join(latin)}"
    if any("\u0400" <= char <= "\u04ff" for char in words):
        yield "Cyrillic letters"
    if sum(comment.startswith((NEEDS_REVIEW, FROM_TERMS, REVIEWED)) for comment in entry.comments) != 1:
        yield f"one comment is due: '{NEEDS_REVIEW}', '{FROM_TERMS}' or '{REVIEWED} ...'"


def _meant(char: str) -> str:
    return f": {LOOK_ALIKES[char]} was meant" if char in LOOK_ALIKES else ""
