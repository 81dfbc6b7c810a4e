"""A month of a small county, with everything a page of records has to show."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from kiosk.domain.events import ParcelArrived, ParcelCollected, PhotoTaken
from kiosk.domain.events.scale import CountersData, ScaleData
from kiosk.domain.identifiers import ReceiptNumber
from kiosk.domain.metrology.legal_status import CheckState, Verification
from kiosk.domain.moment import ClockQuality
from kiosk.domain.parcel import CollectedBy, Consent, ParcelNumber, Proof, waybill_digest
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.ledger.database.times import to_rfc3339
from kiosk.sorting_center.reports.follower import ReportsFollower
from kiosk.sorting_center.web.shared.sources import Stores
from tests.sorting_center.reports.ledgers import ClockedStation, followed
from tests.sorting_center.station_journal import believed, confirmed, of_weight

REGION: Final = "shache"
RECEIPT: Final = ReceiptNumber("S0147", "A", 1)
VOIDED: Final = ReceiptNumber("S0147", "A", 2)
DOUBLE: Final = ReceiptNumber("S0147", "A", 4)
LATE: Final = ReceiptNumber("S0148", "A", 4)
UNKNOWN: Final = ReceiptNumber("S0148", "A", 5)
PARCEL: Final = ParcelNumber("S0147", "A", 12)
WAYBILL: Final = "SF1385000000001"
MEMBER: Final = "M-04412"
_SCALE: Final = ScaleData(True, CheckState.PASSED, Verification.VALID, CountersData(2, 5, 3))
_GOODS: Final = ("BADAM", "YANGAQ", "URUK")
_NOON: Final = datetime(2026, 11, 25, 4, tzinfo=UTC)


def fill(ledger: Ledger) -> None:
    """Two stations: one with a void, a receipt twice, a photo, a parcel; one that was late, with a clock unset."""
    first, second = ClockedStation("S0147", "00112233445566aa"), ClockedStation("S0148", "00112233445566bb", "boot-9")
    for station in (first, second):
        station.at = datetime(2026, 11, 2, 2, tzinfo=UTC)
        ledger.accept([station.start()], REGION, to_rfc3339(station.at))
        for number in range(1, 4):
            station.passes(timedelta(days=1, hours=1))
            party = MEMBER if number == 1 else f"M-0000{number}"
            goods = {"product": _GOODS[number - 1], "mode": "purchase" if number == 2 else "consignment"}
            event = station.intake(number, **of_weight(10_000 * number + 5), **goods, party=party, scale=_SCALE)
            ledger.accept([event], REGION, to_rfc3339(station.at + timedelta(minutes=1)))
    _first(ledger, first)
    _second(ledger, second)


def _first(ledger: Ledger, station: ClockedStation) -> None:
    waybill = waybill_digest(WAYBILL)
    photo = PhotoTaken(RECEIPT.lot, "ab" * 32, 240_000, 1600, 1200)
    arrived = ParcelArrived(str(PARCEL), "clerk:07", "SF", waybill, Consent.RECIPIENT_CONSENTED, False, False, False)
    collected = ParcelCollected(str(PARCEL), "clerk:07", Proof.CODE, CollectedBy.SELF)
    events = [
        station.void(VOIDED.counter, replacement=str(ReceiptNumber("S0147", "A", 3))),
        *(station.add(data) for data in (photo, arrived, collected)),
        station.intake(DOUBLE.counter, **of_weight(7_000), party="M-00009", product="BADAM"),
        station.intake(DOUBLE.counter, **of_weight(8_000), party="M-00009", product="BADAM"),
    ]
    ledger.accept(events, REGION, to_rfc3339(station.at + timedelta(minutes=1)))


def _second(ledger: Ledger, station: ClockedStation) -> None:
    station.passes(timedelta(hours=2))
    late = station.intake(LATE.counter, **of_weight(5_000), party=MEMBER, product="BADAM")
    station.boot, station.monotonic_ms, station.quality = "boot-10", 1_000, ClockQuality.UNSET
    station.at = datetime(1970, 1, 1, 0, 0, 5, tzinfo=UTC)
    unknown = station.intake(UNKNOWN.counter, **of_weight(6_000), party="non_member", product="BADAM")
    ledger.accept([late, unknown], REGION, to_rfc3339(_NOON))


def fill_hostile(ledger: Ledger, texts: list[str]) -> None:
    """As a ledger from before the rules may hold it: a product, a certificate, a container that says anything."""
    station = ClockedStation("S0149", "00112233445566cc")
    events = [believed(station.start())]
    for number, text in enumerate(texts, 1):
        whole = confirmed("S0149", number, product=text, owner=text, metrology=text)
        bag = replace(whole.bags[0], container=text)
        certificate = replace(whole.certificate, kind=text, ref=text, reason=text)
        event = station.add(replace(whole, bags=(bag,), certificate=certificate))
        events.append(believed(event))
    ledger.accept(events, REGION, to_rfc3339(_NOON))


def fill_great(ledger: Ledger) -> None:
    """A day as of a thousand stations: every figure is as long as it gets."""
    station = ClockedStation("S0150", "00112233445566dd")
    station.at = datetime(2026, 11, 5, 2, tzinfo=UTC)
    events = [station.start()]
    for number, mode in enumerate(("purchase", "consignment"), 1):
        events.append(station.intake(number, **of_weight(99_999_995), party=MEMBER, product="BADAM", mode=mode))
    ledger.accept(events, REGION, to_rfc3339(station.at + timedelta(minutes=1)))


def read(stores: Stores) -> None:
    """Until every event has its place in the feed, and the reports are at the end of it."""
    while stores.ledger.number(100):
        pass
    followed(ReportsFollower(stores.ledger, stores.reports))
