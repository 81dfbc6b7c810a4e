"""Rows that stand on every strip of paper: who it is from, captions in three languages, figures, dates."""

from __future__ import annotations

from kiosk.labels.flow import Cell, Strip
from kiosk.labels.paper_texts import PaperText, paper_text
from kiosk.labels.typesetting.shaping import clean, isolate, isolate_name
from kiosk.labels.typesetting.typeset import Align
from kiosk.texts.formats import utc_offset


def place(village: str, county: str) -> str:
    """Village and county; each keeps its own direction. "" when the settings name neither."""
    return " · ".join(isolate_name(name) for name in map(clean, (village, county)) if name)


def day_and_place(date: str | None, village: str, county: str) -> str:
    """One line of a label: when and where, or in three languages that the date was not set."""
    return (
        " · ".join(filter(None, (clean(date), place(village, county))))
        if date
        else paper_text("date_not_set").caption()
    )


def heading(strip: Strip, station: str, village: str, county: str) -> None:
    """The name of the station, its number, its village and county."""
    name = paper_text("heading")
    strip.gap()
    strip.row(Cell(name.ug, "title", rtl=True, align=Align.CENTER))
    strip.row(Cell(name.zh, "title", align=Align.CENTER))
    strip.row(Cell(name.en, "small", align=Align.CENTER))
    where = " · ".join(filter(None, (isolate(clean(station)), place(village, county))))
    strip.row(Cell(where, "strong", align=Align.CENTER, lines=2))
    strip.rule()


def copy_mark(strip: Strip, copy: bool) -> None:
    """Say on a reprint that it is one."""
    if copy:
        mark(strip, paper_text("copy"))
        strip.gap(0.5)


def mark(strip: Strip, text: PaperText) -> None:
    """One line, white on black."""
    strip.banner((Cell(text.caption(), "title", align=Align.CENTER),), inverted=True)


def sentence(strip: Strip, text: PaperText) -> None:
    """A sentence in a frame, each language on its own lines."""
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
    """Chinese at the left, English in the middle, Uyghur at the right edge."""
    return (
        Cell(text.zh, style, lines=2),
        Cell(text.en, style, align=Align.CENTER, lines=2),
        Cell(text.ug, style, rtl=True, lines=2),
    )


def figure(strip: Strip, name: PaperText, text: str, style: str = "figures") -> None:
    """A caption in three languages and its figure at the right edge, the column that eyes run down."""
    strip.row(
        Cell(f"{name.zh} {name.en}", "small", share=4, lines=3),
        Cell(name.ug, "small", rtl=True, align=Align.CENTER, share=4, lines=3),
        Cell(text, style, align=Align.RIGHT, share=5),
    )


def moment(strip: Strip, date: str | None, time: str | None, zone: str, unset: str = "date_not_set") -> None:
    """Date, and time with its distance from UTC, or that the clock was not set, in the words of the key ``unset``."""
    if not date:
        strip.row(*caption(paper_text(unset), "strong"))
        return
    strip.row(*caption(paper_text("date")))
    text = f"{clean(date)} {clean(time)} {clean(utc_offset(zone, date, time))}" if time else clean(date)
    strip.row(Cell(text, "figures", align=Align.CENTER))
