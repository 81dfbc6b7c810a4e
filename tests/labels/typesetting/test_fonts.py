from __future__ import annotations

from pathlib import Path

import pytest
from PIL import features

from kiosk.labels.typesetting import fonts
from kiosk.labels.typesetting.fonts import SOURCES, FontProblem, Script, find, load

ALPHABET = "ئابپتجچخدرزژسشغفقكگڭلمنھوۇۆۈۋېىي"


def test_every_font_is_installed_here_and_opens(subtests: pytest.Subtests) -> None:
    for script in list(Script):
        for bold in [False, True]:
            with subtests.test(script=script, bold=bold):
                path, _ = find(script, bold)
                assert path.is_file()
                assert load(script, bold, 20).size == 20


def test_the_chinese_face_is_the_simplified_one() -> None:
    assert load(Script.HAN, False, 20).getname()[0] == "Noto Sans CJK SC"


def test_every_uyghur_letter_has_its_own_shape(subtests: pytest.Subtests) -> None:
    for bold in [False, True]:
        with subtests.test(bold=bold):
            font = load(Script.ARABIC, bold, 24)
            missing = bytes(font.getmask("\U000f0000", mode="1"))
            shapes = [bytes(font.getmask(letter, mode="1")) for letter in ALPHABET]
            assert missing not in shapes
            assert len(set(shapes)) == len(ALPHABET)


@pytest.mark.parametrize(("script", "bold"), list(SOURCES))
def test_a_missing_font_is_named_with_its_debian_package(script: Script, bold: bool, tmp_path: Path) -> None:
    with pytest.raises(FontProblem, match=SOURCES[script, bold][0].package):
        find(script, bold, root=tmp_path)


def test_the_second_choice_is_taken_when_the_first_is_missing(tmp_path: Path) -> None:
    second = SOURCES[Script.ARABIC, False][1]
    (tmp_path / second.path).parent.mkdir(parents=True)
    (tmp_path / second.path).touch()
    assert find(Script.ARABIC, False, root=tmp_path) == (tmp_path / second.path, 0)


def test_without_shaping_nothing_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "check", lambda name: name != "raqm")
    with pytest.raises(FontProblem, match="libfribidi0"):
        fonts.require_shaping()
