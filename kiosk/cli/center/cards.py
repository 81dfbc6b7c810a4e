"""Member cards on sheets for an office printer, with cut lines.

Runs as a separate process (`main`) for the pages of the county, whose own processes load no drawing libraries.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec
from fpdf import FPDF

from kiosk.labels.papers.tags import MemberCard, render_member_card
from kiosk.protocols.printers.page_setup import PrintHead
from kiosk.sorting_center.configuration.members import CardTask
from kiosk.sorting_center.shared.child_process import NICENESS, open_stdin, read_task

_WIDTH_MM, _HEIGHT_MM = 86.0, 54.0
_COLUMNS, _ROWS = 2, 5
_LEFT_MM: Final = (210.0 - _COLUMNS * _WIDTH_MM) / 2
_TOP_MM: Final = (297.0 - _ROWS * _HEIGHT_MM) / 2
_HEAD: Final = PrintHead(300, 1248)

_decode_task: Final = msgspec.json.Decoder(CardTask).decode


def cards_pdf(members: Sequence[tuple[str, str]], county: str, date: str) -> bytes:
    """Draw ten cards per A4 sheet. ``members``: number and code of each card. Raises FontProblem."""
    pdf = FPDF(unit="mm", format="A4")
    pdf.set_auto_page_break(False)
    pdf.set_title("Cards of members")
    pdf.set_creation_date(datetime(2026, 1, 1, tzinfo=UTC))
    for first in range(0, len(members), _COLUMNS * _ROWS):
        pdf.add_page()
        for at, (number, code) in enumerate(members[first : first + _COLUMNS * _ROWS]):
            place = _LEFT_MM + at % _COLUMNS * _WIDTH_MM, _TOP_MM + at // _COLUMNS * _HEIGHT_MM
            card = render_member_card(MemberCard(number, code, station="", date=date, zone="", county=county), _HEAD)
            pdf.image(card.to_image(), *place, _WIDTH_MM, _HEIGHT_MM)
            pdf.set_draw_color(170)
            pdf.rect(*place, _WIDTH_MM, _HEIGHT_MM)
    return bytes(pdf.output())


def main() -> int:
    """Read the task from standard input, and write the PDF to standard output."""
    os.nice(NICENESS)
    task = _decode_task(read_task(open_stdin()))
    sys.stdout.buffer.write(cards_pdf(task.members, task.county, task.date))
    sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
