"""What must hold for the files themselves: templates, style sheets and scripts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kiosk.texts import load
from kiosk.web.drawings import known_drawings

WEB = Path(__file__).resolve().parents[2] / "kiosk" / "web"
TEMPLATES = sorted(WEB.glob("templates/**/*.html"))
STYLES = sorted(WEB.glob("static/css/*.css"))
SCRIPTS = sorted(WEB.glob("static/js/*.js"))
ALL = [*TEMPLATES, *STYLES, *SCRIPTS]


def ids(path: Path) -> str:
    return path.name if path.parent.name in ("css", "js", "templates") else f"{path.parent.name}/{path.name}"


@pytest.mark.parametrize("path", ALL, ids=ids)
def test_nothing_comes_from_elsewhere(path: Path) -> None:
    assert not re.search(r"(https?:)?//[a-z0-9.-]+\.[a-z]{2,}|@import", path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", TEMPLATES, ids=ids)
def test_no_inline_script_style_or_handler(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"\sstyle=|\son[a-z]+=|<style|javascript:|\|\s*safe|autoescape", text)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text))


@pytest.mark.parametrize("path", STYLES, ids=ids)
def test_style_sheets_have_no_side(path: Path) -> None:
    """Logical properties only: every page is mirrored for Uyghur."""
    text = re.sub(r"/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.S)
    assert not re.search(r"\b(left|right)\b", text)
    assert not re.search(
        r"(?<![-\w])(width|height|margin-top|margin-bottom|padding-top|padding-bottom|top|bottom)\s*:", text
    )


def test_style_sheets_are_small_and_layered() -> None:
    faces = {"counter", "technician", "setup"}
    assert sum(path.stat().st_size for path in STYLES if path.stem not in faces) < 26_000
    assert all(path.stat().st_size < 22_000 for path in STYLES)
    for path in STYLES:
        layer = "counter" if path.stem == "technician" else path.stem
        assert f"@layer {layer} {{" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", SCRIPTS, ids=ids)
def test_scripts_are_short_and_decide_nothing(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) < 150
    assert not re.search(r"innerHTML|eval\(|document\.write|localStorage|sessionStorage|toFixed|Intl\.|toLocale", text)


@pytest.mark.parametrize("path", TEMPLATES, ids=ids)
def test_words_and_numbers_reach_a_page_through_the_catalogs_and_the_filters(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"\|\s*(round|format|int|float|filesizeformat)\b|%\s*\(", text)
    for expression in re.findall(r"\{\{(.*?)\}\}", text, flags=re.S):
        if re.search(r"_g\b|_fen\b|fen_per_kg|\.price\(", expression):
            assert re.search(r"\|\s*(kg\(decimals\)|money\b|price\b)", expression), expression
    named = {"name", "here", "follow"}  # blocks that hold words for the program, not for people
    text = re.sub(rf"\{{% block ({'|'.join(named)}) %\}}.*?\{{% endblock %\}}", " ", text, flags=re.S)
    bare = re.sub(r"\{%.*?%\}|\{\{.*?\}\}|<svg.*?</svg>|<[^>]*>|<!doctype html>", " ", text, flags=re.S)
    words = set(re.findall(r"[^\W\d_]{2,}", bare)) - {"kg"}
    allowed = {"about.html": {"About", "this", "station"}}.get(path.name, set())
    assert words <= allowed, words


def test_every_text_a_template_names_is_there() -> None:
    named = set()
    for path in TEMPLATES:
        named |= set(
            re.findall(
                r"""(?:both|one|live_hint)\(\s*["']([a-z]+(?:\.[a-z_]+)+)["']\s*[,)]""",
                path.read_text(encoding="utf-8"),
            )
        )
    assert len(named) > 80
    for language in ("ug", "zh", "en"):
        assert {text_id for text_id in named if text_id not in load(language)} == set()


def test_every_drawing_a_template_names_is_there() -> None:
    named = set()
    for path in TEMPLATES:
        named |= set(re.findall(r"""(?:pic|drawing)\(\s*["']([a-z-]+)["']""", path.read_text(encoding="utf-8")))
    assert named - {"state-"} <= known_drawings()
    assert len(named) > 15
