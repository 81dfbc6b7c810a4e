"""Rows of every strip of paper: its issuer, captions in three languages, figures, dates."""

from __future__ import annotations

from kiosk.labels.flow import Cell, Strip
from kiosk.labels.paper_texts import PaperText, paper_text
from kiosk.labels.typesetting.shaping import clean, isolate, isolate_name
from kiosk.labels.typesetting.typeset import Align
from kiosk.texts.formats import utc_offset

_LARGE = frozenset({"number", "total"})


def place(village: str, county: str) -> str:
    """Join village and county, each in its own direction; "" when the settings name neither."""
    return " · ".join(isolate_name(name) for name in map(clean, (village, county)) if name)


def day_and_place(date: str | None, village: str, county: str) -> str:
    """Return date and place for one line of a label, or in three languages that the date was not set."""
    return (
        " · ".join(filter(None, (clean(date), place(village, county))))
        if date
        else paper_text("date_not_set").caption()
    )


def heading(strip: Strip, station: str, village: str, county: str) -> None:
    name = paper_text("heading")
    strip.gap()
    strip.row(Cell(name.ug, "title", rtl=True, align=Align.CENTER))
    strip.row(Cell(f"{name.zh} · {name.en}", "small", align=Align.CENTER, lines=2))
    where = " · ".join(filter(None, (isolate(clean(station)), place(village, county))))
    strip.row(Cell(where, "strong", align=Align.CENTER, lines=2))
    strip.rule()


def copy_text(copy: bool, number: int) -> str:
    """Return the mark of a reprint, "" on the first paper; ``number`` is 0 when copies were not counted."""
    text = paper_text("copy")
    return f"{text.zh} {text.en} {number} {text.ug}" if number else text.caption() if copy else ""


def member_text(number: str) -> str:
    return f"{paper_text('member').caption()} {isolate(clean(number))}"


def copy_mark(strip: Strip, copy: bool, number: int = 0) -> None:
    if text := copy_text(copy, number):
        strip.banner((Cell(text, "title", align=Align.CENTER),), inverted=True)
        strip.gap(0.5)


def mark(strip: Strip, text: PaperText) -> None:
    strip.banner((Cell(text.caption(), "title", align=Align.CENTER),), inverted=True)


def sentence(strip: Strip, text: PaperText) -> None:
    strip.gap(0.5)
    strip.banner(
        (
            Cell(text.ug, "strong", rtl=True, align=Align.CENTER, lines=3),
            Cell(text.zh, "strong", align=Align.CENTER, lines=2),
            Cell(text.en, "strong", align=Align.CENTER, lines=3),
        ),
        inverted=False,
    )
    strip.gap(0.5)


def caption(text: PaperText, style: str = "small") -> tuple[Cell, Cell, Cell]:
    """Put Chinese at the left, English in the middle, Uyghur at the right edge."""
    return (
        Cell(text.zh, style, lines=2),
        Cell(text.en, style, align=Align.CENTER, lines=2),
        Cell(text.ug, style, rtl=True, lines=2),
    )


def figure(strip: Strip, name: PaperText, text: str, style: str = "figures") -> None:
    """Add a caption in three languages, and its figure at the right edge, where figures form a column."""
    strip.row(
        Cell(f"{name.zh} {name.en}", "small", share=4, lines=3),
        Cell(name.ug, "small", rtl=True, align=Align.CENTER, share=4, lines=3),
        Cell(text, style, align=Align.RIGHT, share=5),
    )


def fact(strip: Strip, name: PaperText, text: str, style: str = "strong_figures") -> None:
    """Add the Uyghur name at the right edge, where its lines begin, Chinese and English, the figure at the left."""
    shares = (10, 4, 5) if style in _LARGE else (6, 4, 5)
    strip.row(
        Cell(clean(text), style, share=shares[0], lines=1 if style in _LARGE else 2),
        Cell(f"{name.zh} {name.en}", "small", align=Align.CENTER, share=shares[1], lines=3),
        Cell(name.ug, "strong_ug", rtl=True, share=shares[2], lines=2),
    )


def moment(strip: Strip, date: str | None, time: str | None, zone: str, unset: str = "date_not_set") -> None:
    """Add date, and time with its UTC offset, or the text ``unset``: the clock was not set."""
    if not date:
        strip.row(*caption(paper_text(unset), "strong"))
        return
    strip.row(*caption(paper_text("date")))
    strip.row(Cell(when(date, time, zone), "figures", align=Align.CENTER))


def when(date: str, time: str | None, zone: str) -> str:
    """Return date, and time with its UTC offset."""
    return f"{clean(date)} {clean(time)} {clean(utc_offset(zone, date, time))}" if time else clean(date)
