from __future__ import annotations

from pathlib import Path

import pytest
from jinja2 import Environment, FileSystemLoader

from kiosk.texts.templates import use_compiled_cache


class Program:
    """A program with pages, started anew: ``compiled`` are the templates it had to compile itself."""

    def __init__(self, folder: Path) -> None:
        self.compiled: list[str | None] = []
        program = self

        class Noted(Environment):
            def compile(self, source, name=None, filename=None, raw=False, defer_init=False):  # type: ignore[no-untyped-def]
                program.compiled.append(name)
                return super().compile(source, name, filename, raw, defer_init)  # type: ignore[call-overload]

        self.pages = Noted(loader=FileSystemLoader(folder / "templates"), trim_blocks=True)
        use_compiled_cache(self.pages, str(folder))

    def says(self, name: str) -> str:
        return self.pages.get_template(name).render()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for place in ("a", "b"):
        (tmp_path / "templates" / place).mkdir(parents=True)
        (tmp_path / "templates" / place / "page.html").write_text(f"{place} {{{{ 1 + 1 }}}}", encoding="utf-8")
    return tmp_path


def test_what_one_program_compiled_the_next_one_finds(folder: Path) -> None:
    for compiled in (["a/page.html", "b/page.html"], []):
        program = Program(folder)
        assert (program.says("a/page.html"), program.says("b/page.html")) == ("a 2", "b 2")
        assert program.compiled == compiled
        assert sorted(program.pages.list_templates()) == ["a/page.html", "b/page.html"]
    (folder / "templates/a/page.html").write_text("new", encoding="utf-8")
    changed = Program(folder)
    assert (changed.says("a/page.html"), changed.says("b/page.html")) == ("new", "b 2")
    assert changed.compiled == ["a/page.html"]
    other_blanks = Program(folder)
    other_blanks.pages.trim_blocks = False
    use_compiled_cache(other_blanks.pages, str(folder))
    assert other_blanks.says("b/page.html") == "b 2"
    assert other_blanks.compiled == ["b/page.html"]


def test_what_is_damaged_or_cannot_be_written_is_compiled_anew(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Program(folder).says("a/page.html")
    (kept,) = (folder / "__pycache__").iterdir()
    whole = kept.read_bytes()
    for damaged in (b"", whole[:20], whole[:-1], whole[:60] + bytes(len(whole) - 60)):
        kept.write_bytes(damaged)
        program = Program(folder)
        assert program.says("a/page.html") == "a 2"
        assert program.compiled == ["a/page.html"]
        assert kept.read_bytes() == whole
    kept.unlink()
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    assert Program(folder).says("a/page.html") == "a 2"
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    (folder / "__pycache__").rmdir()
    (folder / "__pycache__").write_text("in the way", encoding="utf-8")  # root could write on a folder of no rights
    assert Program(folder).says("a/page.html") == "a 2"
