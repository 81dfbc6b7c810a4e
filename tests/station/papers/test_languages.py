"""The station's papers in every printer language: the text is in the dots and nowhere else, and the dots are right."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import fields, replace
from functools import cache
from typing import Any

import msgspec
import zplkit
from hypothesis import given, settings
from hypothesis import strategies as st
from zplkit.rendering import Limits

from kiosk.devices.printer.profiles import profile, profiles
from kiosk.labels.layout import SHIPPED
from kiosk.labels.papers.bag_label import BagLabel
from kiosk.labels.papers.parcel import ParcelLabel
from kiosk.labels.raster import Raster
from kiosk.protocols.printers.languages import encode
from kiosk.protocols.printers.page_setup import PageSetup, StreamLanguage
from kiosk.simulators.printer.model import PrintedPage, PrinterModel
from kiosk.simulators.printer.simulator import INTERPRETERS
from kiosk.station.papers.papers import LABEL, RECEIPT
from kiosk.station.papers.parcel import PARCEL_LABEL
from kiosk.station.papers.rendering import DRAWINGS
from tests.depth import many
from tests.station.papers.test_papers import HOSTILE
from tests.station.papers.test_profiles import BAG, PARCEL
from tests.station.papers.test_rendering import jobs

LABELS = ("tspl", "zpl", "zpl_203_plain", "cpcl", "cpcl_203_plain")
RECEIPTS = ("escpos", "escpos_80")
PAPERS: dict[str, BagLabel | ParcelLabel | Any] = {
    LABEL: BAG,
    PARCEL_LABEL: PARCEL,
    RECEIPT: msgspec.json.decode(jobs()[1].body, type=DRAWINGS[RECEIPT].data),
}
MOST_ZPL = 5 * 1024
FULLEST_ZPL = 6_350
"""With all that a bag label can say: grade, harvest, producer, a copy's mark and a square of 80 characters."""

PICTURES: dict[str, Callable[[bytes], bytes]] = {
    "tspl": lambda data: cut_out(data, rb"BITMAP \d+,\d+,(\d+),(\d+),0,", 1),
    "zpl": lambda data: re.sub(rb"(\^GFA,\d+,\d+,\d+,)[A-Za-z0-9+/=:,!]*\^FS", rb"\1^FS", data),
    "cpcl": lambda data: cut_out(data, rb"(?:CG|EG) (\d+) (\d+) \d+ \d+ ", 2 if b"\r\nEG " in data else 1),
    "escpos": lambda data: bands_cut_out(data),
}


FULL = {
    "bag_code": "Y1B0147A00038102J",
    "producer": "M-04412",
    "grade_ug": "1-دەرىجە",
    "grade_zh": "一级",
    "grade_en": "first grade",
    "harvest": "2026-09",
    "copy_no": 12,
    "gs1": "(01)96901234567895(3103)012480(13)261125(10)0147A000381(21)02",
    "link": "https://id.example.org/01/96901234567895/10/0147A000381?13=261125&3103=012480",
}


def cut_out(data: bytes, head: bytes, each: int) -> bytes:
    """The commands without the dots, by the figures in front of them."""
    found = re.search(head, data)
    assert found is not None
    return data[: found.end()] + data[found.end() + int(found[1]) * int(found[2]) * each :]


def bands_cut_out(data: bytes) -> bytes:
    """The kinds of commands in their order: how high a receipt is depends on its words."""
    kinds, at = data[:2], 2
    while data.startswith(b"\x1dv0\x00", at):
        head = data[at : at + 8]
        at += 8 + int.from_bytes(head[4:6], "little") * int.from_bytes(head[6:8], "little")
    return kinds + data[at:]


def drawn(kind: str, paper: object, setup: PageSetup) -> Raster:
    return DRAWINGS[kind].draw(paper, setup.head, SHIPPED)


