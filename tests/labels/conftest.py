"""Makers of the documents; a test names only what it changes. And every line that is set on a paper."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from kiosk.domain.day import DayTotals
from kiosk.domain.identifiers import internal_code
from kiosk.labels import label_page
from kiosk.labels.papers.bag_label import BagLabel, CrateLabel
from kiosk.labels.papers.day_slip import DaySlip
from kiosk.labels.papers.manifest import ManifestDocument, ManifestRow
from kiosk.labels.papers.parcel import ParcelLabel, PickupSlip
from kiosk.labels.papers.printer_diagnostics import TestLabel as LabelTest
from kiosk.labels.papers.printer_diagnostics import TestReceipt as ReceiptTest
from kiosk.labels.papers.receipt import ReceiptDocument, ReceiptLine
from kiosk.labels.papers.tags import MemberCard, SealTag, ToteTag
from kiosk.labels.typesetting import typeset
from kiosk.labels.typesetting.shaping import MARKS

LONG_UG = "قۇرۇق ئۈزۈم، بىرىنچى دەرىجىلىك، قارا قۇرۇتۇلغان، تاللانغان، يەرلىك ئالاھىدە مەھسۇلات"
LONG_ZH = "吐鲁番特级黑加仑葡萄干精选手工晾晒无核大颗粒当年新货产地直供"
LONG_EN = "Black currant raisins, first grade, hand-picked, sun-dried in the shade, seedless, of this year"


BAG_CODE = internal_code("B", "0147A00038102")
LOT_CODE = "Y1L0147A000381K"


@pytest.fixture
def long_names() -> dict[str, str]:
    return {"goods_ug": LONG_UG, "goods_zh": LONG_ZH, "goods_en": LONG_EN}


@pytest.fixture
def bag() -> Callable[..., BagLabel]:
    def make(**changes: Any) -> BagLabel:
        fields: dict[str, Any] = {
            "goods_ug": "بادام",
            "goods_zh": "巴旦木",
            "goods_en": "Badam almonds",
            "net_g": 12480,
            "date": "2026-11-25",
            "zone": "Asia/Urumqi",
            "lot_code": "Y1L0147A000381K",
            "receipt": "0147-A-000381",
            "station": "S0147",
            "bag": 2,
            "bags": 3,
            "mode": "purchase",
            "village": "英艾日克村",
            "county": "莎车县",
            "bag_code": BAG_CODE,
            "producer": "M-04412",
            "grade_ug": "1-دەرىجە",
            "grade_zh": "一级",
            "grade_en": "first grade",
            "harvest": "2026-09",
        }
        return BagLabel(**{**fields, **changes})

    return make


@pytest.fixture
def line() -> Callable[..., ReceiptLine]:
    def make(**changes: Any) -> ReceiptLine:
        fields: dict[str, Any] = {
            "goods_ug": "ياڭاق",
            "goods_zh": "核桃",
            "goods_en": "Walnut",
            "bag": 1,
            "gross_g": 12900,
            "container_ug": "خالتا",
            "container_zh": "编织袋",
            "container_en": "woven sack",
            "tare_g": 420,
            "net_g": 12480,
            "price_fen_per_kg": 3200,
            "amount_fen": 39936,
        }
        return ReceiptLine(**{**fields, **changes})

    return make


@pytest.fixture
def receipt(line: Callable[..., ReceiptLine]) -> Callable[..., ReceiptDocument]:
    def make(**changes: Any) -> ReceiptDocument:
        lines = changes.get("lines", (line(),))
        fields: dict[str, Any] = {
            "receipt": "0147-A-000381",
            "receipt_code": "Y1R0147A000381K",
            "station": "S0147",
            "village": "英艾日克村",
            "party": "M-04412",
            "mode": "purchase",
            "lines": lines,
            "net_g": sum(each.net_g for each in lines),
            "amount_fen": sum(each.amount_fen for each in lines),
            "date": "2026-11-25",
            "time": "14:32",
            "zone": "Asia/Urumqi",
            "certificate": "承诺达标合格证 PC-2026-0147",
            "lot_code": "Y1L0147A000381K",
            "software": "station-kiosk 0.1.0",
            "metrology": "metrology 3f9a-21c4",
        }
        return ReceiptDocument(**{**fields, **changes})

    return make


@pytest.fixture
def texts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every line that is set on the paper, in order, without isolate marks and with plain spaces."""
    seen: list[str] = []
    draw = typeset.draw

    def spy(block: typeset.Block, *arguments: Any, **named: Any) -> Image.Image:
        line = " ".join(block.lines).translate(dict.fromkeys(map(ord, MARKS)))
        seen.append(line.replace("\u00a0", " "))
        return draw(block, *arguments, **named)

    monkeypatch.setattr(typeset, "draw", spy)
    label_page._packed.cache_clear()
    return seen


@pytest.fixture
def parcel() -> Callable[..., ParcelLabel]:
    def make(**changes: Any) -> ParcelLabel:
        fields: dict[str, Any] = {
            "shelf": "A-3-17",
            "number": "P-0147-A-000012",
            "carrier": "YUNEXPRESS",
            "waybill_last4": "4821",
            "code": internal_code("H", "A317"),
            "date": "2026-11-25",
            "zone": "Asia/Urumqi",
            "station": "S0147",
        }
        return ParcelLabel(**{**fields, **changes})

    return make


@pytest.fixture
def pickup() -> Callable[..., PickupSlip]:
    def make(**changes: Any) -> PickupSlip:
        fields: dict[str, Any] = {
            "shelf": "A-3-17",
            "number": "P-0147-A-000012",
            "code": "482917",
            "slip_code": internal_code("K", "0147A000012482917"),
            "waybill_last4": "4821",
            "phone_last4": "5512",
            "date": "2026-11-25",
            "zone": "Asia/Urumqi",
            "station": "S0147",
            "village": "英艾日克村",
            "overdue_days": 3,
        }
        return PickupSlip(**{**fields, **changes})

    return make


