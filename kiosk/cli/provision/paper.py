"""The page with a station's number, its village and the code that opens its identity."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Final

import msgspec
from fpdf import FPDF
from PIL import Image, ImageOps

from kiosk.domain.paper_code import PaperCode
from kiosk.first_start.identity.format import StationIdentity
from kiosk.labels.paper_texts import PaperText
from kiosk.labels.typesetting.typeset import Align, draw, fit, styles

WIDTH_MM, HEIGHT_MM = 210.0, 148.5  # Half of A4: two of them on one sheet are still one station each, when they are cut
_MARGIN_MM: Final = 12.0
_DOTS_PER_MM: Final = 8
_BY_HAND: Final = "…" * 20


def paper_pdf(identity: StationIdentity, code: PaperCode) -> bytes:
    pdf = FPDF(unit="mm")
    pdf.set_auto_page_break(False)
    pdf.set_title(f"Station {identity.station}")
    pdf.set_creation_date(datetime(2026, 1, 1, tzinfo=UTC))
    pdf.add_page(orientation="P", format=(WIDTH_MM, HEIGHT_MM))
    top = _MARGIN_MM
    for text, height, rtl in lines_of(identity, code):
        room = (WIDTH_MM - 2 * _MARGIN_MM, height)
        pdf.image(_line(text, rtl, room), _MARGIN_MM, top, *room)
        top += height + 1.0
    return bytes(pdf.output())


def lines_of(identity: StationIdentity, code: PaperCode) -> tuple[tuple[str, float, bool], ...]:
    """Text, height in mm, whether it runs from right to left. A village that is not in the list is written by hand."""
    return (
        (identity.station, 24.0, False),
        (f"{_label('village')}: {identity.village or _BY_HAND}", 8.0, False),
        (f"{_label('county')}: {identity.region}", 8.0, False),
        ("  ".join(code.groups), 18.0, False),
        *((text, 6.0, rtl) for key in ("type", "secret", "after") for text, rtl in _languages(_texts()[key])),
    )


def _label(key: str) -> str:
    return " · ".join(text for text, _ in _languages(_texts()[key]))


def _languages(text: PaperText) -> tuple[tuple[str, bool], ...]:
    return (text.ug, True), (text.zh, False), (text.en, False)


_PREBUILT_DECODER: Final = msgspec.json.Decoder(dict[str, PaperText])


@cache
def _texts() -> dict[str, PaperText]:
    text = Path(__file__).with_name("paper_texts.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), dict[str, PaperText])


@lru_cache(maxsize=32)  # Most lines are the same on the page of every station
def _line(text: str, rtl: bool, size_mm: tuple[float, float]) -> Image.Image:
    room = round(size_mm[0] * _DOTS_PER_MM), round(size_mm[1] * _DOTS_PER_MM)
    choices = styles(round(size_mm[1] * 0.62 * _DOTS_PER_MM), round(2.2 * _DOTS_PER_MM))
    ink = draw(fit(text, room, choices, rtl), room, Align.CENTER).convert("L")
    return ImageOps.invert(ink).convert("1", dither=Image.Dither.NONE)
