"""The words of notices that leave the house: plain text, in the language of the target."""

from __future__ import annotations

from typing import Final

from kiosk.sorting_center.desk.notices.outbox import NoticeCase
from kiosk.sorting_center.shared.alarm_texts import parse_detail
from kiosk.sorting_center.web.shared.texts import CenterTexts, center_texts
from kiosk.texts.catalog import FALLBACK
from kiosk.texts.languages import LANGUAGES
from kiosk.texts.plain import plain

_MAX_CHARS: Final = 200
_ISOLATE: Final = "\u2066{}\u2069"  # Left-to-right isolate, as the pages do with markup


def case_line(case: NoticeCase, language: str) -> str:
    """Return ``S0147 (shache): One number, two contents. event 4 came twice``."""
    texts = _texts(language)
    station, place = plain(case.station, _MAX_CHARS), plain(case.region, _MAX_CHARS)
    if station:
        place = texts.text("notices_place", station=station, region=place)
    kind_id = f"case_kind_{case.kind}"
    kind = texts.text(kind_id) if kind_id in texts else plain(case.kind, _MAX_CHARS)
    line = texts.text("notices_line", place=_isolated(texts, place), kind=kind)
    repeat_note = texts.text("notices_again") if case.again else ""
    return " ".join(filter(None, [line, repeat_note, _format_detail(texts, case.detail)])).replace("。 ", "。")


def mail_text(cases: tuple[NoticeCase, ...], language: str) -> tuple[str, str]:
    """Return subject and text: each case with what to do about it; without cases those of a test."""
    texts = _texts(language)
    if not cases:
        return texts.text("notices_test_subject"), texts.text("notices_test_text")
    parts = [
        f"{case.number}. {case_line(case, language)}\n{texts.text(texts.to_do(case.kind, case.subject))}"
        for case in cases
    ]
    return texts.text("notices_subject", n=len(cases)), "\n\n".join([*parts, texts.text("notices_end")])


def _texts(language: str) -> CenterTexts:
    return center_texts(language if language in LANGUAGES else FALLBACK)


def _isolated(texts: CenterTexts, text: str) -> str:
    return _ISOLATE.format(text) if texts.language.direction == "rtl" else text


def _format_detail(texts: CenterTexts, detail: str) -> str:
    """Format a stored detail in the language of ``texts``; any other text stays as it is."""
    found = parse_detail(detail)
    if found is None or f"said_{found.code}" not in texts:
        return _isolated(texts, plain(detail, _MAX_CHARS)) if detail else ""
    shown = {name: _isolated(texts, plain(str(value), _MAX_CHARS)) for name, value in found.values.items()}
    if "said" in shown:
        shown["said"] = _format_detail(texts, str(found.values["said"]))
    if "reason" in shown and f"reason_{found.values['reason']}" in texts:
        shown["reason"] = texts.text(f"reason_{found.values['reason']}")
    return texts.text(f"said_{found.code}", **shown)
