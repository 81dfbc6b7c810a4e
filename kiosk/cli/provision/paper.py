"""The page with a station's number, its village and the code that opens its identity."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Final

from PIL import Image, ImageOps

from kiosk.cli.shared.pdf import new_pdf, text_picture
from kiosk.domain.paper_code import PaperCode
from kiosk.first_start.identity.format import StationIdentity
from kiosk.labels.paper_texts import read_texts

WIDTH_MM, HEIGHT_MM = 210.0, 148.5  # Half of A4: two of them on one sheet are still one station each, when they are cut
_MARGIN_MM: Final = 12.0
_DOTS_PER_MM: Final = 8
_TEXTS: Final = Path(__file__).with_name("paper_texts.toml")
_BY_HAND: Final = "…" * 20


def paper_pdf(identity: StationIdentity, code: PaperCode) -> bytes:
    pdf = new_pdf(f"Station {identity.station}")
    pdf.add_page(orientation="P", format=(WIDTH_MM, HEIGHT_MM))
    top = _MARGIN_MM
    for text, height, rtl in lines_of(identity, code):
        room = (WIDTH_MM - 2 * _MARGIN_MM, height)
        pdf.image(_line(text, rtl, room), _MARGIN_MM, top, *room)
        top += height + 1.0
    return bytes(pdf.output())


def lines_of(identity: StationIdentity, code: PaperCode) -> tuple[tuple[str, float, bool], ...]:
    """Return text, height in mm, and whether it is right to left. An unlisted village is written in by hand."""
    texts = read_texts(_TEXTS)
    captions = {key: " · ".join(text for text, _ in texts[key].lines()) for key in ("village", "county")}
    return (
        (identity.station, 24.0, False),
        (f"{captions['village']}: {identity.village or _BY_HAND}", 8.0, False),
        (f"{captions['county']}: {identity.region}", 8.0, False),
        ("  ".join(code.groups), 18.0, False),
        *((text, 6.0, rtl) for key in ("type", "secret", "after") for text, rtl in texts[key].lines()),
    )


@lru_cache(maxsize=32)  # Most lines are the same on the page of every station
def _line(text: str, rtl: bool, size_mm: tuple[float, float]) -> Image.Image:
    ink = text_picture(text, rtl, size_mm, _DOTS_PER_MM, (size_mm[1] * 0.62, 2.2))
    return ImageOps.invert(ink).convert("1", dither=Image.Dither.NONE)
