from __future__ import annotations

import re
import string

import pytest

from kiosk.sorting_center.shared.alarm_texts import ENGLISH, english_detail, format_detail, parse_detail
from kiosk.sorting_center.web.notice_words import _format_detail
from kiosk.sorting_center.web.shared.texts import STAFF_PACKAGE, center_texts
from kiosk.texts.catalog import catalog
from kiosk.texts.languages import LANGUAGES
from tests.sorting_center.codes import codes_of

VALUES: dict[str, str | int] = {
    **dict.fromkeys(("n", "seq", "first", "most"), 1234),
    "at": "2026-11-25 04:00 UTC",
    "since": "2025-01-01 00:00 UTC",
    "day": "2026-11-25",
    "said": format_detail("came_twice", seq=4),
    "text": "ConnectionRefusedError: [Errno 111]",
    "reason": "far_ahead",
}
CODES = sorted(text_id.removeprefix("said_") for text_id in catalog("en", STAFF_PACKAGE) if text_id.startswith("said_"))


def names_of(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def sentence(language: str, code: str) -> str:
    return catalog(language, STAFF_PACKAGE)[f"said_{code}"].forms[0]


def stored(code: str) -> str:
    return format_detail(code, **{name: VALUES.get(name, f"{name}-1") for name in names_of(sentence("en", code))})


def test_every_code_that_is_written_down_has_a_sentence_and_no_sentence_is_left_over() -> None:
    written = codes_of("format_detail") | codes_of("DeliveryFailed")
    assert set(CODES) == written
    assert set(ENGLISH) <= written


@pytest.mark.parametrize("code", CODES)
def test_a_detail_is_shown_with_its_values_in_every_language(code: str) -> None:
    detail = stored(code)
    found = parse_detail(detail)
    assert found is not None and found.code == code
    for language in LANGUAGES.values():
        assert names_of(sentence(language.code, code)) == found.values.keys(), language.code
        shown = center_texts(language.code).render_detail(detail, lambda at: at[:16])
        assert "{" not in shown and (language.code == "en" or not re.search(r"\bevents?\b", shown)), shown
        in_a_mail = _format_detail(center_texts(language.code), detail)
        assert "{" not in in_a_mail and ("said" in found.values or str(found.values.get("n", "")) in in_a_mail)


def test_programs_get_it_in_english() -> None:
    assert english_detail(format_detail("came_twice", seq=4)) == "event 4 came twice with different content"
    many = format_detail("many_times", n=3, said=format_detail("came_twice", seq=4))
    assert english_detail(many) == "3 times; the first: event 4 came twice with different content"
    for code in ENGLISH:
        assert "{" not in english_detail(stored(code))
    assert english_detail("it shook") == "it shook"


def test_what_was_not_said_here_is_shown_as_it_is() -> None:
    for text in ("1.0.0", "<b>event 4 came twice</b>", "", "{n} events wait there", "{}", '{"code": 1}', "\ud800"):
        assert parse_detail(text) is None
    assert center_texts("ug").render_detail("<b>", str) == '<bdi lang="en">&lt;b&gt;</bdi>'
    assert center_texts("ug").render_detail(format_detail("of_tomorrow"), str).startswith('<bdi lang="en">')
