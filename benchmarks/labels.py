"""A bag label from its data to the printer's bytes, beside a plain Pillow script that draws the same texts; and what
the signed code of a receipt costs.

Processor time of one thread: what a busy machine does meanwhile does not count.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import TypeVar

import msgspec
from PIL import Image, ImageDraw, ImageFont

from benchmarks.measure import Row, percentile
from kiosk.base.ed25519 import Ed25519Key
from kiosk.devices.printer.profiles import profile
from kiosk.domain.identifiers import ReceiptNumber, internal_code
from kiosk.domain.moment import ClockQuality
from kiosk.labels.papers.bag_label import BagLabel, bag_content, render_bag_label
from kiosk.labels.papers.receipt import ReceiptDocument, ReceiptLine, UnsignedSlip
from kiosk.labels.typesetting import fonts
from kiosk.labels.typesetting.fonts import Script
from kiosk.labels.typesetting.shaping import script_of
from kiosk.protocols.printers import tspl
from kiosk.station.papers.papers import RECEIPT
from kiosk.station.papers.rendering import render
from kiosk.store.shared.records import PrintJob

_SETUP = profile("tspl_203").setup
_WARM = 40
_RECEIPT = ReceiptNumber("S0147", "A", 381)

T = TypeVar("T")

_GOODS = (
    ("بادام", "巴旦木", "Almonds"),
    ("ياڭاق", "核桃", "Walnuts"),
    ("ئۈزۈم", "葡萄干", "Raisins"),
    ("ئۆرۈك", "杏干", "Apricots"),
    ("ئەنجۈر", "无花果", "Figs"),
    ("چىلان", "红枣", "Jujubes"),
    ("پىستە", "开心果", "Pistachios"),
    ("ھەسەل", "蜂蜜", "Honey"),
    ("زىرە", "孜然", "Cumin"),
    ("جىگدە", "沙枣", "Oleaster"),
)
_KINDS = (
    ("قۇرۇق", "干制", "dried"),
    ("قارا", "黑色", "black"),
    ("يېشىل", "绿色", "green"),
    ("تاتلىق", "甜味", "sweet"),
    ("يوغان", "大粒", "large"),
    ("كىچىك", "小粒", "small"),
    ("پاكىز", "精选", "picked"),
    ("يېڭى", "当年", "new"),
)
_GRADES = (("1-دەرىجە", "一级", "first"), ("2-دەرىجە", "二级", "second"), ("ئالاھىدە", "特级", "special"))


def run(folder: Path) -> list[Row]:
    """Names that were never drawn before; the fonts are open."""
    del folder
    documents = [_document(number, names) for number, names in enumerate(product(_KINDS, _GOODS, _GRADES))]
    ours = _times(_draw, documents)
    plain = _times(_plain, documents)
    rows = []
    for word, share, limit in (("median", 0.5, 8.0), ("p99", 0.99, 15.0)):
        name = f"label of 60 x 40 mm at 203 dpi, new names, {word}"
        rows.append(Row(name, percentile(ours, share), "ms cpu", limit, percentile(plain, share), "plain Pillow"))
    return [*rows, _signed_receipt()]


def _signed_receipt() -> Row:
    """Of a copy each time: a code that was never drawn."""
    setup, key = profile("escpos_58").setup, Ed25519Key(bytes(32))

    def times(host: str) -> list[float]:
        body = _receipt_body(host)
        jobs = [PrintJob(1, str(_RECEIPT), RECEIPT, RECEIPT, 0, body, "queued", n, n) for n in range(1, 101)]
        return _times(lambda job: render(job, setup, signing_key=lambda: key), jobs)

    plain, signed = times(""), times("slip.county.example.cn")
    more = percentile(signed, 0.5) - percentile(plain, 0.5)
    name = "receipt on 58 mm paper at 203 dpi, more with a signed code, median"
    return Row(name, more, "ms cpu", 12.0, percentile(plain, 0.5), "the receipt without")


def _receipt_body(host: str) -> bytes:
    line = ReceiptLine(
        "ياڭاق", "核桃", "Walnuts", 1, 12_900, "خالتا", "编织袋", "woven sack", 420, 12_480, 3200, 39_936
    )
    receipt = ReceiptDocument(
        receipt=str(_RECEIPT),
        receipt_code=_RECEIPT.code,
        station=_RECEIPT.station,
        village="英艾日克村",
        party="M-04412",
        mode="purchase",
        lines=(line,),
        net_g=line.net_g,
        amount_fen=line.amount_fen,
        date="2026-11-25",
        time="14:32",
        zone="Asia/Urumqi",
        certificate="none: small_grower",
        lot_code=_RECEIPT.lot,
        software="station-kiosk",
        metrology="3f9a-21c4",
        counters="3-12-5",
        head="0123456789abcdef" * 4,
        slip=UnsignedSlip(host, "yarkant", "WALNUT", 3200, 29_865_600, ClockQuality.SYNCED) if host else None,
    )
    return msgspec.json.encode(receipt)


def _document(number: int, names: tuple[tuple[str, str, str], ...]) -> BagLabel:
    kind, goods, grade = names
    ug, zh, en = (" ".join((first, second)) for first, second in zip(kind, goods, strict=True))
    return BagLabel(
        goods_ug=ug,
        goods_zh=zh.replace(" ", ""),
        goods_en=en,
        net_g=10_000 + number * 137,
        date="2026-11-25",
        zone="Asia/Urumqi",
        lot_code=internal_code("L", f"0147A{number:06d}"),
        receipt=f"0147-A-{number:06d}",
        station="S0147",
        bag=number % 12 + 1,
        bags=12,
        mode="purchase",
        village="英艾日克村",
        county="莎车县",
        bag_code=internal_code("B", f"0147A{number:06d}{number % 12 + 1:02d}"),
        producer=f"M-{number:05d}",
        grade_ug=grade[0],
        grade_zh=grade[1],
        grade_en=grade[2],
        harvest="2026-09",
    )


def _times(draw: Callable[[T], object], documents: Sequence[T]) -> list[float]:
    """Milliseconds of this thread for each document after the first ones, which open the fonts."""
    took = []
    gc.disable()
    for document in documents:
        start = time.thread_time()
        draw(document)
        took.append((time.thread_time() - start) * 1000)
    gc.enable()
    return took[_WARM:]


def _draw(document: BagLabel) -> bytes:
    return tspl.page(render_bag_label(document, _SETUP.head), _SETUP)


_FACES: dict[tuple[Script, int], ImageFont.FreeTypeFont] = {}


def _plain(document: BagLabel) -> bytes:
    """The same texts, each piece of one script in one call, at fixed places and sizes; no symbol, no fitting."""
    ink = Image.new("1", (480, 320), 0)
    pen = ImageDraw.Draw(ink)
    for row, text in enumerate(bag_content(document).texts.values()):
        left = 4.0
        for piece in text.split(" "):
            script = (script_of(piece[0]) if piece else None) or Script.LATIN
            face = _FACES.get((script, 20)) or _FACES.setdefault((script, 20), fonts.load(script, True, 20))
            direction = "rtl" if script is Script.ARABIC else "ltr"
            pen.text((left, row * 13 % 300), piece, fill=1, font=face, anchor="la", direction=direction)
            left += face.getlength(piece, direction=direction) + 5
    return ink.tobytes()
