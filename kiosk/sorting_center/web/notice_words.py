"""The words of notices that leave the house: plain text, in the language of the target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kiosk.sorting_center.desk.notices.outbox import ToldCase
from kiosk.sorting_center.web.texts import FALLBACK, tables
from kiosk.texts.languages import LANGUAGES
from kiosk.texts.plain import plain

_LIMIT: Final = 200
_ISOLATE: Final = "\u2066{}\u2069"
"""Left-to-right isolate, as the pages do with markup."""


class NoticeWords:
    """From the texts of the pages."""

    def line(self, case: ToldCase, language: str) -> str:
        """``S0147 (shache): One number, two contents. event 4 came twice``."""
        texts = tables().get(language, tables()[FALLBACK])
        is_rtl = language in LANGUAGES and LANGUAGES[language].direction == "rtl"
        place = f"{plain(case.station, _LIMIT)} ({plain(case.region, _LIMIT)})"
        detail = plain(case.detail, _LIMIT)
        if is_rtl:
            place, detail = _ISOLATE.format(place), _ISOLATE.format(detail) if detail else ""
        again = texts["notices_again"] if case.again else ""
        said = [f"{place}: {texts.get(f'case_kind_{case.kind}', plain(case.kind, _LIMIT))}.", again, detail]
        return " ".join(filter(None, said))

    def letter(self, cases: tuple[ToldCase, ...], language: str) -> tuple[str, str]:
        """Each case with what to do about it."""
        texts = tables().get(language, tables()[FALLBACK])
        if not cases:
            return texts["notices_test_subject"], texts["notices_test_text"]
        parts = [f"{case.number}. {self.line(case, language)}\n{_to_do(texts, case)}" for case in cases]
        subject = texts["notices_subject"].format(n=len(cases))
        return subject, "\n\n".join([*parts, texts["notices_end"]])


def _to_do(texts: Mapping[str, str], case: ToldCase) -> str:
    ids = (f"alarms_do_{case.kind}_{case.subject}", f"alarms_do_{case.kind}", f"{case.kind}_do", "alarms_do_unknown")
    return next(texts[text_id] for text_id in ids if text_id in texts)
