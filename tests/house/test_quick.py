"""`make quick` takes one case of everything, by a rule."""

from __future__ import annotations

from types import ModuleType, SimpleNamespace
from typing import Any

from playwright.sync_api import expect

from tests.quick import kind_of, one_of_each
from tests.templates import translate_once


def case(node: str, *fixtures: str, **names: object) -> Any:
    """A collected case, as far as the rule looks at it."""
    module = ModuleType("some_test")
    vars(module).update(names)
    return SimpleNamespace(nodeid=node, module=module, fixturenames=list(fixtures))


def test_a_file_that_needs_nothing_is_a_kind_of_its_own() -> None:
    first, second = case("tests/store/test_a.py::test_one"), case("tests/store/test_a.py::test_two[x]")
    other = case("tests/store/test_b.py::test_one")
    assert one_of_each([first, second, other]) == [first, other]


def test_what_needs_more_is_taken_once() -> None:
    cases = [
        case("tests/web/test_browser.py::test_one", expect=expect),
        case("tests/web/counter/test_browser.py::test_one", expect=expect),
        case("tests/messaging/test_relay.py::test_one", Broker=object),
        case("tests/sorting_center/test_service.py::test_one", "broker"),
        case("tests/system/test_day.py::test_one", expect=expect),
        case("tests/system/test_walk.py::test_one"),
        case("tests/systemd/test_boot.py::test_one"),
    ]
    assert [kind_of(row) for row in cases] == ["browser"] * 2 + ["broker"] * 2 + ["system"] * 2 + ["systemd"]
    assert one_of_each(cases) == [cases[0], cases[2], cases[4], cases[6]]


def test_two_applications_translate_a_template_once(tmp_path: Any, monkeypatch: Any) -> None:
    from flask import Flask
    from jinja2 import Environment

    monkeypatch.setattr(Flask, "jinja_options", Flask.jinja_options)
    translate_once()
    translated: list[str | None] = []
    plain = Environment._generate
    monkeypatch.setattr(
        Environment, "_generate", lambda self, *a, **k: (translated.append(a[1]), plain(self, *a, **k))[1]
    )

    def page(*, trim: bool = False) -> str:
        app = Flask("pages", template_folder=str(tmp_path))
        app.jinja_env.trim_blocks = trim
        return app.jinja_env.get_template("page.html").render()

    (tmp_path / "page.html").write_text("{% if true %}\nfine{% endif %}", encoding="utf-8")
    assert (page(), page()) == ("\nfine", "\nfine")
    assert translated == ["page.html"]
    assert page(trim=True) == "fine"
    (tmp_path / "page.html").write_text("changed", encoding="utf-8")
    assert page() == "changed"
    assert len(translated) == 3
