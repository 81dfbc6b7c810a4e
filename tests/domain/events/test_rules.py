"""The rules of what an event may say: all the station can say passes, and nothing else that was tried does."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.domain.events import (
    EVENT_CLASSES,
    BagData,
    CertificateData,
    ConfigApplied,
    CountersData,
    DayClosed,
    EventData,
    IntakeConfirmed,
    IntakeVoided,
    PictureData,
    ScaleChecked,
    WordsData,
)
from kiosk.domain.events.rules import event_fault
from kiosk.domain.identifiers import MAX_BAGS, SERIES_LETTERS, ReceiptNumber
from kiosk.domain.intake import Intake, IntakeRefused, TareSource, Weighing
from kiosk.domain.mass import MAX_GROSS_G
from kiosk.domain.metrology.legal_status import CounterValues, ScaleLegalStatus
from kiosk.domain.money import MAX_FEN_PER_KG
from kiosk.domain.trade import Certificate, CertificateKind, Mode, NoCertificateReason, Party
from kiosk.domain.verdict import Finding, Measures, Reason
from kiosk.domain.void import Void, VoidReason
from tests.depth import many
from tests.messaging.contract.test_generated import EXAMPLES

STATION = "S0147"
BIG = 2**53 - 1

certificates = st.sampled_from(
    [
        Certificate(CertificateKind.NONE, reason=NoCertificateReason.SMALL_GROWER),
        Certificate(CertificateKind.PRODUCER, ref="C-0147-260914-11"),
        Certificate(CertificateKind.COOPERATIVE, ref="A.1"),
    ]
)
receipts = st.builds(ReceiptNumber, st.just(STATION), st.sampled_from(SERIES_LETTERS), st.integers(1, 999_999))
grams = st.integers(1, 60_000) | st.integers(1, MAX_GROSS_G)


@st.composite
def confirmed(draw: st.DrawFn) -> IntakeConfirmed:
    """Whatever the domain lets a clerk and a villager agree on."""
    intake = Intake(
        receipt=draw(receipts),
        party=draw(st.sampled_from([Party(None), Party("M-04412")])),
        product=draw(st.from_regex(r"[A-Z0-9-]{1,16}", fullmatch=True)),
        mode=draw(st.sampled_from(Mode)),
        catalog_version=draw(st.integers(0, 5000)),
        price_fen_per_kg=draw(st.integers(0, MAX_FEN_PER_KG)),
    )
    for load in range(1, draw(st.integers(1, 6)) + 1):
        weighing = Weighing(draw(grams), draw(st.integers(1, 10**9)), load, draw(st.integers(0, 10**7)), 7, (b"f",))
        try:
            intake = intake.with_bag(weighing, "SACK", draw(st.sampled_from(TareSource)), draw(st.integers(0, 60_000)))
        except IntakeRefused:
            continue
    scale = draw(st.none() | st.just(ScaleLegalStatus(counters=CounterValues(3, 12, 5))))
    if not intake.lines:
        intake = intake.with_bag(Weighing(1, 1, 99, 0, 1), "NONE", TareSource.PRESET, 0)
    return IntakeConfirmed.of(intake.confirm(draw(certificates), scale), "1+a91f03c7")


@given(confirmed())
@settings(max_examples=many(100, torture=900), deadline=None)
def test_every_intake_the_domain_can_confirm_passes(data: IntakeConfirmed) -> None:
    assert event_fault(data, STATION) is None
    assert event_fault(data, "S0148") is not None


@given(receipts, receipts, st.sampled_from(VoidReason))
def test_every_void_the_domain_can_make_passes(receipt: ReceiptNumber, other: ReceiptNumber, why: VoidReason) -> None:
    for replacement in (None, None if other == receipt else other):
        void = IntakeVoided.of(Void(receipt, why, "clerk:07", "witness:02", replacement))
        assert event_fault(void, STATION) is None


def test_the_domain_makes_no_weighing_and_no_price_beyond_the_bounds() -> None:
    with pytest.raises(ValueError, match="a weighing has"):
        Weighing(MAX_GROSS_G + 1, 1, 1, 0, 1)
    intake = Intake(ReceiptNumber(STATION, "A", 1), Party(None), "X", Mode.PURCHASE, 1, MAX_FEN_PER_KG + 1)
    with pytest.raises(ValueError, match="a price is"):
        intake.with_bag(Weighing(1000, 1, 1, 0, 1), "SACK", TareSource.PRESET, 0)


def test_an_example_of_every_type_passes_and_every_type_has_a_rule() -> None:
    assert {type(data) for data in EXAMPLES} == set(EVENT_CLASSES)
    assert [data for data in EXAMPLES if event_fault(data, STATION) is not None] == []


def test_a_document_with_the_largest_number_can_be_reported() -> None:
    """The station takes it, and a new key undoes it: the county must hear of it."""
    assert event_fault(ConfigApplied(1, 2**31 - 1, "ab" * 32, 3), STATION) is None
    assert event_fault(ConfigApplied(1, 2**31, "ab" * 32, 3), STATION) is not None


BAG = BagData(1, 2480, 80, 2400, 7680, "SACK", "preset", 17, 3, 1200, "ab" * 32)
GOOD = IntakeConfirmed(
    receipt="0147-A-000381",
    lot=ReceiptNumber(STATION, "A", 381).lot,
    owner="cooperative",
    party="M-04412",
    mode="purchase",
    product="BADAM",
    catalog_version=3,
    price_fen_per_kg=3200,
    bags=(BAG, replace(BAG, bag=2, load=4)),
    gross_g=4960,
    tare_g=160,
    net_g=4800,
    amount_fen=15_360,
    certificate=CertificateData("none", None, "not_presented"),
    metrology="1+a91f03c7",
)


def with_bag(**changes: object) -> IntakeConfirmed:
    """An intake of one changed bag whose sums are right."""
    bag = replace(BAG, **changes)  # type: ignore[arg-type]
    return replace(
        GOOD, bags=(bag,), gross_g=bag.gross_g, tare_g=bag.tare_g, net_g=bag.net_g, amount_fen=bag.amount_fen
    )


BAD_INTAKES = {
    "another station's receipt": replace(GOOD, receipt="0148-A-000381", lot=ReceiptNumber("S0148", "A", 381).lot),
    "markup for a receipt": replace(GOOD, receipt="<img src=x>"),
    "no such series": replace(GOOD, receipt="0147-O-000381"),
    "counter 0": replace(GOOD, receipt="0147-A-000000"),
    "another receipt's lot": replace(GOOD, lot=ReceiptNumber(STATION, "A", 382).lot),
    "markup for a lot": replace(GOOD, lot="<img src=x>"),
    "markup for goods": replace(GOOD, product="<img src=x>"),
    "a formula for goods": replace(GOOD, product="=1+1"),
    "no text for goods": replace(GOOD, product=""),
    "long goods": replace(GOOD, product="B" * 41),
    "an owner's name": replace(GOOD, owner="Aygul A."),
    "a party's name": replace(GOOD, party="Aygul"),
    "another mode": replace(GOOD, mode="gift"),
    "negative price": replace(GOOD, price_fen_per_kg=-1),
    "a price beyond the bound": replace(GOOD, price_fen_per_kg=MAX_FEN_PER_KG + 1),
    "another price": replace(GOOD, price_fen_per_kg=3201),
    "no bags": replace(GOOD, bags=(), gross_g=0, tare_g=0, net_g=0, amount_fen=0),
    "bags in another order": replace(GOOD, bags=(GOOD.bags[1], GOOD.bags[0])),
    "one bag twice": replace(GOOD, bags=(BAG, BAG)),
    "gross is not the sum": replace(GOOD, gross_g=4961),
    "tare is not the sum": replace(GOOD, tare_g=161),
    "net is not the sum": replace(GOOD, net_g=BIG),
    "negative net": replace(GOOD, net_g=-4800),
    "amount is not the sum": replace(GOOD, amount_fen=BIG),
    "a certificate without a reason": replace(GOOD, certificate=CertificateData("none", None, None)),
    "another kind of certificate": replace(GOOD, certificate=CertificateData("mine", "C-1", None)),
    "markup for the metrology": replace(GOOD, metrology="\u202e"),
    "net is not gross minus tare": with_bag(net_g=2401),
    "tare above gross": with_bag(tare_g=2481, net_g=-1, amount_fen=-3),
    "tare as much as gross": with_bag(tare_g=2480, net_g=0, amount_fen=0),
    "negative tare": with_bag(tare_g=-10, net_g=2490, amount_fen=7968),
    "negative gross": with_bag(gross_g=-2480, tare_g=0, net_g=-2480, amount_fen=-7936),
    "no gross": with_bag(gross_g=0, tare_g=0, net_g=0, amount_fen=0),
    "one fen too much": with_bag(amount_fen=7681),
    "one fen too little": with_bag(amount_fen=7679),
    "a load beyond the bound": with_bag(gross_g=BIG, tare_g=0, net_g=BIG, amount_fen=(BIG * 3200 + 500) // 1000),
    "markup for a container": with_bag(container="<b>"),
    "another source of the tare": with_bag(tare_source="guess"),
    "no reading": with_bag(reading=0),
    "a negative time": with_bag(stable_ms=-1),
    "no hash": with_bag(frames_sha256="x"),
    "the code of another bag": with_bag(code=ReceiptNumber.parse(GOOD.receipt).bag_code(2)),
    "the code of another receipt": with_bag(code=ReceiptNumber(STATION, "B", 1).bag_code(1)),
    "the lot for a bag's code": with_bag(code=GOOD.lot),
    "markup for a code": with_bag(code="<b>"),
}
FORTY_ONE = tuple(replace(BAG, bag=number) for number in range(1, MAX_BAGS + 2))
BAD_INTAKES["more bags than a receipt holds"] = replace(
    GOOD, bags=FORTY_ONE, gross_g=41 * 2480, tare_g=41 * 80, net_g=41 * 2400, amount_fen=41 * 7680
)


def test_an_intake_whose_figures_or_numbers_do_not_agree_breaks_a_rule() -> None:
    assert event_fault(GOOD, STATION) is None
    assert event_fault(with_bag(), STATION) is None
    assert event_fault(with_bag(code=ReceiptNumber.parse(GOOD.receipt).bag_code(1)), STATION) is None
    assert event_fault(with_bag(code=None), STATION) is None, "as before bags had codes"
    assert [name for name, data in BAD_INTAKES.items() if event_fault(data, STATION) is None] == []


def test_a_fault_repeats_nothing_out_of_the_event() -> None:
    said = {event_fault(data, STATION) or "" for data in BAD_INTAKES.values()}
    assert len(said) > 20
    for piece in ("<", "\u202e", "Aygul", str(BIG), "\n"):
        assert [text for text in said if piece in text] == []


DAY = next(data for data in EXAMPLES if isinstance(data, DayClosed))
CHECK = next(data for data in EXAMPLES if isinstance(data, ScaleChecked))


def changed(kind: str, **changes: object) -> EventData:
    found = next(data for data in EXAMPLES if type(data).__name__ == kind)
    return replace(found, **changes)  # type: ignore[arg-type]


BAD_OTHERS: dict[str, EventData] = {
    "void of another station's receipt": changed("IntakeVoided", receipt="0148-A-000381"),
    "void with another lot": changed("IntakeVoided", lot=ReceiptNumber(STATION, "A", 1).lot),
    "void replaced by another station's": changed("IntakeVoided", replacement="0148-A-000382"),
    "void replaced by itself": changed("IntakeVoided", replacement="0147-A-000381"),
    "void by one person": changed("IntakeVoided", actors=("clerk:07", "witness:07")),
    "void by a name": changed("IntakeVoided", actors=("Aygul", "witness:07")),
    "void for no reason": changed("IntakeVoided", reason="<b>"),
    "abandoned of another station": changed("IntakeAbandoned", receipt="0001-A-000001"),
    "abandoned at markup": changed("IntakeAbandoned", stage="<b>"),
    "an epoch without a series": changed("EpochStarted", series="AB"),
    "an epoch of no letter": changed("EpochStarted", series="O"),
    "an epoch for markup": changed("EpochStarted", why="<b>"),
    "counters below 0": changed("EpochStarted", counters=CountersData(1, -1, 1)),
    "photo of another station's lot": changed("PhotoTaken", lot=ReceiptNumber("S0148", "A", 1).lot),
    "photo of a bag's code": changed("PhotoTaken", lot="Y1B0147A0003812"),
    "photo without pixels": changed("PhotoTaken", width=0),
    "photo of negative size": changed("PhotoTaken", size_bytes=-1),
    "a face that was overruled": changed("PhotoAccepted", overruled=(Finding(Reason.FACE, 1_000, 0),)),
    "a reason said twice": changed("PhotoAccepted", overruled=(Finding(Reason.BLUR, 1, 0),) * 2),
    "a master of no pixels": changed("PhotoAccepted", master=PictureData("ab" * 32, 1, 0, 1600)),
    "a master that needs gigabytes": changed("PhotoAccepted", master=PictureData("ab" * 32, 4_578, 65_535, 65_535)),
    "a natural cut of 9 MB": changed("PhotoAccepted", natural=PictureData("ab" * 32, 9_000_000, 1600, 1600)),
    "goods that cover more than all": changed("PhotoAccepted", measures=Measures(10_001, 1, 1, 1, 1, 1, 1)),
    "removed for no reason of the list": changed("PhotoRemoved", why="ugly"),
    "listing of markup": changed("ListingDrafted", product="<b>"),
    "offer without a photo": changed("ListingSubmitted", photos=()),
    "offer with a photo twice": changed("ListingSubmitted", photos=("ab" * 32,) * 2),
    "offer with a line break": changed("ListingSubmitted", title=WordsData("", "", "Badam\nBadam")),
    "offer without a title": changed("ListingSubmitted", title=WordsData("", "", "")),
    "offer of a long story": changed("ListingSubmitted", story=WordsData("", "", "a" * 601)),
    "offer of a long origin": changed("ListingSubmitted", origin_words=WordsData("a" * 121, "", "")),
    "offer of a grade that turns the writing": changed("ListingSubmitted", grade_words=WordsData("", "\u202e1", "")),
    "offer with words of no grade": changed("ListingSubmitted", grade=""),
    "offer for nothing": changed("ListingSubmitted", price_fen=0),
    "offer of month 13": changed("ListingSubmitted", harvest="2026-13"),
    "offer with markup for allergens": changed("ListingSubmitted", allergens=("<b>",)),
    "catalog of negative prices": changed("CatalogImported", prices=-1),
    "an answer to request 0": changed("RequestAnswered", number=0),
    "an answer in markup": changed("RequestAnswered", reason="<b>"),
    "an answer of another outcome": changed("RequestAnswered", outcome="maybe"),
    "an answer of 6 MB": changed("RequestAnswered", size_bytes=6_000_000),
    "an answer of no bytes": changed("RequestAnswered", size_bytes=0),
    "an answer's size without a file": changed("RequestAnswered", sha256=""),
    "an answer that is no hash": changed("RequestAnswered", sha256="../../etc/passwd"),
    "paper about another station": changed("PrintReprinted", about="0148-A-000381"),
    "paper about another parcel": changed("PrintResolved", about="P-0148-A-000012"),
    "paper about markup": changed("PrintUnknown", about="<b>"),
    "paper of another receipt": changed("PrintUnknown", receipt="0148-A-000381"),
    "bag 41": changed("PrintReprinted", bag=41),
    "locked for ever": changed("AuthLocked", minutes=BIG),
    "day of negative intakes": replace(DAY, intakes=-1),
    "day of negative grams": replace(DAY, net_g=-1),
    "day of grams without bags": replace(DAY, bags=0),
    "day of bags without grams": replace(DAY, net_g=0, purchase_fen=0, consignment_fen=0),
    "day of bags without intakes": replace(DAY, intakes=0),
    "day of negative money": replace(DAY, purchase_fen=-1),
    "day of money without end": replace(DAY, consignment_fen=BIG),
    "day that ends before it begins": replace(DAY, first_seq=DAY.last_seq + 2),
    "backup of negative size": changed("BackupMade", size_bytes=-1),
    "parcels below 0": changed("ParcelExpected", count=-1),
    "another station's parcel": changed("ParcelCollected", parcel="P-0148-A-000012"),
    "code 0": changed("ParcelNoticed", code_no=0),
    "damage seen in markup": changed("ParcelDamaged", seen_at="<b>"),
    "a scale without steps": changed("ScaleChanged", e_g=0),
    "a scale in jin": changed("ScaleChanged", unit="jin"),
    "a scale beyond the bound": changed("ScaleChanged", max_g=BIG),
    "no hash of tares": changed("TaresChanged", sha256="x"),
    "a clock of other times": changed("ClockChanged", step_s=-BIG),
    "a check that did not pass": replace(CHECK, read_g=CHECK.read_g + 1),
    "a check of nothing": replace(CHECK, expected_g=0),
    "a check beyond the bound": replace(CHECK, expected_g=BIG, read_g=BIG),
    "a load of nothing": changed("LoadLeft", peak_g=0),
    "loads below 1": changed("LoadLeft", loads=0),
    "a load of another station": changed("LoadLeft", receipt="0148-A-000381"),
}


def test_other_events_whose_figures_or_numbers_do_not_agree_break_a_rule() -> None:
    assert [name for name, data in BAD_OTHERS.items() if event_fault(data, STATION) is None] == []


def test_a_day_without_anything_passes() -> None:
    nothing = DayClosed("clerk:07", "ab" * 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 471, 470)
    assert event_fault(nothing, STATION) is None
