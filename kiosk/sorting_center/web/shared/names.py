"""Codes by the names people know: goods, containers, carriers, types of events, opening hours, regions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from babel import Locale
from markupsafe import Markup, escape

from kiosk.domain.events import WordsData
from kiosk.sorting_center.desk.hours import OpeningHours
from kiosk.sorting_center.ledger.shared.records import DatedDoctorRow
from kiosk.sorting_center.reports import Reports
from kiosk.sorting_center.reports.tables.schema import NameKind
from kiosk.sorting_center.web.shared.texts import CenterTexts, center_texts
from kiosk.texts import html, load
from kiosk.texts.catalog import PLACEHOLDER, catalog
from kiosk.texts.plain import plain

COMMON_GOODS: Final = "product_"  # With the code behind it the id of a text
_EVENT_TYPE: Final = re.compile(r"station\.([a-z.]+)\.v[0-9]+")
_FALLBACK_LANGUAGES: Final = ("zh", "en", "ug")  # Of a name that is missing in the viewer's language


def common_goods(code: str) -> WordsData | None:
    """Return what the texts call goods that no offer has named yet; None for goods that are not common."""
    text_id = f"{COMMON_GOODS}{code}"
    if text_id not in center_texts("en"):
        return None
    return WordsData(*(center_texts(language).text(text_id) for language in ("ug", "zh", "en")))


def in_language(words: WordsData | None, language: str) -> tuple[str, str] | None:
    """Return the name and its language: this one where it is known, else another; None where there is no name."""
    by_language = {"ug": words.ug, "zh": words.zh, "en": words.en} if words is not None else {}
    return next(((by_language[one], one) for one in (language, *_FALLBACK_LANGUAGES) if by_language.get(one)), None)


class DisplayNames:
    """Names for one page, in the language of ``texts``; a code without a name is shown as it is."""

    def __init__(self, texts: CenterTexts, reports: Reports) -> None:
        self._texts, self._reports = texts, reports
        self._known: dict[tuple[NameKind, str], WordsData | None] = {}

    def words(self, code: str, kind: NameKind = NameKind.GOODS) -> WordsData | None:
        """Return the words of a code. Pages have no other source for them, so that it can be replaced here."""
        if (kind, code) not in self._known:
            known = self._reports.names.of(code, kind)
            self._known[kind, code] = known or (common_goods(code) if kind is NameKind.GOODS else None)
        return self._known[kind, code]

    def goods(self, code: str) -> Markup:
        """Return the name with the code as its title."""
        return self._named(code, code, NameKind.GOODS)

    def grade(self, product: str, grade: str) -> Markup:
        return self._named(grade, f"{product}/{grade}", NameKind.GRADE)

    def origin(self, code: str) -> Markup:
        return self._named(code, code, NameKind.ORIGIN)

    def goods_and_code(self, code: str) -> Markup:
        """Return the name with the code beside it, where there is room."""
        if self.words(code) is None:
            return html.bdi_code(code)
        return Markup('{} <span class="aside">{}</span>').format(self.goods(code), html.bdi_code(code))

    def plain_goods(self, code: str) -> str:
        """Return the name for a cell of a file; "" without one."""
        found = in_language(self.words(code), self._texts.language.code)
        return found[0] if found is not None else ""

    def container(self, code: str) -> Markup:
        """Return the name of a container; events carry none, so the texts have those of the common ones."""
        return self._text(f"container_{code}", code)

    def carrier(self, code: str) -> Markup:
        """Return the name of a carrier, from the texts of the stations."""
        language = self._texts.language.code
        entry = catalog(language).get(f"counter.carrier.{code.lower()}")
        return _titled(entry.forms[0], language, code) if entry is not None else html.bdi_code(code)

    def event(self, event_type: str) -> Markup:
        """Return the name of a type of events; all versions of it have the same."""
        match = _EVENT_TYPE.fullmatch(event_type)
        return self._text(f"receipt_event_{match[1].replace('.', '_')}" if match is not None else "", event_type)

    def hours(self, hours: OpeningHours) -> Markup:
        """Return the days and times in words; a dash for always closed."""
        days = Locale(self._texts.language.code).days["format"]["wide"]
        parts = [
            Markup('<span class="whole">{} {}</span>').format(
                " – ".join(days[day] for day in run), html.bdi("–".join(span))
            )
            for run, span in hours.runs
        ]
        return Markup(" · ").join(parts) or Markup("–")

    def region(self, region: str) -> Markup:
        """Return the region, as offers call the origin of the same code; "" when it is the only one with events."""
        is_only = self._regions == (region,)
        return Markup("") if is_only else self._named(region, region.upper(), NameKind.ORIGIN)

    @cached_property
    def _regions(self) -> tuple[str, ...]:
        return self._reports.stations.event_regions()

    def _named(self, code: str, key: str, kind: NameKind) -> Markup:
        found = in_language(self.words(key, kind), self._texts.language.code)
        return _titled(*found, code) if found is not None else html.bdi_code(code)

    def _text(self, text_id: str, code: str) -> Markup:
        if text_id not in self._texts:
            return html.bdi_code(code)
        return _titled(str(self._texts(text_id).unescape()), self._texts.language.code, code)


def _titled(name: str, language: str, code: str) -> Markup:
    return Markup('<bdi lang="{}" title="{}">{}</bdi>').format(language, plain(code, 120), name)


_OK_CODE: Final = "fine"  # The code of a row that is well and says no more (kiosk.messaging.contract.control)


@dataclass(frozen=True, slots=True)
class DoctorEntry:
    """One row: what it is about, ``ok``, ``warn`` or ``fail``, what is to be done, and since when it is seen so. Of one
    that is well ``to_do`` is what it says beside that, "" mostly.
    """

    state: str
    name: Markup
    to_do: Markup
    since: str


@dataclass(frozen=True, slots=True)
class DoctorSummary:
    """``bad`` is in the order of the station, the worst first; both are empty of one that says nothing."""

    bad: tuple[DoctorEntry, ...]
    well: tuple[DoctorEntry, ...]


def doctor_summary(rows: Sequence[DatedDoctorRow], texts: CenterTexts) -> DoctorSummary:
    entries = [DoctorEntry(row.state, device_name(row.row, texts), _to_do(row, texts), row.since) for row in rows]
    return DoctorSummary(
        tuple(row for row in entries if row.state != "ok"), tuple(row for row in entries if row.state == "ok")
    )


def device_name(device: str, texts: CenterTexts) -> Markup:
    """Return what a row is about; the code itself when newer software has sent it."""
    return _station_text(f"doctor.device.{device}", texts) or html.bdi_code(device)


def _to_do(row: DatedDoctorRow, texts: CenterTexts) -> Markup:
    code = row.code
    if row.state == "ok" and code == _OK_CODE:
        return Markup("")
    own = f"doctor_do_{code}"
    return texts(own) if own in texts else _station_text(f"doctor.do.{code}", texts) or html.bdi_code(code)


def _station_text(text_id: str, texts: CenterTexts) -> Markup:
    """Return a text of the station's pages; empty without one, or for one with a place or count not known here."""
    words = load(texts.language.code)
    text = words.template(text_id, {}) if text_id in words else ""
    return Markup("") if PLACEHOLDER.search(text) else escape(text)
