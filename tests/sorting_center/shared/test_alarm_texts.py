from __future__ import annotations

import re
import string
from typing import get_args

from kiosk.sorting_center.shared.alarm_texts import DetailCode, format_detail, parse_detail
from kiosk.sorting_center.web.shared.texts import STAFF_PACKAGE, center_texts
from kiosk.texts.catalog import catalog
from kiosk.texts.languages import LANGUAGES

VALUES = {
    "n": 12,
    "seq": 7,
    "first": 3,
    "most": 400,
    "seconds": "2.5",
    "at": "2026-11-25 04:00 UTC",
    "since": "2025-01-01 00:00 UTC",
    "day": "2026-11-25",
    "said": format_detail("came_twice", seq=4),
    "text": "ConnectionRefusedError: [Errno 111]",
    "host": "[::1]:587/starttls",
    "address": "10.0.0.1",
    "option": "--mail-logins DIR",
    "reason": "far_ahead",
}


def names_of(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_every_sentence_leads_back_to_its_code_and_is_said_in_every_language() -> None:
    for code in get_args(DetailCode):
        wanted = names_of(catalog("en", STAFF_PACKAGE)[f"said_{code}"].forms[0])
        values = {name: VALUES.get(name, f"{name}-1") for name in wanted}
        kept = format_detail(code, **values)
        found = parse_detail(kept)
        assert found is not None and found.code == code, kept
        assert found.values == {name: str(value) for name, value in values.items()}
        for language in LANGUAGES:
            told = catalog(language, STAFF_PACKAGE)[f"said_{code}"].forms[0]
            assert names_of(told) == wanted, (language, code)
            shown = center_texts(language).render_detail(kept, lambda at: at[:16])
            assert "{" not in shown and (language == "en" or not re.search(r"\bevents?\b", shown)), shown


def test_what_was_not_said_here_is_shown_as_it_is() -> None:
    for text in ("1.0.0", "<b>event 4 came twice</b>", "event 4 came twice", "", "{n} events wait there"):
        assert parse_detail(text) is None
    assert center_texts("ug").render_detail("<b>", str) == '<bdi lang="en">&lt;b&gt;</bdi>'
