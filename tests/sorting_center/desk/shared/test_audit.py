from __future__ import annotations

from datetime import UTC, datetime

from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.shared.audit import MAX_DETAIL, MAX_PAGE, MAX_SUBJECT, AuditAction, escaped_text

NOW = datetime(2026, 11, 27, 8, 0, tzinfo=UTC)


def test_what_was_done_is_read_newest_first_and_page_by_page(desk: CenterDesk) -> None:
    for number in range(7):
        desk.audit.record("gulnar", AuditAction.SEARCHED, f"0147-A-{number:06}", "", NOW)
    first = desk.audit.page(limit=4)
    rest = desk.audit.page(before=first[-1].id, limit=4)
    assert [row.subject[-1] for row in [*first, *rest]] == list("6543210")
    assert desk.audit.page(before=rest[-1].id) == []


def test_it_is_asked_for_by_person_and_by_act(desk: CenterDesk) -> None:
    desk.audit.record("gulnar", AuditAction.SEARCHED, "a", "", NOW)
    desk.audit.record("turdi", AuditAction.CASE_CLOSED, "b", "why", NOW)
    desk.audit.record("turdi", AuditAction.SEARCHED, "c", "", NOW)
    assert [row.subject for row in desk.audit.page(who="turdi")] == ["c", "b"]
    assert [row.subject for row in desk.audit.page(act="searched")] == ["c", "a"]
    (row,) = desk.audit.page(who="turdi", act="case_closed")
    assert (row.at, row.detail) == ("2026-11-27T08:00:00.000Z", "why")


def test_text_of_strangers_stays_harmless_and_bounded(desk: CenterDesk) -> None:
    hostile = "a\x1b[2J\u202eb\r\nc\x00\ud800"
    desk.audit.record(hostile, AuditAction.SEARCHED, hostile * 500, hostile * 500, NOW)
    (row,) = desk.audit.page()
    assert row.who == "a<U+001B>[2J<U+202E>b<U+000D><U+000A>c<U+0000><U+D800>"
    assert len(row.subject) <= MAX_SUBJECT
    assert len(row.detail) <= MAX_DETAIL
    assert row.subject.endswith("…")


def test_whole_scripts_stay_as_they_are() -> None:
    for text in ("ئۈجمە", "红枣", "x" * 10):
        assert escaped_text(text, 10) == text
    assert escaped_text("x" * 11, 10) == "x" * 9 + "…"


def test_a_page_is_bounded(desk: CenterDesk) -> None:
    for number in range(MAX_PAGE + 5):
        desk.audit.record("gulnar", AuditAction.SEARCHED, str(number), "", NOW)
    assert len(desk.audit.page(limit=10**9)) == MAX_PAGE
    assert len(desk.audit.page(limit=-5)) == 1
