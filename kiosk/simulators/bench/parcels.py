"""What a clerk's scanner can be held over, as keys: parcels of the truck, parcels nobody announced, slips, goods."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from kiosk.protocols.barcodes.waybills import identify
from kiosk.simulators.shared.counter_stock import CounterStock, DemoPickupSlip

GOODS_CODE: Final = "6901234567892"  # EAN-13 of Chinese goods (GS1 prefix 690): no carrier's number begins like it
_TAIL: Final = 4


@dataclass(frozen=True, slots=True)
class ScanKey:
    """``text`` is what the scanner reads."""

    title: str
    note: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ScanGroup:
    """Keys of one kind, and what comes of them; ``drawing`` names a drawing of the station."""

    drawing: str
    title: str
    meaning: str
    keys: tuple[ScanKey, ...]


def scan_groups(stock: CounterStock) -> tuple[ScanGroup, ...]:
    """All keys of the counter; a group without any is left out."""
    groups = (
        ScanGroup(
            "truck",
            "On the truck’s list",
            "Choose In, then scan all of them.",
            tuple(_waybill(row.carrier, row.waybill) for row in stock.expected),
        ),
        ScanGroup(
            "not-there",
            "On no list",
            "Without In one touch takes it in.",
            tuple(_waybill(_carriers(text), text) for text in stock.unknown),
        ),
        ScanGroup(
            "receipt",
            "Pickup slips",
            "Scan one, or type its digits under My parcel.",
            tuple(map(_slip, stock.slips)),
        ),
        ScanGroup("other", "No parcel", "Goods have a bar code too.", (ScanKey("Goods", GOODS_CODE, GOODS_CODE),)),
    )
    return tuple(group for group in groups if group.keys)


def _waybill(title: str, text: str) -> ScanKey:
    return ScanKey(title, f"··{text[-_TAIL:]}", text)


def _carriers(waybill: str) -> str:
    """The likeliest carrier, with a question mark when the number may be others' too."""
    first, *others = identify(waybill).candidates
    return f"{first}?" if others else first


def _slip(slip: DemoPickupSlip) -> ScanKey:
    state = " overdue" if slip.overdue else ""
    return ScanKey(f"{slip.parcel.shelf}{state}", slip.code, slip.text)
