"""The fixed texts of the papers, each in three languages: one table, loaded once from paper_texts.toml."""

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
        """The three on one left-to-right line, for headings beside a figure."""
        return f"{self.zh} {self.en} {self.ug}"


_PREBUILT_DECODER: Final = msgspec.json.Decoder(dict[str, PaperText])


@cache
def paper_texts() -> dict[str, PaperText]:
    """Return the table by key. Raises msgspec.ValidationError when a row is incomplete or has a strange field."""
    text = Path(__file__).with_name("paper_texts.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), dict[str, PaperText])


def paper_text(key: str) -> PaperText:
    return paper_texts()[key]
