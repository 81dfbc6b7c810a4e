"""The documents of the house, as the checks and the picture maker read them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PICTURES = DOCS / "pictures"


def documents() -> list[Path]:
    """Every page that a person wrote or reads: the one at the top, and all below docs/, in every language."""
    return [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]


def linked(page: Path, *, pictures: bool = False) -> Iterator[Path]:
    """Files that a page links to, or only the pictures it shows; addresses of other machines are left out."""
    mark = "!" if pictures else ""
    for target in re.findall(mark + r"\[[^]]*\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            yield (page.parent / target).resolve()


def shown() -> set[Path]:
    """Every picture that a page shows."""
    return {picture for page in documents() for picture in linked(page, pictures=True)}


def personal_data(heading: str) -> dict[str, str]:
    """Of the table below this heading: each place, and how long something about people stays there."""
    page = (DOCS / "personal-data.md").read_text(encoding="utf-8")
    section = page.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return dict(re.findall(r"^\| `(\w+)` \|[^|]*\|[^|]*\|([^|]*)\|", section, re.MULTILINE))
