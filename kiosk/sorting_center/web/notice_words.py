"""The words of notices that leave the house: plain text, in the language of the target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kiosk.sorting_center.desk.notices.outbox import NoticeCase
from kiosk.sorting_center.shared.alarm_texts import parse_detail
from kiosk.sorting_center.web.shared.texts import FALLBACK, tables, to_do
from kiosk.texts.languages import LANGUAGES
from kiosk.texts.plain import plain

_MAX_CHARS: Final = 200
_ISOLATE: Final = "\u2066{}\u2069"  # Left-to-right isolate, as the pages do with markup


def case_line(case: NoticeCase, language: str) -> str:
    """``S0147 (shache): One number, two contents. event 4 came twice``."""
    texts = tables().get(language, tables()[FALLBACK])
    is_rtl = language in LANGUAGES and LANGUAGES[language].direction == "rtl"
    place = texts["notices_place"].format(
        station=plain(case.station, _MAX_CHARS), region=plain(case.region, _MAX_CHARS)
    )
    kind = texts.get(f"case_kind_{case.kind}", plain(case.kind, _MAX_CHARS))
    line = texts["notices_line"].format(place=_ISOLATE.format(place) if is_rtl else place, kind=kind)
    repeat_note = texts["notices_again"] if case.again else ""
    return " ".join(filter(None, [line, repeat_note, _format_detail(texts, case.detail, is_rtl)])).replace("。 ", "。")


def mail_text(cases: tuple[NoticeCase, ...], language: str) -> tuple[str, str]:
    """Subject and text: each case with what to do about it; without cases those of a test."""
    texts = tables().get(language, tables()[FALLBACK])
    if not cases:
        return texts["notices_test_subject"], texts["notices_test_text"]
    parts = [
        f"{case.number}. {case_line(case, language)}\n{texts[to_do(texts, case.kind, case.subject)]}" for case in cases
    ]
    subject = texts["notices_subject"].format(n=len(cases))
    return subject, "\n\n".join([*parts, texts["notices_end"]])


def _format_detail(texts: Mapping[str, str], detail: str, is_rtl: bool) -> str:
    """A stored detail in the language of ``texts``; any other text as it is."""
    isolated = _ISOLATE if is_rtl else "{}"
    found = parse_detail(detail)
    if found is None or f"said_{found.code}" not in texts:
        return isolated.format(plain(detail, _MAX_CHARS)) if detail else ""
    shown = {name: isolated.format(plain(str(value), _MAX_CHARS)) for name, value in found.values.items()}
    if "said" in shown:
        shown["said"] = _format_detail(texts, str(found.values["said"]), is_rtl)
    if "reason" in shown:
        shown["reason"] = texts.get(f"reason_{found.values['reason']}", shown["reason"])
    return texts[f"said_{found.code}"].format(**shown)
