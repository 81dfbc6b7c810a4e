from __future__ import annotations

import pytest

from kiosk.domain.events import ParcelArrived, ParcelCollected, ParcelShelved, WordsData
from kiosk.domain.identifiers import ReceiptNumber, SerialNumber, internal_code
from kiosk.domain.parcel import CollectedBy, Consent, ParcelNumber, ParcelState, Proof, slot_code, waybill_digest
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.reports import Hit, HitKind, Reports
from kiosk.sorting_center.reports.follower import ReportsFollower
from tests.sorting_center.reports.ledgers import ClockedStation, followed
from tests.sorting_center.station_journal import NOW

RECEIPT = ReceiptNumber("S0147", "A", 1)
PARCEL = ParcelNumber("S0147", "A", 12)
WAYBILL = "SF1385000000001"


def fill(ledger: Ledger, follower: ReportsFollower) -> None:
    station = ClockedStation()
    arrived = ParcelArrived(
        str(PARCEL), "clerk:07", "SF", waybill_digest(WAYBILL), Consent.RECIPIENT_CONSENTED, False, False, False
    )
    collected = ParcelCollected(str(PARCEL), "clerk:07", Proof.CODE, CollectedBy.SELF)
    told = [station.start(), station.intake(1), station.add(arrived), station.add(collected)]
    ledger.accept(told, "shache", NOW)
    followed(follower)


def test_what_is_typed_or_scanned_is_found(ledger: Ledger, reports: Reports, follower: ReportsFollower) -> None:
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


def test_what_is_no_code_finds_nothing(ledger: Ledger, reports: Reports, follower: ReportsFollower) -> None:
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


def test_a_parcel_is_where_its_last_event_says(ledger: Ledger, reports: Reports, follower: ReportsFollower) -> None:
    fill(ledger, follower)
    (found,) = reports.parcels.find(PARCEL)
    assert (found.row.carrier, found.row.state) == ("SF", ParcelState.COLLECTED)
    assert [one.type for one in found.events] == [ParcelArrived.TYPE, ParcelCollected.TYPE]
    assert reports.parcels.with_digest(waybill_digest(WAYBILL)) == (found.row,)


WALNUT = WordsData("يەكەن ياڭىقى", "莎车核桃", "Yarkant walnuts")


def offer_walnuts(ledger: Ledger, follower: ReportsFollower) -> ClockedStation:
    """Walnuts of a station are brought and offered, chilies only brought."""
    station = ClockedStation("S0148", "00112233445566bb")
    told = [station.start(), station.intake(1, product="WALNUT"), station.intake(2, product="CHILI")]
    ledger.accept([*told, station.offer(1, "ab" * 32, product="WALNUT", title=WALNUT)], "shache", NOW)
    followed(follower)
    return station


@pytest.mark.parametrize(
    "asked",
    [
        *("莎车核桃", "核桃", " 核桃\r\n", "walnut", "ＷＡＬＮＵＴＳ", "Yarkant  Walnuts", "ياڭىقى"),
        "\ufef3\ufe8e\ufbd5\ufef0\ufed7\ufef0",  # the same word in presentation forms
        "يا\u0640ڭى\u200dقی",  # stretched, with a joiner, with the yeh of a Persian keyboard
    ],
)
def test_goods_are_found_by_their_names(
    ledger: Ledger, reports: Reports, follower: ReportsFollower, asked: str
) -> None:
    offer_walnuts(ledger, follower)
    assert reports.search.find(asked) == (Hit(HitKind.PRODUCT, "WALNUT"),)


def test_names_are_found_in_few_and_nothing_is_found_by_a_letter(
    ledger: Ledger, reports: Reports, follower: ReportsFollower
) -> None:
    station = offer_walnuts(ledger, follower)
    more = [station.offer(2, "ab" * 32, product=f"N{number:02}", title=WALNUT) for number in range(30)]
    ledger.accept(more, "shache", NOW)
    followed(follower)
    assert len(reports.search.find("核桃")) == 10
    for asked in ("w", "ې", "\u0640", "\u202e", "%", "_"):
        assert reports.search.find(asked) == (), asked


