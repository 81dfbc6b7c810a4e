"""What must hold for the files of the first start: nothing from elsewhere, nothing inline, no sides, no bare words."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from kiosk.domain.mat_measures import MatQuality
from kiosk.first_start.shared.draft import Proof
from kiosk.texts import load
from kiosk.web.first_start.pages import _FORMATS, _OWN
from kiosk.web.shared.signs import known_drawings

WEB = Path(__file__).resolve().parents[3] / "kiosk" / "web"
TEMPLATES = sorted(WEB.glob("templates/setup/*.html"))
STYLE, SCRIPT = WEB / "static/setup/setup.css", WEB / "static/setup/setup.js"
ALL = [*TEMPLATES, STYLE, SCRIPT]


def ids(path: Path) -> str:
    return path.name


@pytest.mark.parametrize("path", ALL, ids=ids)
def test_nothing_comes_from_elsewhere(path: Path) -> None:
    assert not re.search(r"(https?:)?//[a-z0-9.-]+\.[a-z]{2,}|@import", path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", TEMPLATES, ids=ids)
def test_no_inline_script_style_or_handler(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"\sstyle=|\son[a-z]+=|<style|javascript:|\|\s*safe|autoescape", text)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text))


def test_the_style_sheet_has_no_side_and_is_layered() -> None:
    text = re.sub(r"/\*.*?\*/", "", STYLE.read_text(encoding="utf-8"), flags=re.S)
    assert "@layer setup {" in text
    assert not re.search(r"\b(left|right)\b", text)
    assert not re.search(r"(?<![-\w])(width|height|margin-top|margin-bottom|padding-top|top|bottom)\s*:", text)
    assert STYLE.stat().st_size < 14_000


def test_the_script_is_short_and_decides_nothing() -> None:
    text = SCRIPT.read_text(encoding="utf-8")
    assert len(text.splitlines()) < 150
    assert not re.search(r"innerHTML|eval\(|document\.write|localStorage|sessionStorage|toFixed|Intl\.|toLocale", text)


@pytest.mark.parametrize("path", TEMPLATES, ids=ids)
def test_words_reach_a_page_through_the_catalogs(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    text = re.sub(r"\{%.*?%\}|\{\{.*?\}\}", " ", text, flags=re.S)
    bare = re.sub(r"<[^>]*>", " ", text)
    assert not re.findall(r"[^\W\d_]{2,}", bare)


def test_every_text_and_drawing_a_template_names_is_there() -> None:
    texts, drawings = set(), set()
    for path in TEMPLATES:
        text = path.read_text(encoding="utf-8")
        texts |= set(re.findall(r"""["']((?:setup|nav|weight)\.[a-z_]+(?:\.[a-z_]+)?)["']""", text))
        drawings |= set(re.findall(r"""(?:pic|drawing)\(\s*["']([a-z-]+)["']""", text))
    states = ("waiting", "working", "seen", "failed")
    tried = {f"setup.trial.{name}_{state}" for name in ("printed", "shot", "reached") for state in states}
    texts = {one for one in texts if not one.endswith("_")} | tried
    texts |= {f"setup.measure.{quality}" for quality in MatQuality} | {look.advice for look in _FORMATS.values()}
    texts |= {f"setup.proof.{proof}" for proof in get_args(Proof)}
    drawings |= {look.picture for look in _FORMATS.values()}
    assert len(texts) > 25
    for language in ("ug", "zh", "en"):
        assert [one for one in texts if one not in load(language)] == []
    assert drawings - {"state-"} <= known_drawings() | _OWN
    assert all((WEB / f"static/setup/{name}.svg").is_file() for name in _OWN)
