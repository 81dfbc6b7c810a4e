from __future__ import annotations

from kiosk.domain.events import ParcelArrived, ParcelCollected
from kiosk.domain.identifiers import ReceiptNumber, internal_code
from kiosk.domain.parcel import CollectedBy, Consent, ParcelNumber, ParcelState, Proof
from kiosk.domain.waybill import waybill_digest
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.reports import Hit, HitKind, Reports
from kiosk.sorting_center.reports.follower import Follower
from tests.sorting_center.reports.ledgers import ClockedStation, followed
from tests.sorting_center.stations import NOW

RECEIPT = ReceiptNumber("S0147", "A", 1)
PARCEL = ParcelNumber("S0147", "A", 12)
WAYBILL = "SF1385000000001"


def fill(ledger: Ledger, follower: Follower) -> None:
    station = ClockedStation()
    arrived = ParcelArrived(
        str(PARCEL), "clerk:07", "SF", waybill_digest(WAYBILL), Consent.RECIPIENT_ASKED, False, False, False
    )
    collected = ParcelCollected(str(PARCEL), "clerk:07", Proof.CODE, CollectedBy.SELF)
    told = [station.start(), station.intake(1), station.add(arrived), station.add(collected)]
    ledger.accept(told, "shache", NOW)
    followed(follower)


def test_what_is_typed_or_scanned_is_found(ledger: Ledger, reports: Reports, follower: Follower) -> None:
    fill(ledger, follower)
    receipt = Hit(HitKind.RECEIPT, str(RECEIPT), "shache", "S0147")
    parcel = Hit(HitKind.PARCEL, str(PARCEL), "shache", "S0147")
    waybill = Hit(HitKind.WAYBILL, str(PARCEL), "shache", "S0147")
    member = Hit(HitKind.MEMBER, "M-04412", "shache")
    station = Hit(HitKind.STATION, "S0147", "shache", "S0147")
    wanted = {
        "0147-A-000001": receipt,
        " 0147-a-1\r\n": receipt,
        "0147A000001": receipt,
        "０１４７－A－０００００１": receipt,
        RECEIPT.code: receipt,
        f"]C0{RECEIPT.code}": receipt,
        RECEIPT.lot: Hit(HitKind.LOT, RECEIPT.lot, "shache", "S0147"),
        RECEIPT.bag_code(1): Hit(HitKind.BAG, RECEIPT.bag_code(1), "shache", "S0147"),
        f"]C0{RECEIPT.bag_code(1).lower()}\r": Hit(HitKind.BAG, RECEIPT.bag_code(1), "shache", "S0147"),
        RECEIPT.bag_code(2): receipt,
        "P-0147-A-000012": parcel,
        PARCEL.slip_code("123456"): parcel,
        WAYBILL: waybill,
        "sf1385 0000 00001": waybill,
        waybill_digest(WAYBILL): waybill,
        "M-04412": member,
        "04412": member,
        internal_code("P", "04412"): member,
        "S0147": station,
        "0147": station,
        "2026-11-25": Hit(HitKind.DAY, "2026-11-25"),
        "20261125": Hit(HitKind.DAY, "2026-11-25"),
        "25.11.2026": Hit(HitKind.DAY, "2026-11-25"),
        "BADAM": Hit(HitKind.PRODUCT, "BADAM"),
        "bad": Hit(HitKind.PRODUCT, "BADAM"),
    }
    found = {text: reports.search.find(text) for text in wanted}
    assert found == {text: (hit,) for text, hit in wanted.items()}


def test_what_is_no_code_finds_nothing(ledger: Ledger, reports: Reports, follower: Follower) -> None:
    fill(ledger, follower)
    strange = [
        *(
            "",
            " ",
            "x" * 10_000,
            "9" * 10_000,
            "\0",
            "0147-A-000001\0",
            "\u202e0147-A-000001",
            "0147\x1dA",
            "'; DROP TABLE told; --",
        ),
        *("%", "_", "0147-A-%", "BADAM' OR '1'='1", "\ud800", "ﷺ" * 64, "0147-I-000001", "0147-A-000000", "2026-13-41"),
        *(
            "9999-99-99",
            "M-99999",
            "S9999",
            "0147-A-999999",
            "P-0147-A-000099",
            "Y1",
            "Y1R",
            "Y1RX",
            f"{RECEIPT.code}X",
        ),
        *("Y1T7Q4KM", internal_code("T", "7Q4KM"), internal_code("K", "1"), internal_code("R", "0147"), "\U0001f4a9"),
    ]
    assert {text: hits for text in strange if (hits := reports.search.find(text))} == {}


def test_a_parcel_is_where_its_last_event_says(ledger: Ledger, reports: Reports, follower: Follower) -> None:
    fill(ledger, follower)
    (found,) = reports.parcels.find(PARCEL)
    assert (found.row.carrier, found.row.state) == ("SF", ParcelState.COLLECTED)
    assert [one.type for one in found.events] == [ParcelArrived.TYPE, ParcelCollected.TYPE]
    assert reports.parcels.with_digest(waybill_digest(WAYBILL)) == (found.row,)
