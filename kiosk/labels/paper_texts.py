"""The fixed texts of the papers, each in three languages: one table, loaded once from its file."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Final

import msgspec


class PaperText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One expression in the three languages; ``needs_review`` marks Uyghur that no Uyghur reader has approved."""

    ug: str
    zh: str
    en: str
    needs_review: bool = False

    def caption(self) -> str:
        """Join the three on one left-to-right line, for headings beside a figure."""
        return f"{self.zh} {self.en} {self.ug}"

    def lines(self) -> tuple[tuple[str, bool], ...]:
        """Return each line and whether it runs from right to left."""
        return (self.ug, True), (self.zh, False), (self.en, False)


_TEXTS: Final = Path(__file__).with_name("paper_texts.toml")
_PREBUILT_DECODER: Final = msgspec.json.Decoder(dict[str, PaperText])


@cache
def read_texts(file: Path) -> dict[str, PaperText]:
    """Read the table by key. Raises msgspec.ValidationError when a row is incomplete or has an unknown field."""
    return msgspec.convert(tomllib.loads(file.read_text(encoding="utf-8")), dict[str, PaperText])


def paper_texts() -> dict[str, PaperText]:
    return read_texts(_TEXTS)


def paper_text(key: str) -> PaperText:
    return paper_texts()[key]
