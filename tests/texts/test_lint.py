"""The catalogs pass the lint, and the lint finds each fault it is there for."""

from __future__ import annotations

import pytest

from kiosk.texts.catalog import MessageEntry
from tests.texts.lint import faults, lint

EN = MessageEntry(("Bag {n}",), False, (), ())
ZH = MessageEntry(("第 {n} 袋",), False, (), ("Bag {n}",))
UG = MessageEntry(("{n}-خالتا",), False, ("needs review",), ("Bag {n}",))


def other(good: MessageEntry, *forms: str) -> MessageEntry:
    return MessageEntry(forms, good.counts, good.comments, good.english)


def check(en: MessageEntry = EN, zh: MessageEntry = ZH, ug: MessageEntry = UG, text_id: str = "agree.bag") -> list[str]:
    return list(faults({"en": {text_id: en}, "zh": {text_id: zh}, "ug": {text_id: ug}}))


def test_the_shipped_catalogs_have_no_fault() -> None:
    assert lint() == []


def test_three_good_entries_have_none() -> None:
    assert check() == []


def test_uyghur_faults(subtests: pytest.Subtests) -> None:
    for form, fault in [
        ("{n}-خالته", "U+0647 is not a Uyghur letter"),
        ("{n}-خالتی", "U+06CC is not a Uyghur letter"),
        ("{n}-کالتا", "U+06A9 is not a Uyghur letter"),
        ("{n}-خالتا bag", "Latin letters: bag"),
        ("{n}-халта", "Cyrillic letters"),
        ("{n} جىڭ", "the jin is no unit"),
        ("{n} جىڭى", "the jin is no unit"),
        ("{n}-خالتا ٣", "digits are 0-9"),
        ("{n}-خالتا\u200f", "no direction marks"),
        ("{n}-خالتا ", "stray white space"),
        ("خالتا", "placeholders [] are ['n']"),
        ("{n!r} {n}", "a brace that is no placeholder"),
        ("<b>{n}</b>", "no markup"),
    ]:
        with subtests.test(form=form, fault=fault):
            assert any(line.startswith("ug: agree.bag: " + fault) for line in check(ug=other(UG, form)))


def test_no_jin_in_chinese_either(subtests: pytest.Subtests) -> None:
    for form in ["{n} 斤", "{n} 公斤", "{n} Jin"]:
        with subtests.test(form=form):
            assert check(zh=other(ZH, form)) == ["zh: agree.bag: the jin is no unit of trade: kilograms and grams only"]


def test_pages_at_a_desk_may_name_a_file_in_latin_letters() -> None:
    ug = other(UG, "{n} CSV \u2066a.b\u2069")
    assert list(faults({"en": {"files": EN}, "zh": {"files": ZH}, "ug": {"files": ug}}, technical=True)) == []


def test_a_text_must_say_where_it_came_from() -> None:
    for comments in ((), ("needs review", "source: terms")):
        assert check(ug=MessageEntry(UG.forms, False, comments, UG.english)) == [
            "ug: agree.bag: one comment is due: 'needs review', 'source: terms' or 'reviewed ...'"
        ]
    assert check(ug=MessageEntry(UG.forms, False, ("reviewed A.T. 2027-01",), UG.english)) == []


def test_a_changed_english_text_is_translated_again() -> None:
    changed = check(en=other(EN, "Sack {n}"))
    assert [line.split(":")[0] for line in changed] == ["zh", "ug"]
    assert all("translate again" in line for line in changed)


def test_missing_and_surplus_ids() -> None:
    assert list(faults({"en": {"a.b": EN}, "zh": {"a.c": ZH}})) == [
        "zh: a.b: missing",
        "zh: a.c: English has no such id",
    ]


def test_plural_forms_are_counted() -> None:
    en = MessageEntry(("{n} bag", "{n} bags"), True, (), ())
    zh = MessageEntry(("{n} 袋", "{n} 袋"), True, (), en.forms)
    assert list(faults({"en": {"count.bags": en}, "zh": {"count.bags": zh}})) == ["zh: count.bags: 2 plural forms"]


def test_a_main_instruction_is_short_and_an_id_is_stable() -> None:
    long = MessageEntry(("one two three four five six seven eight nine",), False, (), ())
    assert list(faults({"en": {"who.question": long}})) == ["en: who.question: a main instruction has at most 8 words"]
    assert list(faults({"en": {"Who": EN}})) == ["en: Who: an id is words joined by dots or underscores"]
