"""The table of channels that people read is the one that is kept to."""

from __future__ import annotations

from tests.photo.channels.page import PAGE, made


def test_the_table_in_the_documents_is_made_from_the_rules() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == made(page), "python -m tests.photo.channels.page"