@pytest.fixture
def totals() -> Callable[..., DayTotals]:
    def make(**changes: int) -> DayTotals:
        fields = {
            "intakes": 41,
            "voids": 1,
            "abandoned": 4,
            "bags": 77,
            "net_g": 1_234_567,
            "purchase_fen": 1_234_599,
            "consignment_fen": 7_654_321,
            "parcels_in": 40,
            "parcels_out": 20,
            "parcels_returned": 2,
            "photos": 12,
            "prints_unknown": 3,
            "first_seq": 101,
            "last_seq": 388,
        }
        return DayTotals(**{**fields, **changes})

    return make


@pytest.fixture
def day(totals: Callable[..., DayTotals]) -> Callable[..., DaySlip]:
    def make(**changes: Any) -> DaySlip:
        fields: dict[str, Any] = {
            "station": "S0147",
            "village": "英艾日克村",
            "date": "2026-11-25",
            "time": "19:02",
            "zone": "Asia/Urumqi",
            "totals": totals(),
            "head": "0123456789abcdef" * 4,
            "seq": 388,
            "actor": "clerk:07",
            "software": "station-kiosk 0.1.0",
        }
        return DaySlip(**{**fields, **changes})

    return make


@pytest.fixture
def crate() -> Callable[..., CrateLabel]:
    def make(**changes: Any) -> CrateLabel:
        fields: dict[str, Any] = {
            "goods_ug": "قۇرۇق ئۈزۈم",
            "goods_zh": "葡萄干",
            "goods_en": "Raisins",
            "net_g": 412_480,
            "gross_g": 420_000,
            "bags": 12,
            "date": "2026-11-25",
            "zone": "Asia/Urumqi",
            "code": LOT_CODE,
            "lot_code": LOT_CODE,
            "station": "S0147",
            "receipt": "0147-A-000381",
            "village": "英艾日克村",
            "county": "莎车县",
            "producer": "M-04412",
            "seller": "英艾日克村电商服务站",
            "grade_ug": "1-دەرىجە",
            "grade_zh": "一级",
            "grade_en": "first grade",
            "harvest": "2026-09",
        }
        return CrateLabel(**{**fields, **changes})

    return make


@pytest.fixture
def member() -> Callable[..., MemberCard]:
    def make(**changes: Any) -> MemberCard:
        fields: dict[str, Any] = {
            "member": "M-04412",
            "code": "Y1P04412J",
            "station": "S0147",
            "date": "2026-11-25",
            "zone": "Asia/Urumqi",
            "village": "英艾日克村",
            "county": "莎车县",
        }
        return MemberCard(**{**fields, **changes})

    return make


@pytest.fixture
def tote() -> Callable[..., ToteTag]:
    def make(**changes: Any) -> ToteTag:
        fields: dict[str, Any] = {
            "tote": "T-0147-A-000012",
            "code": internal_code("T", "0147A000012"),
            "station": "S0147",
            "date": "2026-11-25",
            "zone": "Asia/Urumqi",
            "destination": "莎车分拣中心",
            "village": "英艾日克村",
            "county": "莎车县",
        }
        return ToteTag(**{**fields, **changes})

    return make


@pytest.fixture
def seal() -> Callable[..., SealTag]:
    def make(**changes: Any) -> SealTag:
        fields: dict[str, Any] = {
            "seal": "Z-0147-000917",
            "code": internal_code("Z", "0147000917"),
            "station": "S0147",
            "date": "2026-11-25",
            "zone": "Asia/Urumqi",
            "tote": "T-0147-A-000012",
            "village": "英艾日克村",
            "county": "莎车县",
        }
        return SealTag(**{**fields, **changes})

    return make


@pytest.fixture
def manifest() -> Callable[..., ManifestDocument]:
    def make(totes: int = 12, **changes: Any) -> ManifestDocument:
        rows = tuple(
            ManifestRow(f"T-0147-A-{n:06d}", f"Z-0147-{917 + n:06d}", 12 + n % 5, 412_480 + n * 130)
            for n in range(1, totes + 1)
        )
        fields: dict[str, Any] = {
            "manifest": "M-0147-A-000031",
            "code": internal_code("M", "0147A000031"),
            "station": "S0147",
            "rows": rows,
            "items": sum(row.items for row in rows),
            "net_g": sum(row.net_g for row in rows),
            "date": "2026-11-25",
            "time": "17:05",
            "zone": "Asia/Urumqi",
            "destination": "莎车分拣中心",
            "carrier": "新Q·A1234",
            "actor": "clerk:07",
            "software": "station-kiosk 0.1.0",
            "village": "英艾日克村",
            "county": "莎车县",
        }
        return ManifestDocument(**{**fields, **changes})

    return make


@pytest.fixture
def label_test() -> Callable[..., LabelTest]:
    def make(**changes: Any) -> LabelTest:
        fields: dict[str, Any] = {
            "station": "S0147",
            "date": "2026-11-25",
            "zone": "Asia/Urumqi",
            "software": "station-kiosk 0.1.0",
        }
        return LabelTest(**{**fields, **changes})

    return make


@pytest.fixture
def receipt_test() -> Callable[..., ReceiptTest]:
    def make(**changes: Any) -> ReceiptTest:
        fields: dict[str, Any] = {
            "station": "S0147",
            "village": "英艾日克村",
            "date": "2026-11-25",
            "time": "19:02",
            "zone": "Asia/Urumqi",
            "software": "station-kiosk 0.1.0",
        }
        return ReceiptTest(**{**fields, **changes})

    return make