def test_a_short_receipt_is_found_at_every_station_that_has_it(
    ledger: Ledger, reports: Reports, follower: ReportsFollower
) -> None:
    fill(ledger, follower)
    offer_walnuts(ledger, follower)
    both = tuple(Hit(HitKind.RECEIPT, f"{one}-A-000001", "shache", f"S{one}") for one in ("0147", "0148"))
    for asked in ("A-000001", "a-1", "A 000001", "A000001", "Ａ－０００００１", "A-٠٠٠٠٠١"):
        assert reports.search.find(asked) == both, asked
    assert reports.search.find("A-000002") == (Hit(HitKind.RECEIPT, "0148-A-000002", "shache", "S0148"),)
    for asked in ("B-000001", "A-000000", "A-0000001", "I-000001"):
        assert reports.search.find(asked) == (), asked


def test_short_receipts_of_many_stations_are_cut_off(
    ledger: Ledger, reports: Reports, follower: ReportsFollower, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(60):
        station = ClockedStation(f"S{number:04}", f"{number:016}")
        ledger.accept([station.start(), station.intake(1)], "shache", NOW)
    followed(follower)
    monkeypatch.setattr("kiosk.sorting_center.reports.search._STATIONS_PER_QUERY", 7)
    found = reports.search.find("A-000001")
    assert len(found) == 50 and found[0].key == "0000-A-000001"


def test_parcels_are_found_by_the_slot_they_lie_on(ledger: Ledger, reports: Reports, follower: ReportsFollower) -> None:
    station = ClockedStation()
    arrived = ParcelArrived(str(PARCEL), "clerk:07", "SF", "ab" * 4, Consent.RECIPIENT_CONSENTED, False, False, False)
    ledger.accept([station.start(), station.add(arrived)], "shache", NOW)
    ledger.accept(
        [station.add(ParcelShelved(str(PARCEL), "clerk:07", slot)) for slot in ("A-1-01", "A-3-17")], "shache", NOW
    )
    followed(follower)
    for asked in ("A-3-17", "a-3-17", slot_code("A-3-17")):
        assert reports.search.find(asked) == (Hit(HitKind.SHELF, str(PARCEL), "shache", "S0147"),), asked
    assert reports.search.find("A-1-01") == (), "it lies elsewhere"
    ledger.accept([station.add(ParcelCollected(str(PARCEL), "clerk:07", Proof.CODE, CollectedBy.SELF))], "shache", NOW)
    followed(follower)
    assert reports.search.find("A-3-17") == (), "it was handed over"


@pytest.mark.parametrize(("letter", "kind"), [("T", HitKind.TOTE), ("Z", HitKind.SEAL), ("M", HitKind.MANIFEST)])
def test_totes_seals_and_manifests_lead_to_the_station_that_numbered_them(
    ledger: Ledger, reports: Reports, follower: ReportsFollower, letter: str, kind: HitKind
) -> None:
    fill(ledger, follower)
    number = SerialNumber("S0147", "A", 12)
    hit = Hit(kind, number.text(letter), "shache", "S0147")
    for asked in (number.text(letter), number.text(letter).lower(), number.code(letter), f"]C1{number.code(letter)}"):
        assert reports.search.find(asked) == (hit,), asked
    assert reports.search.find(SerialNumber("S0199", "A", 12).text(letter)) == (), "no such station was heard"


def test_a_member_is_found_by_a_number_without_its_zeros(
    ledger: Ledger, reports: Reports, follower: ReportsFollower
) -> None:
    fill(ledger, follower)
    for asked in ("M-4412", "m4412", "M 04412"):
        assert reports.search.find(asked) == (Hit(HitKind.MEMBER, "M-04412", "shache"),), asked
