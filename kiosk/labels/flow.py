"""A strip of paper that grows row by row: rows are drawn at once and put under each other at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageChops, ImageFilter

from kiosk.labels.layout import LayoutProblem, ReceiptLayout
from kiosk.labels.raster import Raster
from kiosk.labels.typesetting import glyphs, typeset
from kiosk.labels.typesetting.typeset import Align, Block, Style
from kiosk.protocols.printers.page_setup import PrintHead

_MIN_COLUMNS = 3
_OUTLINE_DOTS = 3
# Large enough to be seen from the other side of the counter; its share is that of the paper's width.
_STAMP_MM, _STAMP_SHARE, _STAMP_DEGREES, _STAMP_EVERY = 9, 0.95, 25, 1.7


@dataclass(frozen=True, slots=True)
class Cell:
    """A text in a part of a row; ``share`` is its part of the width in relation to the other cells of the row."""

    text: str
    style: str = "body"
    rtl: bool = False
    align: Align | None = None
    share: int = 1
    lines: int = 1

    @property
    def side(self) -> Align:
        """Where the cell stands: lines start at the right edge in Uyghur, at the left edge otherwise."""
        return self.align or (Align.RIGHT if self.rtl else Align.LEFT)


class Strip:
    """Collects the rows of a paper as wide as the head. Raises LayoutProblem for a head on which lines would be cut."""

    def __init__(self, layout: ReceiptLayout, head: PrintHead) -> None:
        per_mm = head.per_mm
        if head.width_dots < layout.width * per_mm:
            needed = layout.width * per_mm
            raise LayoutProblem(
                f"layout {layout.name} needs {needed} dots across, the print head has {head.width_dots}"
            )
        self.width = head.width_dots
        self._layout = layout
        self._per_mm = per_mm
        self._margin = round(layout.margin * per_mm)
        self._rows: list[Image.Image] = []
        self._texts: list[str] = []

    def row(self, *cells: Cell) -> None:
        """Add one row; it is as high as its highest cell. Cells without text keep their place."""
        self._rows.append(self._row(cells, self.width))

    def table(self, rows: Sequence[tuple[str, ...]], style: str) -> None:
        """Add rows of figures, the first column at the left edge, the others under each other to the right.

        Use the largest size in which every row fits on one line; if none is small enough, put the last column on a line
        of its own. Raises LayoutProblem when the figures cannot fit the width of the paper.
        """
        room = self.width - 2 * self._margin
        sizes = self._layout.styles[style].styles(self._per_mm)
        for size in sizes:
            widths = [
                max(typeset.width(text, size, rtl=False) for text in column) for column in zip(*rows, strict=True)
            ]
            if sum(widths) + (len(widths) - 1) * size.size // 2 <= room:
                self._rows += [self._figures(row, widths, size) for row in rows]
                return
        if len(rows[0]) < _MIN_COLUMNS:
            raise LayoutProblem(f"layout {self._layout.name}: {rows[0]!r} is wider than the paper")
        for row in rows:
            self.table((row[:-1],), style)
            self.row(Cell(row[-1], style, align=Align.RIGHT))

    def _figures(self, row: Sequence[str], widths: Sequence[int], style: Style) -> Image.Image:
        """Draw a row, with spare room after the first column, so that the last column ends at the right edge."""
        ink = self._blank(style.line_height)
        right = self.width - self._margin
        for text, width in reversed(list(zip(row[1:], widths[1:], strict=True))):
            drawn = typeset.draw(Block((text,), style, rtl=False), (width, ink.height), Align.RIGHT)
            ink.paste(1, (right - width, 0), drawn)
            right -= width + max(style.size // 2, (self.width - 2 * self._margin - sum(widths)) // len(widths))
        ink.paste(
            1, (self._margin, 0), typeset.draw(Block((row[0],), style, rtl=False), (widths[0], ink.height), Align.LEFT)
        )
        return ink

    def stamp(self, text: str) -> None:
        """Write across the paper, repeatedly, over everything added so far; figures stay readable."""
        paper = self._blank(sum(each.height for each in self._rows))
        _stack(paper, self._rows, 0, 1)
        style = Style(round(_STAMP_MM * self._per_mm), bold=True)
        size = (typeset.width(text, style, rtl=False), style.line_height)
        word = typeset.draw(Block((text,), style, rtl=False), size, Align.LEFT)
        stamp_width = round(self.width * _STAMP_SHARE)
        word = word.resize((stamp_width, word.height * stamp_width // word.width)).rotate(_STAMP_DEGREES, expand=True)
        solid = word.convert("L")
        outline = ImageChops.subtract(solid.filter(ImageFilter.MaxFilter(_OUTLINE_DOTS)), solid).convert("1")
        for top in range(word.height // 2, paper.height, round(word.height * _STAMP_EVERY)):
            paper.paste(1, ((self.width - word.width) // 2, top), outline)
        self._rows = [paper]

    def gap(self, times: float = 1.0) -> None:
        self._rows.append(self._blank(round(self._layout.gap * self._per_mm * times)))

    def rule(self) -> None:
        """Add a line across the paper with half a gap on both sides."""
        self.gap(0.5)
        line = self._blank(round(self._layout.rule * self._per_mm))
        line.paste(1, (self._margin, 0, self.width - self._margin, line.height))
        self._rows.append(line)
        self.gap(0.5)

    def banner(self, cells: Sequence[Cell], inverted: bool) -> None:
        """Add framed rows, or white on black. Raises LayoutProblem for thin white letters: the black runs together."""
        if inverted and not all(self._layout.styles[cell.style].bold for cell in cells):
            raise LayoutProblem(f"layout {self._layout.name}: what is white on black must be bold")
        border, pad = self._per_mm // 4, self._per_mm // 2
        inner = [self._row((cell,), self.width - 2 * self._margin) for cell in cells]
        height = sum(each.height for each in inner) + 2 * pad
        box = Image.new("1", (self.width - 2 * self._margin, height), 1)
        if not inverted:
            box.paste(0, (border, border, box.width - border, height - border))
        _stack(box, inner, pad, 0 if inverted else 1)
        row = self._blank(height)
        row.paste(box, (self._margin, 0))
        self._rows.append(row)

    def beside(self, symbol: Image.Image, rows: Sequence[Cell], small: Image.Image | None = None) -> None:
        """Add a symbol at the left edge with rows of text at its right, below a ``small`` symbol if there is one."""
        width = self.width - symbol.width
        texts = [self._row((cell,), width) for cell in rows]
        if small is not None:
            texts.insert(0, Image.new("1", (width, small.height), 0))
            texts[0].paste(1, ((width - small.width) // 2, 0), small)
        height = sum(each.height for each in texts)
        row = self._blank(max(symbol.height, height))
        row.paste(1, (0, (row.height - symbol.height) // 2), symbol)
        column = Image.new("1", (width, row.height), 0)
        _stack(column, texts, (row.height - height) // 2, 1)
        row.paste(1, (symbol.width, 0), column)
        self._rows.append(row)

    def picture(self, ink: Image.Image) -> None:
        """Add a symbol or drawing in the middle of the paper; both edges are cut if it is wider than the paper."""
        row = self._blank(ink.height)
        row.paste(1, ((self.width - ink.width) // 2, 0), ink)
        self._rows.append(row)

    def raster(self) -> Raster:
        """Return the whole paper. Raises LayoutProblem when it is longer than a sheet of the layout."""
        height = sum(each.height for each in self._rows)
        sheet = round(self._layout.height * self._per_mm)
        if sheet and height > sheet:
            raise LayoutProblem(f"layout {self._layout.name}: {height} dots are too long for a sheet of {sheet}")
        paper = self._blank(sheet or height)
        _stack(paper, self._rows, 0, 1)
        return Raster.from_ink(paper, glyphs.missing_glyph_warnings(self._texts))

    def _blank(self, height: int) -> Image.Image:
        return Image.new("1", (self.width, height), 0)

    def _row(self, cells: Sequence[Cell], width: int) -> Image.Image:
        room = width - 2 * self._margin
        shares = sum(cell.share for cell in cells)
        drawn: list[tuple[int, Image.Image]] = []
        left = self._margin
        for cell in cells:
            right = left + room * cell.share // shares
            drawn.append((left, self._cell(cell, right - left)))
            left = right
        row = Image.new("1", (width, max(image.height for _, image in drawn)), 0)
        for left, image in drawn:
            row.paste(1, (left, (row.height - image.height) // 2), image)
        return row

    def _cell(self, cell: Cell, width: int) -> Image.Image:
        choices = self._layout.styles[cell.style].styles(self._per_mm)
        height = cell.lines * choices[0].line_height
        self._texts.append(cell.text)
        block = typeset.fit(cell.text, (width, height), choices, cell.rtl, cell.lines)
        return typeset.draw(block, (width, block.height), cell.side)


def _stack(onto: Image.Image, rows: Sequence[Image.Image], top: int, ink: int) -> None:
    for row in rows:
        onto.paste(ink, (0, top), row)
        top += row.height
