"""What must hold for the pages' own files: templates, style sheets and scripts of the station."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from kiosk.texts import load
from kiosk.web.shared.signs import known_drawings

ROOT = Path(__file__).resolve().parent.parent
FACES = frozenset(
    {"counter", "listing", "technician", "setup", "mat", "bags", "advice", "intakes", "door", "unconfirmed"}
    | {"slip", "brought"}
)
"""Style sheets that are loaded on one face alone, or by one page: they are not in the weight of the public one."""
PUBLIC_BYTES, SHEET_BYTES, SCRIPT_LINES = 28_000, 22_000, 150
WORDS = {"about.html": frozenset({"About", "this", "station"})}
"""Words that a template may hold itself, besides kg."""
BLOCKS = ("name", "here", "follow")
"""Blocks that hold words for the program, not for people."""
TEXTS_AT_LEAST, DRAWINGS_AT_LEAST = 80, 15
"""As many are named in all: less, and this looks past them."""

ELSEWHERE = re.compile(r"(https?:)?//[a-z0-9.-]+\.[a-z]{2,}|@import")
INLINE = re.compile(r"\sstyle=|\son[a-z]+=|<style|javascript:|\|\s*safe|autoescape")
SIDE = re.compile(r"\b(left|right)\b")
PHYSICAL = re.compile(r"(?<![-\w])(width|height|margin-top|margin-bottom|padding-top|padding-bottom|top|bottom)\s*:")
DECIDES = re.compile(r"innerHTML|eval\(|document\.write|localStorage|sessionStorage|toFixed|Intl\.|toLocale")
FORMATS = re.compile(r"\|\s*(round|format|int|float|filesizeformat)\b|%\s*\(")
FIGURE = re.compile(r"_g\b|_fen\b|fen_per_kg|\.price\(")
FILTER = re.compile(r"\|\s*(kg\(decimals\)|money\b|price\b)")
TEXT_ID = re.compile(r"""(?:both|one|live_hint)\(\s*["']([a-z]+(?:\.[a-z_]+)+)["']\s*[,)]""")
DRAWING = re.compile(r"""(?:pic|drawing)\(\s*["']([a-z-]+)["']""")


def problems(web: Path) -> Iterator[str]:
    """Every breach in the folder of the station's pages, with the file's name."""
    templates = _read(web.glob("templates/**/*.html"), web)
    styles = _read(web.glob("static/css/*.css"), web)
    scripts = _read(web.glob("static/js/*.js"), web)
    for name, text in {**templates, **styles, **scripts}.items():
        if found := ELSEWHERE.search(text):
            yield f"{name}: {found[0]!r} comes from elsewhere"
    for name, text in templates.items():
        yield from (f"{name}: {what}" for what in [*_inline(text), *_bare(Path(name).name, text)])
    for name, text in styles.items():
        yield from (f"{name}: {what}" for what in _style(Path(name).stem, text))
    if sum(len(text.encode()) for name, text in styles.items() if Path(name).stem not in FACES) >= PUBLIC_BYTES:
        yield f"the style sheets of the public face have {PUBLIC_BYTES} bytes or more"
    for name, text in scripts.items():
        yield from (f"{name}: {what}" for what in _script(text))


def missing(web: Path) -> Iterator[str]:
    """Texts and drawings that a template names and that are not there."""
    text = "\n".join(_read(web.glob("templates/**/*.html"), web).values())
    texts, drawings = set(TEXT_ID.findall(text)), set(DRAWING.findall(text)) - {"state-"}
    if len(texts) <= TEXTS_AT_LEAST or len(drawings) <= DRAWINGS_AT_LEAST:
        yield f"only {len(texts)} texts and {len(drawings)} drawings are named by templates"
    for language in ("ug", "zh", "en"):
        catalog = load(language)
        yield from (f"no text {text_id} in {language}" for text_id in sorted(texts) if text_id not in catalog)
    yield from (f"no drawing {name}" for name in sorted(drawings - known_drawings()))


def _read(paths: Iterable[Path], web: Path) -> dict[str, str]:
    return {path.relative_to(web).as_posix(): path.read_text(encoding="utf-8") for path in sorted(paths)}


def _inline(text: str) -> Iterator[str]:
    if found := INLINE.search(text):
        yield f"{found[0].strip()!r}: no inline script, style or handler"
    if not all("src=" in tag for tag in re.findall(r"<script[^>]*>", text)):
        yield "a script without a file"


def _bare(name: str, text: str) -> Iterator[str]:
    """Words and numbers reach a page through the catalogs and the filters."""
    if found := FORMATS.search(text):
        yield f"{found[0]!r} formats a number"
    for expression in re.findall(r"\{\{(.*?)\}\}", text, flags=re.S):
        if FIGURE.search(expression) and not FILTER.search(expression):
            yield f"{expression.strip()!r} is a figure without its filter"
    text = re.sub(rf"\{{% block ({'|'.join(BLOCKS)}) %\}}.*?\{{% endblock %\}}", " ", text, flags=re.S)
    bare = re.sub(r"\{%.*?%\}|\{\{.*?\}\}|<svg.*?</svg>|<[^>]*>|<!doctype html>", " ", text, flags=re.S)
    words = set(re.findall(r"[^\W\d_]{2,}", bare)) - {"kg"} - WORDS.get(name, frozenset())
    if words:
        yield f"words that are in no catalog: {', '.join(sorted(words))}"


def _style(name: str, text: str) -> Iterator[str]:
    """Logical properties only: every page is mirrored for Uyghur."""
    rules = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    for found in (SIDE.search(rules), PHYSICAL.search(rules)):
        if found:
            yield f"{found[0]!r} has a side"
    if len(text.encode()) >= SHEET_BYTES:
        yield f"{SHEET_BYTES} bytes or more"
    layer = "counter" if name in ("listing", "technician") else name
    if f"@layer {layer} {{" not in text:
        yield f"is not in the layer {layer}"


def _script(text: str) -> Iterator[str]:
    if len(text.splitlines()) >= SCRIPT_LINES:
        yield f"{SCRIPT_LINES} lines or more"
    if found := DECIDES.search(text):
        yield f"{found[0]!r}: a script decides nothing and keeps nothing"


def main() -> int:
    """Print breaches; 1 when there is one."""
    web = ROOT / "kiosk" / "web"
    found = [*problems(web), *missing(web)]
    for line in found:
        print(line, file=sys.stderr)
    print(f"sources of the pages: {len(list(web.glob('templates/**/*.html')))} templates")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
