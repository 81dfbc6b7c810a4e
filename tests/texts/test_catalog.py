"""The catalogs as they are shipped, and what a caller gets from them."""

from __future__ import annotations

import logging
import re
from importlib.resources import files
from pathlib import Path

import pytest

from kiosk.domain.metrology.pan import NotBookableReason, PanState
from kiosk.domain.trade import Mode
from kiosk.texts import LANGUAGES, MissingText, Texts, load, needs_review
from kiosk.texts.catalog import FROM_TERMS, DamagedCatalog, catalog, parse_catalog
from kiosk.texts.languages import plural_index

INTAKE_REFUSALS = {"tare_too_heavy", "too_many_bags", "load_already_counted", "nothing_weighed"}


def test_three_languages_with_their_own_names_and_directions() -> None:
    assert [(row.code, row.own_name, row.direction) for row in LANGUAGES.values()] == [
        ("ug", "ئۇيغۇرچە", "rtl"),
        ("zh", "中文", "ltr"),
        ("en", "English", "ltr"),
    ]


def sources(lang: str) -> list[str]:
    folder = files("kiosk.texts").joinpath("catalogs", lang)
    return [part.read_text(encoding="utf-8") for part in sorted(folder.iterdir(), key=lambda part: part.name)]


def test_every_word_of_the_domain_has_a_sentence(subtests: pytest.Subtests) -> None:
    for lang in LANGUAGES:
        with subtests.test(lang=lang):
            texts = load(lang, strict=True)
            wanted = [f"weight.{state}" for state in PanState]
            wanted += [f"reason.{why}" for why in INTAKE_REFUSALS.union(NotBookableReason)]
            wanted += [f"mode.{mode}" for mode in Mode]
            assert [text_id for text_id in wanted if text_id not in texts] == []


def test_what_can_be_confused_is_said_differently(subtests: pytest.Subtests) -> None:
    for lang in LANGUAGES:
        with subtests.test(lang=lang):
            texts = load(lang, strict=True)
            for group in ("weight.", "reason.", "mode.", "party."):
                said = [texts.text(text_id) for text_id in catalog(lang) if text_id.startswith(group)]
                assert len(set(said)) == len(said)


def test_counting(subtests: pytest.Subtests) -> None:
    for lang, n, said in [
        ("en", 1, "1 bag"),
        ("en", 0, "0 bags"),
        ("en", 2, "2 bags"),
        ("zh", 1, "1 袋"),
        ("zh", 7, "7 袋"),
        ("ug", 1, "1 خالتا"),
        ("ug", 7, "7 خالتا"),
    ]:
        with subtests.test(lang=lang, n=n, said=said):
            assert load(lang, strict=True).text("count.bags", n=n) == said


def test_the_plural_rule_in_each_file_is_the_one_of_the_program(subtests: pytest.Subtests) -> None:
    for lang in LANGUAGES:
        with subtests.test(lang=lang):
            rule = {1: "nplurals=1; plural=0;", 2: "nplurals=2; plural=(n != 1);"}[LANGUAGES[lang].plural_forms]
            for source in sources(lang):
                assert f'"Plural-Forms: {rule}\\n"' in source
                assert f'"Language: {lang}\\n"' in source


def test_a_noun_after_a_number_has_one_form_in_uyghur() -> None:
    assert {plural_index(LANGUAGES["ug"], n) for n in range(120)} == {0}


def test_a_value_is_never_read_as_a_placeholder() -> None:
    assert load("en", strict=True).text("agree.bag", n="{n}{lang.__class__}") == "Bag {n}{lang.__class__}"


def test_strict_raises_for_a_missing_text_and_a_missing_value() -> None:
    texts = load("ug", strict=True)
    with pytest.raises(MissingText, match="no text 'who"):
        texts.text("who.nobody")
    with pytest.raises(MissingText, match="needs a value for 'n'"):
        texts.text("agree.bag")
    with pytest.raises(KeyError):
        load("fr")


def test_in_production_a_missing_text_is_english_and_is_logged_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    texts = Texts(LANGUAGES["ug"])
    without = {text_id: entry for text_id, entry in catalog("ug").items() if text_id != "who.question"}
    monkeypatch.setattr(texts, "_entries", without)
    with caplog.at_level(logging.WARNING):
        said = [texts.text("who.question") for _ in range(3)]
    assert said == ["Scan your member card"] * 3
    assert [record.getMessage() for record in caplog.records] == ["there is no text 'who.question' in ug"]


def test_in_production_nothing_unknown_stops_a_page_or_fills_the_log(caplog: pytest.LogCaptureFixture) -> None:
    texts = Texts(LANGUAGES["zh"])
    with caplog.at_level(logging.WARNING):
        assert texts.text("reason.<b>") == "reason.<b>"
        assert texts.text("agree.bag") == "第 – 袋"
        for n in range(1000):
            texts.text(f"reason.{n}")
    assert len(caplog.records) == 200


def test_what_waits_for_review_is_what_the_file_says() -> None:
    waiting = needs_review("ug")
    source = "".join(sources("ug"))
    assert len(waiting) == source.count("\n# needs review\n")
    assert waiting == sorted(waiting)
    assert not [text_id for text_id in waiting if FROM_TERMS in catalog("ug")[text_id].comments]
    assert needs_review("zh") == needs_review("en") == []
    assert needs_review("ug", "kiosk.sorting_center.storefront")


def test_an_entry_without_text_is_a_missing_one() -> None:
    assert parse_catalog(b'msgid ""\nmsgstr ""\n\nmsgid "a.b"\nmsgstr ""\n\nmsgid "a.c"\nmsgstr "x"\n').keys() == {
        "a.c"
    }


def test_a_damaged_catalog_is_refused(subtests: pytest.Subtests) -> None:
    for source in [
        b"garbage\n",
        b'msgid "a"\nmsgid "b"\nmsgstr "x"\n',
        b'msgid "\xff"\nmsgstr "x"\n',
        b'msgid "a.b"\nmsgstr "x"\nms',
    ]:
        with subtests.test(source=source), pytest.raises(DamagedCatalog):
            parse_catalog(source)


def test_a_damaged_catalog_file_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "catalogs" / "ug").mkdir(parents=True)
    (tmp_path / "catalogs" / "ug" / "public.po").write_bytes(b"garbage")
    monkeypatch.setattr("kiosk.texts.catalog.files", lambda _: tmp_path)
    with pytest.raises(DamagedCatalog, match=r"ug/public\.po .* install the program again"):
        catalog.__wrapped__("ug")
    with pytest.raises(DamagedCatalog, match=r"zh/"):
        catalog.__wrapped__("zh")


def test_an_id_in_two_files_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "catalogs" / "ug"
    folder.mkdir(parents=True)
    for name in ("a.po", "b.po"):
        (folder / name).write_text('msgid ""\nmsgstr ""\n\nmsgid "a.b"\nmsgstr "x"\n')
    monkeypatch.setattr("kiosk.texts.catalog.files", lambda _: tmp_path)
    with pytest.raises(DamagedCatalog, match=r"ug/b\.po give a\.b again"):
        catalog.__wrapped__("ug")


def test_no_id_is_in_a_file_twice_and_none_is_left_empty_or_fuzzy(subtests: pytest.Subtests) -> None:
    for lang in LANGUAGES:
        with subtests.test(lang=lang):
            source = "".join(sources(lang))
            ids = re.findall(r'^msgid "(.+)"$', source, re.MULTILINE)
            assert sorted(ids) == sorted(catalog(lang))
            assert "fuzzy" not in source
