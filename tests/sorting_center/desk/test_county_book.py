"""The county's rows: levels, drafts, releases, and two people at once."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from kiosk.base.refused import Refused
from kiosk.sorting_center.desk.county_book import BookRow, CountyBook, rows_for
from kiosk.sorting_center.desk.desk import CenterDesk

NOW = datetime(2026, 12, 1, 8, tzinfo=UTC)
REGION = "shache"


def price(fen: int, scope: str = "") -> BookRow:
    return BookRow("price", scope, "ALMOND/purchase/", f'{{"fen_per_kg":{fen}}}')


@pytest.fixture
def book(desk: CenterDesk) -> CountyBook:
    return desk.book


def test_the_narrower_scope_holds() -> None:
    rows = [
        price(1),
        price(2, "township:Azatbagh"),
        price(3, "station:S0147"),
        BookRow("price", "", "B/purchase/", "{}"),
    ]
    for station, township, expected in (("S0147", "Azatbagh", 3), ("S0148", "Azatbagh", 2), ("S0201", "Other", 1)):
        for ordered in (rows, rows[::-1]):
            found = rows_for(ordered, station, township)["price"]
            assert found == {"ALMOND/purchase/": f'{{"fen_per_kg":{expected}}}', "B/purchase/": "{}"}
    assert rows_for([*rows, BookRow("price", "station:S0201", "B/purchase/", "")], "S0201", "") == {
        "price": {"ALMOND/purchase/": '{"fen_per_kg":1}'}
    }


def test_a_later_price_of_the_county_does_not_undo_a_township_s() -> None:
    def dated(fen: int, since: str, scope: str = "") -> BookRow:
        return BookRow("price", scope, f"ALMOND/purchase/{since}", f"{fen}")

    rows = [dated(1, ""), dated(4, "2026-12-10"), dated(2, "2026-12-05", "township:Azatbagh")]
    assert rows_for(rows, "S0201", "") == {"price": {"ALMOND/purchase/": "1", "ALMOND/purchase/2026-12-10": "4"}}
    assert rows_for(rows, "S0147", "Azatbagh") == {
        "price": {"ALMOND/purchase/": "1", "ALMOND/purchase/2026-12-05": "2", "ALMOND/purchase/2026-12-10": "2"}
    }
    hidden = BookRow("price", "station:S0148", "ALMOND/purchase/", "")
    assert rows_for([*rows, hidden], "S0148", "Azatbagh") == {}


def test_a_second_person_publishes_what_one_changed(book: CountyBook) -> None:
    draft = book.change(REGION, [price(2400)], 0, "ali", NOW)
    assert (draft.revision, draft.number) == (1, 0)
    assert book.in_force(REGION) == (0, ())
    with pytest.raises(Refused) as refused:
        book.publish(REGION, 1, "ali", "", NOW, alone_allowed=False)
    assert refused.value.code == "same_person"
    made = book.publish(REGION, 1, "guli", "week 49", NOW, alone_allowed=False)
    assert (made.number, made.changed_by, made.published_by, made.alone) == (1, "ali", "guli", False)
    assert book.in_force(REGION) == (1, (price(2400),))
    with pytest.raises(Refused) as refused:
        book.publish(REGION, book.draft(REGION).revision, "guli", "", NOW, alone_allowed=False)
    assert refused.value.code == "nothing_new"


def test_nobody_publishes_what_one_has_changed_oneself_also_not_after_somebody_else(book: CountyBook) -> None:
    member = BookRow("member", "", "M-00001", '{"short_name":"x"}')
    book.change(REGION, [price(2400)], 0, "ali", NOW)
    book.change(REGION, [price(2500, "station:S0147")], 1, "guli", NOW)
    draft = book.change(REGION, [member], 2, "turdi", NOW)
    assert draft.changed_by == "ali guli", "a member is no part of the draft"
    for who in ("ali", "guli"):
        with pytest.raises(Refused) as refused:
            book.publish(REGION, 3, who, "", NOW, alone_allowed=False)
        assert refused.value.code == "same_person"
    assert book.publish(REGION, 3, "turdi", "", NOW, alone_allowed=False).changed_by == "ali guli"
    assert book.change(REGION, [price(2600)], 4, "guli", NOW).changed_by == "guli"
    assert book.publish(REGION, 5, "ali", "", NOW, alone_allowed=False).changed_by == "guli"


def test_what_two_people_change_at_once_is_not_lost(book: CountyBook) -> None:
    book.change(REGION, [price(2400)], 0, "ali", NOW)
    for attempt in (
        lambda: book.change(REGION, [price(2500)], 0, "guli", NOW),
        lambda: book.change(REGION, (), 0, "guli", NOW, [price(2400)]),
        lambda: book.publish(REGION, 0, "guli", "", NOW, alone_allowed=True),
    ):
        with pytest.raises(Refused) as refused:
            attempt()
        assert refused.value.code == "changed_meanwhile"
    assert book.rows(REGION) == [price(2400)]


def test_people_hold_at_once_and_prices_do_not(book: CountyBook) -> None:
    person = BookRow("person", "station:S0147", "01", '{"name":"Ali","role":"clerk"}')
    book.change(REGION, [price(1), person], 0, "ali", NOW)
    assert book.in_force(REGION) == (1, (person,))
    book.change(REGION, (), 1, "ali", NOW, [person])
    assert book.in_force(REGION) == (2, ())


def test_an_import_replaces_all_rows_of_its_kinds_and_no_other(book: CountyBook) -> None:
    member = BookRow("member", "", "M-00001", "{}")
    book.change(REGION, [price(1), price(2, "station:S0147"), member], 0, "ali", NOW)
    book.replace(REGION, ["price"], [price(3)], 1, "ali", NOW)
    assert book.rows(REGION) == [member, price(3)]
    assert book.rows("elsewhere") == []


def test_the_history_keeps_each_release(book: CountyBook) -> None:
    for fen in (1, 2, 3):
        draft = book.change(REGION, [price(fen)], book.draft(REGION).revision, "ali", NOW)
        book.publish(REGION, draft.revision, "ali", f"week {fen}", NOW, alone_allowed=True)
    assert [(row.number, row.note, row.alone) for row in book.releases(REGION)] == [
        (3, "week 3", True),
        (2, "week 2", True),
        (1, "week 1", True),
    ]
    assert book.released(REGION, 2) == (price(2),)
    assert book.released(REGION) == (price(3),)
