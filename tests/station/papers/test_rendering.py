"""From a queued job to the printer's bytes, judged by simulated printers that know nothing of the station."""

from __future__ import annotations

import zlib
from base64 import b64decode
from dataclasses import replace

import msgspec
import pytest
from PIL import Image

from kiosk.devices.printer.profiles import profile
from kiosk.domain.catalog import Catalog, Container, Names, Product
from kiosk.labels.layout import Layouts, parse_label, shipped_text
from kiosk.protocols.barcodes import reader
from kiosk.protocols.barcodes.goods_codes import CodesSettings
from kiosk.simulators.printer.escpos import EscposInterpreter
from kiosk.simulators.printer.model import LABEL_PRINTER, RECEIPT_PRINTER, PrintedPage
from kiosk.simulators.printer.tspl import TsplInterpreter
from kiosk.station.papers.papers import make_papers
from kiosk.station.papers.rendering import paper_of, render
from kiosk.store.shared.records import NewPaper, PrintJob
from tests.station.fakes import STAMP
from tests.station.papers.test_papers import HEAD, HOSTILE, SETTINGS, agreed

CONFIRMED = agreed(12_450)
CODES = [CONFIRMED.lot, CONFIRMED.intake.receipt.bag_code(1)]


def jobs(name: str = "بادام") -> list[PrintJob]:
    names = Names(name, name, name)
    catalog = Catalog((Product("BADAM", names, "badam"),), (), (Container("SACK", names, 160, "sack"),), ())
    made = make_papers(SETTINGS, CodesSettings(), CONFIRMED, catalog, STAMP)(HEAD)
    return [queued(number, job) for number, job in enumerate(made, 1)]


def queued(number: int, job: NewPaper) -> PrintJob:
    return PrintJob(number, "0147-A-000381", job.document, job.printer, job.bag, job.body, "queued", 0, 0)


def rendered(job: PrintJob, language: str) -> bytes:
    return render(job, profile(language).setup).data


def drawn(data: bytes, language: str) -> Image.Image:
    interpreter = TsplInterpreter(LABEL_PRINTER) if language == "tspl" else EscposInterpreter(RECEIPT_PRINTER)
    pages = [event.image for event in [*interpreter.feed(data), *interpreter.end()] if isinstance(event, PrintedPage)]
    assert len(pages) == 1, "one job is one sheet, whatever the names say"
    return pages[0]


def codes(image: Image.Image) -> list[str]:
    return sorted((symbol.text for symbol in reader.read(image.convert("L"))), reverse=True)


def test_a_label_and_a_receipt_carry_their_codes() -> None:
    label, receipt = jobs()
    assert codes(drawn(rendered(label, "tspl"), "tspl")) == CODES
    assert CONFIRMED.intake.receipt.code in codes(drawn(rendered(receipt, "escpos"), "escpos"))


def test_the_same_label_in_zpl_is_the_same_picture() -> None:
    label, _ = jobs()
    data = rendered(label, "zpl")
    assert (data.count(b"^XA"), data.count(b"^XZ")) == (1, 1)
    bits = zlib.decompress(b64decode(data.partition(b":Z64:")[2].partition(b":")[0]))
    image = drawn(rendered(label, "tspl"), "tspl").convert("1")
    dark = sum(byte.bit_count() for byte in bits)
    assert dark == image.histogram()[0]


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_can_give_the_printer_an_order(name: str) -> None:
    label, receipt = jobs(name)
    assert codes(drawn(rendered(label, "tspl"), "tspl")) == CODES
    assert CONFIRMED.intake.receipt.code in codes(drawn(rendered(receipt, "escpos"), "escpos"))
    assert rendered(label, "zpl").count(b"^X") == 2


def test_what_became_of_a_paper_stands_on_it() -> None:
    """Also on papers that were queued before there was a number of the copy, or a void, to print."""
    label, receipt = jobs()
    for job in (label, receipt):
        assert (paper_of(job).copy, paper_of(job).copy_no) == (False, 0)
        copy = paper_of(replace(job, copy_no=3))
        assert (copy.copy, copy.copy_no) == (True, 3)
    assert (paper_of(receipt).void, paper_of(replace(receipt, void=True)).void) == (False, True)
    old = msgspec.json.decode(receipt.body)
    for young in ("head", "verified_until", "void", "copy_no"):
        del old[young]
    again = paper_of(replace(receipt, body=msgspec.json.encode(old), void=True, copy_no=1))
    assert (again.head, again.void, again.copy_no) == ("", True, 1)


def test_a_reprint_is_another_picture_because_it_says_copy() -> None:
    for job, language in zip(jobs(), ("tspl", "escpos"), strict=True):
        assert rendered(replace(job, copy_no=1), language) != rendered(job, language)


def test_what_cannot_be_drawn_says_so() -> None:
    label, _ = jobs()
    broken = msgspec.json.decode(label.body)
    for body in (
        b"",
        b"{}",
        b"[]",
        msgspec.json.encode({**broken, "net_g": -1}),
        msgspec.json.encode({**broken, "bag": 9}),
    ):
        with pytest.raises(ValueError, match=r".+"):
            rendered(replace(label, body=body), "tspl")


def test_a_label_is_drawn_by_the_layout_that_the_station_has_put_in_place_of_the_shipped_one() -> None:
    label, _ = jobs()
    own = Layouts({"bag": parse_label(shipped_text("bag_small"))})
    small = drawn(render(label, profile("tspl").setup, layouts=own).data, "tspl")
    assert (small.size, drawn(rendered(label, "tspl"), "tspl").size) == ((320, 240), (480, 320))
