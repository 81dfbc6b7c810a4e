"""Every printer of the table prints the station's papers, and a ruler is laid on what comes out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from math import gcd
from pathlib import Path

import msgspec
import zxingcpp
from PIL import Image

from kiosk.devices.printer.profiles import PrinterProfile, profiles
from kiosk.devices.printer.stream import TcpPrinter
from kiosk.domain.parcel import slot_code
from kiosk.labels.layout import LabelLayout, receipt_layout, shipped_layout
from kiosk.labels.papers.bag_label import BagLabel
from kiosk.labels.papers.parcel import ParcelLabel
from kiosk.simulators.printer.model import PrinterModel
from kiosk.simulators.printer.simulator import PrinterSimulator
from kiosk.station.papers.papers import LABEL, RECEIPT
from kiosk.station.papers.parcel import PARCEL_LABEL
from kiosk.station.papers.rendering import render
from kiosk.store.shared.records import PrintJob
from tests.station.papers.test_rendering import jobs

DEADLINE_S = 60.0
DOT_MM = 0.125
"""The pitch of the coarser head: nothing can be more alike than that."""

SPEED_MM_S = 300.0
BAG = BagLabel(
    goods_ug="بادام 1-دەرىجە",
    goods_zh="巴旦木",
    goods_en="Badam almonds",
    net_g=12_480,
    date="2026-11-25",
    zone="Asia/Urumqi",
    lot_code="Y1L0147A000381K",
    receipt="0147-A-000381",
    station="S0147",
    bag=2,
    bags=3,
    mode="consignment",
    copy=True,
    not_for_trade=True,
    village="英艾日克村",
    county="莎车县",
)
PARCEL = ParcelLabel(
    "A-3-17",
    "P-0147-A-000012",
    "YTO",
    "4821",
    slot_code("A-3-17"),
    station="S0147",
    date="2026-11-25",
    zone="Asia/Urumqi",
)
Measures = dict[str, float]


def job(document: str, body: object) -> PrintJob:
    return PrintJob(1, "0147-A-000381", document, "label", 1, msgspec.json.encode(body), "queued", 0, 0)


def on_paper(row: PrinterProfile, paper: PrintJob, folder: Path) -> Image.Image:
    """Print it with the real adapter; what lies in the tray."""
    model = PrinterModel(row.dpi, row.width_dots, SPEED_MM_S)
    with PrinterSimulator(row.language, folder, model=model) as simulator:
        TcpPrinter(simulator.host, simulator.port, row.id).print(
            render(paper, row.setup).data, DEADLINE_S, lambda: None
        )
        assert simulator.wait_for(1, DEADLINE_S), row.id
        assert not simulator.unknown, row.id
        (picture,) = simulator.printed
        with Image.open(picture) as image:
            return image.convert("1")


def ink_mm(page: Image.Image, per_mm: int, area: tuple[float, float, float, float]) -> tuple[float, ...]:
    """Left, top, right and bottom of what is printed in a rectangle (x, y, w, h in mm), from its corner."""
    x, y, w, h = area
    crop = page.crop((round(x * per_mm), round(y * per_mm), round((x + w) * per_mm), round((y + h) * per_mm)))
    box = Image.eval(crop.convert("L"), lambda gray: 255 - gray).getbbox()
    assert box is not None, area
    return tuple(side / per_mm for side in box)


def runs(page: Image.Image, y: int, left: int, right: int) -> list[int]:
    """Lengths in dots of what is dark and light in turn, without the white at both ends."""
    dots = [page.getpixel((x, y)) == 0 for x in range(left, right)]
    lengths = [(dark, len(list(group))) for dark, group in groupby(dots)]
    return [length for _, length in lengths[not lengths[0][0] : len(lengths) - (not lengths[-1][0])]]


def label_measures(page: Image.Image, per_mm: int, layout: LabelLayout) -> Measures:
    bars = layout.barcode
    assert bars is not None
    found: Measures = {"width": page.width / per_mm, "height": page.height / per_mm}
    across = runs(page, round((bars.y + bars.h / 2) * per_mm), 0, page.width)
    found["module"] = gcd(*across) / per_mm
    for side, where in zip(("left", "top", "right", "bottom"), ink_mm(page, per_mm, area_of(bars)), strict=True):
        found[f"bars {side}"] = where
    for box in layout.boxes:
        if box.field in ("bag_count", "net", "goods_ug", "goods_zh", "shelf", "receipt", "number", "carrier"):
            _, top, _, bottom = ink_mm(page, per_mm, area_of(box))
            found[f"{box.field} height"] = bottom - top
    return found


def area_of(area: object) -> tuple[float, float, float, float]:
    return area.x, area.y, area.w, area.h  # type: ignore[attr-defined]


def each(rows: Iterable[PrinterProfile], act: Callable[[PrinterProfile], Measures]) -> Iterator[tuple[str, Measures]]:
    """All at once: a printer takes its time."""
    chosen = list(rows)
    with ThreadPoolExecutor(len(chosen)) as pool:
        yield from zip((row.id for row in chosen), pool.map(act, chosen), strict=True)


def test_a_label_has_the_same_millimeters_on_every_printer(tmp_path: Path) -> None:
    for name, body, layout in ((LABEL, BAG, shipped_layout("bag")), (PARCEL_LABEL, PARCEL, shipped_layout("parcel"))):

        def measured(
            row: PrinterProfile, name: str = name, body: object = body, layout: LabelLayout = layout
        ) -> Measures:
            page = on_paper(row, job(name, body), tmp_path / name / row.id)
            return label_measures(page, row.setup.head.per_mm, layout)

        found = dict(each((row for row in profiles().values() if row.language not in ("escpos", "ipp")), measured))
        assert {"tspl_203", "tspl_300", "zpl_203", "zpl_300"} <= found.keys()
        first = found["tspl_203"]
        assert (first["width"], first["height"], first["module"]) == (60, 40, 0.25)
        different = {
            (row, what): (first[what], value)
            for row, measures in found.items()
            for what, value in measures.items()
            if abs(value - first[what]) > (0 if what in ("width", "height", "module") else DOT_MM + 1e-9)
        }
        assert different == {}, name


def receipt_measures(page: Image.Image, per_mm: int) -> Measures:
    (code,) = zxingcpp.read_barcodes(page.convert("L"))
    corners = code.position
    left, right, top = corners.top_left.x, corners.top_right.x + 1, corners.top_left.y
    module = gcd(*runs(page, top + per_mm // 4, left - per_mm, right + per_mm))
    x0, _, x1, _ = ink_mm(page, per_mm, (0, 0, page.width / per_mm, page.height / per_mm))
    return {
        "module": module / per_mm,
        "white left": x0,
        "white right": page.width / per_mm - x1,
        "printed": x1 - x0,
    }


def test_a_receipt_fills_its_paper_and_nothing_of_it_is_cut(tmp_path: Path) -> None:
    """Of the head's width half a millimeter is left white at both edges, on 58 and on 80 mm paper."""
    _, receipt = jobs()

    def measured(row: PrinterProfile) -> Measures:
        page = on_paper(row, receipt, tmp_path / row.id)
        return {**receipt_measures(page, row.setup.head.per_mm), "head": row.width_dots / row.setup.head.per_mm}

    found = dict(each((row for row in profiles().values() if row.language == "escpos"), measured))
    assert {measures["head"] for measures in found.values()} == {48, 64, 72}
    margin = receipt_layout().margin
    for row, measures in found.items():
        assert measures["module"] == receipt_layout().qr_module, row
        assert abs(measures["printed"] - (measures["head"] - 2 * margin)) <= DOT_MM, row
        assert abs(measures["white left"] - measures["white right"]) <= DOT_MM, row
    assert receipt.document == RECEIPT
