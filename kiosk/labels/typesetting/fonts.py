"""The fonts of the paper: where Debian puts them, and a clear word when one is missing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

from PIL import ImageFont, features

_ROOT = Path("/usr/share/fonts")


class Script(StrEnum):
    ARABIC = "arabic"
    HAN = "han"
    LATIN = "latin"


class FontProblem(RuntimeError):
    """The text names what is missing and the Debian package that brings it."""


@dataclass(frozen=True, slots=True)
class FontSource:
    """One face: its file, its index in a collection, and the Debian package that installs it."""

    path: str
    package: str
    index: int = 0


_NOTO = "truetype/noto"
_CJK = "opentype/noto"
_SIMPLIFIED_CHINESE = 2

# Rows in order of preference: the UI cut of the Arabic face is lower, so more fits on a small label.
SOURCES: dict[tuple[Script, bool], tuple[FontSource, ...]] = {
    (Script.LATIN, False): (FontSource(f"{_NOTO}/NotoSans-Regular.ttf", "fonts-noto-core"),),
    (Script.LATIN, True): (FontSource(f"{_NOTO}/NotoSans-Bold.ttf", "fonts-noto-core"),),
    (Script.ARABIC, False): (
        FontSource(f"{_NOTO}/NotoSansArabicUI-Regular.ttf", "fonts-noto-ui-core"),
        FontSource(f"{_NOTO}/NotoSansArabic-Regular.ttf", "fonts-noto-core"),
    ),
    (Script.ARABIC, True): (
        FontSource(f"{_NOTO}/NotoSansArabicUI-Bold.ttf", "fonts-noto-ui-core"),
        FontSource(f"{_NOTO}/NotoSansArabic-Bold.ttf", "fonts-noto-core"),
    ),
    (Script.HAN, False): (FontSource(f"{_CJK}/NotoSansCJK-Regular.ttc", "fonts-noto-cjk", _SIMPLIFIED_CHINESE),),
    (Script.HAN, True): (FontSource(f"{_CJK}/NotoSansCJK-Bold.ttc", "fonts-noto-cjk", _SIMPLIFIED_CHINESE),),
}


def find(script: Script, bold: bool, root: Path = _ROOT) -> tuple[Path, int]:
    """Return file and face index of the preferred installed font. Raises FontProblem."""
    rows = SOURCES[script, bold]
    for row in rows:
        if (root / row.path).is_file():
            return root / row.path, row.index
    raise FontProblem(f"the font {rows[0].path} is missing: install the Debian package {rows[0].package}")


def require_shaping() -> None:
    """Check that Uyghur letters are joined: Pillow only warns when it cannot. Raises FontProblem."""
    if not features.check("raqm"):
        raise FontProblem("Pillow cannot shape Uyghur text here: install the Debian package libfribidi0")


def require_all() -> None:
    """Check for the fonts and the library that every paper needs. Raises FontProblem."""
    for script, bold in SOURCES:
        find(script, bold)
    require_shaping()


def load(script: Script, bold: bool, size_px: int) -> ImageFont.FreeTypeFont:
    """Return the face at this em size, opened at its first use. Raises FontProblem."""
    return _load_han(bold, size_px) if script is Script.HAN else _load_small(script, bold, size_px)


@lru_cache(maxsize=48)
def _load_small(script: Script, bold: bool, size_px: int) -> ImageFont.FreeTypeFont:
    return _open(script, bold, size_px)


@lru_cache(maxsize=2)
def _load_han(bold: bool, size_px: int) -> ImageFont.FreeTypeFont:
    """Keep few sizes open: each of the Chinese face costs 1 MB, and a station has 90 MB in all."""
    return _open(Script.HAN, bold, size_px)


def _open(script: Script, bold: bool, size_px: int) -> ImageFont.FreeTypeFont:
    require_shaping()
    path, index = find(script, bold)
    return ImageFont.truetype(path, size_px, index=index, layout_engine=ImageFont.Layout.RAQM)
