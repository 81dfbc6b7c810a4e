"""The check of the pages' own files finds each kind of breach in made-up pages, and nothing in the real ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.web_sources import PUBLIC_BYTES, ROOT, SCRIPT_LINES, SHEET_BYTES, missing, problems

SHEET = "@layer base {{ p {{ margin-inline: 1px; {} }} }}"


def pages(folder: Path, files: dict[str, str]) -> Path:
    """Pages as they should be, and some that are not."""
    fine = {
        "templates/home.html": "<!doctype html><p>{{ both('home.bring') }}</p><script src='/a.js'></script>",
        "static/css/base.css": SHEET.format(""),
        "static/js/live.js": "export const turn = 1;\n",
    }
    for name, text in {**fine, **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def test_the_real_ones_have_none() -> None:
    assert [*problems(ROOT / "kiosk" / "web"), *missing(ROOT / "kiosk" / "web")] == []


def test_pages_as_they_should_be_have_none(tmp_path: Path) -> None:
    assert list(problems(pages(tmp_path, {}))) == []


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("templates/x.html", "<img src='https://example.org/x.png'>", "comes from elsewhere"),
        ("static/css/base.css", "@import 'x.css'; " + SHEET.format(""), "comes from elsewhere"),
        ("static/js/x.js", "fetch('//example.org')", "comes from elsewhere"),
        ("templates/x.html", "<p style='color:red'></p>", "no inline script"),
        ("templates/x.html", "<p onclick='go()'></p>", "no inline script"),
        ("templates/deep/x.html", "{{ name | safe }}", "no inline script"),
        ("templates/x.html", "<script>1</script>", "a script without a file"),
        ("templates/x.html", "{{ mass | round }}", "formats a number"),
        ("templates/x.html", "{{ line.net_g }}", "is a figure without its filter"),
        ("templates/x.html", "<p>Weigh</p>", "words that are in no catalog: Weigh"),
        ("static/css/base.css", SHEET.format("float: left"), "'left' has a side"),
        ("static/css/base.css", SHEET.format("margin-top: 1px"), "has a side"),
        ("static/css/base.css", SHEET.format("width : 1px"), "has a side"),
        ("static/css/counter.css", "@layer base {}", "is not in the layer counter"),
        ("static/css/counter.css", "@layer counter {" + " " * SHEET_BYTES + "}", "bytes or more"),
        ("static/css/base.css", SHEET.format("") + " " * (SHEET_BYTES - 100), "the public face"),
        ("static/js/x.js", "1;\n" * SCRIPT_LINES, "lines or more"),
        ("static/js/x.js", "place.innerHTML = word", "decides nothing"),
        ("static/js/x.js", "mass.toFixed(3)", "decides nothing"),
    ],
)
def test_a_breach_is_named_with_its_file(tmp_path: Path, name: str, text: str, told: str) -> None:
    more = (
        {"static/css/more.css": "@layer more {" + " " * (PUBLIC_BYTES - SHEET_BYTES + 200) + "}"}
        if "face" in told
        else {}
    )
    (only,) = problems(pages(tmp_path, {name: text, **more}))
    assert told in only
    assert only.startswith(f"{name}: ") or more


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("templates/x.html", "{{ line.net_g | kg(decimals) }} kg"),
        ("templates/about.html", "<p>About this station</p>"),
        ("templates/x.html", "{% block name %}home{% endblock %}"),
        ("static/css/base.css", "/* left */ " + SHEET.format("border-width: 1px; min-width: 1px")),
        ("static/css/technician.css", "@layer counter {}"),
    ],
)
def test_what_is_allowed(tmp_path: Path, name: str, text: str) -> None:
    assert list(problems(pages(tmp_path, {name: text}))) == []


def test_what_a_template_names_must_be_there(tmp_path: Path) -> None:
    known = "".join(f"{{{{ both('no.text_{letter}') }}}}" for letter in "abcdefghijklmnopqrstuvwxyz")
    found = list(missing(pages(tmp_path, {"templates/x.html": known + "{{ pic('no-drawing') }}"})))
    assert found[0] == "only 27 texts and 1 drawings are named by templates"
    assert "no text no.text_a in ug" in found
    assert found[-1] == "no drawing no-drawing"
