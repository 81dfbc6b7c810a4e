"""The sheet that travels with the totes: which ones, under which seals, how many bags or parcels in each."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from kiosk.labels import symbols
from kiosk.labels.documents import DocumentProblem, Paper, check_copy, check_weight
from kiosk.labels.flow import Cell, Strip
from kiosk.labels.layout import MIN_CODE128_MODULE_MM, LayoutProblem, ReceiptLayout, manifest_layout
from kiosk.labels.paper_texts import paper_text
from kiosk.labels.raster import Raster
from kiosk.labels.strip_parts import caption, copy_mark, fact, place, when
from kiosk.labels.typesetting.shaping import clean, isolate
from kiosk.labels.typesetting.typeset import Align
from kiosk.protocols.printers.page_setup import PrintHead
from kiosk.texts.formats import kg_text, kilograms

_BARS_MM = 9
_COLUMNS = ("tote", "seal", "items", "net")
_SHARES = (35, 28, 17, 20)  # Of the width, so that the words end above their figures


@dataclass(frozen=True, slots=True)
class ManifestRow:
    """One tote: its seal, the bags or parcels in it, their net weight in grams. Raises DocumentProblem."""

    tote: str
    seal: str
    items: int
    net_g: int = 0

    def __post_init__(self) -> None:
        check_weight("net", self.net_g)
        if self.items < 0:
            raise DocumentProblem(f"tote {self.tote}: {self.items} items are not possible")


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestDocument(Paper):
    """What goes to the sorting center in one van. ``code`` is its internal code (type M). Raises DocumentProblem.

    ``items`` and ``net_g`` are sums of all rows; ``sheet`` is the one to print where one has no room for all.
    """

    manifest: str
    code: str
    rows: tuple[ManifestRow, ...]
    items: int
    net_g: int
    time: str | None
    destination: str = ""
    carrier: str = ""
    actor: str = ""
    software: str = ""
    copy: bool = False
    copy_no: int = 0
    sheet: int = 1

    def __post_init__(self) -> None:
        check_copy(self.copy_no)
        if not self.rows:
            raise DocumentProblem("a manifest needs at least one tote")
        for name, total, due in (
            ("items", self.items, sum(row.items for row in self.rows)),
            ("net_g", self.net_g, sum(row.net_g for row in self.rows)),
        ):
            if total != due:
                raise DocumentProblem(f"{name} is {total}, but the rows add up to {due}")


def render_manifest(data: ManifestDocument, head: PrintHead) -> Raster:
    """Draw one sheet: A4 where the head prints 190 mm, 100 x 150 mm otherwise.

    Raises LayoutProblem for an unknown sheet number and for too narrow a head, SymbolTooWide or NotEncodable for a code
    that cannot be drawn, FontProblem.
    """
    layout = manifest_layout(head.width_dots / head.per_mm)
    sheets = manifest_sheets(data, head)
    if not 1 <= data.sheet <= sheets:
        raise LayoutProblem(f"there is no sheet {data.sheet} of this manifest: it has {sheets}")
    strip = Strip(layout, PrintHead(head.dpi, min(head.width_dots, layout.width * head.per_mm)))
    _top(strip, data, layout, head.per_mm)
    strip.rule()
    _rows(strip, data, layout.rows)
    strip.rule()
    weight = f" · {kg_text(data.net_g)}" if data.net_g else ""  # parcels are not weighed
    fact(strip, paper_text("total"), f"{len(data.rows)} · {data.items}{weight}", "total")
    if sheets > 1:
        fact(strip, paper_text("sheet"), f"{data.sheet}/{sheets}")
    for key, name in (("handed_over_by", data.actor), ("received_by", "")):
        fact(strip, paper_text(key), f"{name} {'_' * 12}")
    if data.software:
        strip.row(Cell(clean(data.software), "small", align=Align.CENTER))
    copy_mark(strip, data.copy, data.copy_no)
    bars = symbols.code128(data.code, (strip.width, _BARS_MM * head.per_mm), round(layout.bar_module * head.per_mm))
    strip.gap()
    strip.picture(bars)
    strip.row(Cell(clean(data.code), "strong_figures", align=Align.CENTER))
    return strip.raster()


def manifest_sheets(data: ManifestDocument, head: PrintHead) -> int:
    return ceil(len(data.rows) / manifest_layout(head.width_dots / head.per_mm).rows)


def _top(strip: Strip, data: ManifestDocument, layout: ReceiptLayout, per_mm: int) -> None:
    name = paper_text("manifest")
    side = round(layout.symbol * per_mm)
    where = " · ".join(filter(None, (isolate(clean(data.station)), place(data.village, data.county))))
    strip.gap()
    strip.beside(
        symbols.square("manifest", data.code, side, round(MIN_CODE128_MODULE_MM * per_mm)),
        (
            Cell(name.ug, "title", rtl=True),
            Cell(f"{name.zh} {name.en}", "strong", align=Align.RIGHT),
            Cell(where, "strong", align=Align.RIGHT),
        ),
    )
    fact(strip, paper_text("manifest"), data.manifest, "number")
    if data.date:
        fact(strip, paper_text("date"), when(data.date, data.time, data.zone))
    else:
        strip.row(*caption(paper_text("date_not_set"), "strong"))
    for key, text in (("destination", data.destination), ("carrier", data.carrier)):
        if text:
            fact(strip, paper_text(key), text, "strong")


def _rows(strip: Strip, data: ManifestDocument, room: int) -> None:
    first = (data.sheet - 1) * room
    shown = data.rows[first : first + room]
    names = [paper_text(key) for key in _COLUMNS]
    sides = (Align.LEFT, *[Align.RIGHT] * 3)
    places = list(zip(names, sides, _SHARES, strict=True))
    strip.row(*(Cell(text.ug, "body", rtl=True, align=side, share=share) for text, side, share in places))
    strip.row(*(Cell(f"{text.zh} {text.en}", "small", align=side, share=share) for text, side, share in places))
    strip.table(
        [
            (
                f"{number}  {clean(row.tote)}",
                clean(row.seal),
                str(row.items),
                kilograms(row.net_g) if row.net_g else "–",
            )
            for number, row in enumerate(shown, first + 1)
        ],
        "bag",
    )
