from __future__ import annotations

import re
from typing import Final

from kiosk.sorting_center.web.texts import STAFF, tables
from tests.each import each

_HALF_WIDTH: Final = re.compile(r"(?<![A-Za-z0-9])[,:;?!()]|[,:;?!()](?! ?[A-Za-z0-9/])|[\u4e00-\u9fff]\.")
"""Punctuation of English in a Chinese text; between two Latin letters or digits it is code, a time or an address."""


@each("room", [STAFF, "kiosk.sorting_center.catalogue"])
def test_chinese_texts_have_chinese_punctuation(room: str) -> None:
    assert {name: text for name, text in tables(room)["zh"].items() if _HALF_WIDTH.search(text)} == {}