def commands(kind: str, paper: object) -> dict[str, bytes]:
    """What each printer is told, without the dots; it understands all of it and prints one sheet.

    A label is drawn once: it is as wide as its paper, not as a head.
    """
    told, raster = {}, None
    for row in RECEIPTS if kind == RECEIPT else LABELS:
        setup = profile(row).setup if kind != RECEIPT else replace(profile(row).setup, gap_mm=0)
        raster = raster if raster and kind != RECEIPT else drawn(kind, paper, setup)
        told[row] = understood(raster, row, setup)
    return told


def understood(raster: Raster, row: str, setup: PageSetup) -> bytes:
    data = encode(raster, setup)
    language: StreamLanguage = setup.language  # type: ignore[assignment]
    interpreter = INTERPRETERS[language](PrinterModel(setup.head.dpi, setup.head.width_dots, 100.0))
    pages = [event.image for event in [*interpreter.feed(data), *interpreter.end()] if isinstance(event, PrintedPage)]
    assert interpreter.unknown == [], row
    assert len(pages) == 1, row
    if language != "escpos":
        assert pages[0].tobytes() == raster.to_image().tobytes(), row
    return PICTURES[language](data)


def texts(paper: Any) -> list[str]:
    """Fields that hold words; a receipt's lines hold some, too."""
    return [one.name for one in fields(paper) if isinstance(getattr(paper, one.name), str)]


def with_text(paper: Any, name: str, text: str) -> Any:
    if name == "lines":
        return replace(paper, lines=tuple(replace(line, goods_ug=text, container_zh=text) for line in paper.lines))
    return replace(paper, **{name: text})


WHERE = [(kind, name) for kind, paper in PAPERS.items() for name in texts(paper)] + [(RECEIPT, "lines")]


@cache
def begun(kind: str) -> dict[str, bytes]:
    """What printers are told of the paper as it is."""
    return commands(kind, PAPERS[kind])


def refused_or_the_same(kind: str, name: str, text: str) -> None:
    try:
        found = commands(kind, with_text(PAPERS[kind], name, text))
    except ValueError:  # a code that no symbol can hold, a figure that does not add up: nothing is printed
        return
    assert found == begun(kind), (name, text)


@settings(max_examples=many(25, torture=1500), deadline=None)
@given(st.sampled_from(WHERE), st.text(max_size=60))
def test_no_text_in_any_field_is_ever_a_command(where: tuple[str, str], text: str) -> None:
    refused_or_the_same(*where, text)


def test_no_hostile_text_in_any_name_is_a_command() -> None:
    for number, text in enumerate((*HOSTILE, "^XA^XZ~HS\x1b!?\r\nPRINT 9\r\n\x10\x04\x01\x1bh! 0 200 200 9 9\r\n")):
        refused_or_the_same(*WHERE[number % len(WHERE)], text)
        refused_or_the_same(LABEL, "goods_zh", text)


def test_another_renderer_draws_the_same_dots_and_a_label_is_small() -> None:
    """zplkit knows pictures and places, not the settings of a machine: those are left out for it."""
    options, limits = zplkit.Options(profile="specification"), Limits(graphic_bytes=1_000_000)
    setup = profile("zpl").setup
    for number in (0, 1, 2, 8, 10, 28):
        label = replace(BAG, copy=number > 0, copy_no=number)
        assert len(encode(drawn(LABEL, label, setup), setup)) <= MOST_ZPL, number
    full = replace(BAG, **FULL)
    for changes in ({}, {"mode": "purchase", "link": ""}, {"gs1": "", "link": ""}, {"copy": False}):
        assert len(encode(drawn(LABEL, replace(full, **changes), setup), setup)) <= FULLEST_ZPL, changes
    for row in profiles().values():
        if row.language != "zpl":
            continue
        for kind, paper in ((LABEL, BAG), (LABEL, full), (PARCEL_LABEL, PARCEL)):
            raster = drawn(kind, paper, row.setup)
            data = encode(raster, row.setup)
            (label,) = zplkit.render(re.sub(rb"\^(?:M[NMD]|P[RQ])[^^]*", b"", data), options, limits=limits).labels
            seen = label.rasterize()
            assert (seen.width, seen.height) == (raster.width_dots, raster.height_dots), row.id
            assert seen.pixels == raster.to_image().convert("L").tobytes(), row.id
