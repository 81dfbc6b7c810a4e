from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from kiosk.domain.day import DayTotals
from kiosk.labels.documents import DocumentProblem
from kiosk.labels.papers.bag_label import BagLabel, CrateLabel
from kiosk.labels.papers.day_slip import DaySlip
from kiosk.labels.papers.manifest import ManifestDocument, ManifestRow
from kiosk.labels.papers.parcel import ParcelLabel, PickupSlip
from kiosk.labels.papers.receipt import ReceiptDocument, ReceiptLine
from kiosk.labels.papers.tags import ToteTag


@pytest.mark.parametrize("changes", [{"net_g": -1}, {"bag": 0}, {"bag": 4, "bags": 3}])
def test_an_impossible_label_is_refused(bag: Callable[..., BagLabel], changes: dict[str, Any]) -> None:
    with pytest.raises(DocumentProblem):
        bag(**changes)


@pytest.mark.parametrize("changes", [{"net_g": 12481}, {"tare_g": -1, "net_g": 12901}, {"amount_fen": -1}])
def test_a_line_that_does_not_add_up_is_refused(line: Callable[..., ReceiptLine], changes: dict[str, Any]) -> None:
    with pytest.raises(DocumentProblem, match="bag 1"):
        line(**changes)


@pytest.mark.parametrize("changes", [{"net_g": 1}, {"amount_fen": 1}, {"lines": ()}])
def test_a_receipt_that_does_not_add_up_is_refused(
    receipt: Callable[..., ReceiptDocument], changes: dict[str, Any]
) -> None:
    with pytest.raises(DocumentProblem):
        receipt(**changes)


@pytest.mark.parametrize(
    "changes",
    [{"code": "48291"}, {"code": "48291٣"}, {"code": ""}, {"waybill_last4": "SF1385"}, {"phone_last4": "13912345512"}],
)
def test_a_slip_without_six_digits_or_with_a_whole_number_is_refused(
    pickup: Callable[..., PickupSlip], changes: dict[str, Any]
) -> None:
    with pytest.raises(DocumentProblem) as refused:
        pickup(**changes)
    assert not any(value and value in str(refused.value) for value in changes.values())


def test_a_label_with_a_whole_waybill_is_refused(parcel: Callable[..., ParcelLabel]) -> None:
    with pytest.raises(DocumentProblem, match="last four"):
        parcel(waybill_last4="SF1385000000000")


def test_a_slip_for_less_than_no_days_is_refused(pickup: Callable[..., PickupSlip]) -> None:
    assert pickup(overdue_days=0).overdue_days == 0
    with pytest.raises(DocumentProblem, match="-1 days"):
        pickup(overdue_days=-1)


@pytest.mark.parametrize("head", ["", "0" * 63, "0" * 65, "G" * 64, "A" * 64])
def test_a_day_without_the_head_of_the_journal_is_refused(day: Callable[..., DaySlip], head: str) -> None:
    with pytest.raises(DocumentProblem, match="64"):
        day(head=head)


def test_a_day_with_less_than_nothing_is_refused(day: Callable[..., DaySlip], totals: Callable[..., DayTotals]) -> None:
    with pytest.raises(DocumentProblem, match="parcels_out"):
        day(totals=totals(parcels_out=-1))
    with pytest.raises(DocumentProblem, match="seq"):
        day(seq=-1)


MAKERS = ("bag", "receipt", "parcel", "pickup", "day", "crate", "member", "tote", "seal", "manifest")


def test_documents_travel_as_json(request: pytest.FixtureRequest) -> None:
    for document in (request.getfixturevalue(name)(date=None) for name in MAKERS):
        packed = msgspec.json.encode(document)
        assert msgspec.json.decode(packed, type=type(document)) == document


def test_a_receipt_stored_before_the_scale_was_named_still_decodes(receipt: Callable[..., ReceiptDocument]) -> None:
    body = msgspec.to_builtins(receipt(counters="1-0-0", scale_marks=("check_late",), scale_no="7"))
    for name in ("counters", "scale_marks", "scale_no"):
        del body[name]
    old = msgspec.json.decode(msgspec.json.encode(body), type=ReceiptDocument)
    assert old == receipt()
    assert (old.counters, old.scale_marks, old.scale_no) == ("", (), "")


def test_what_is_said_of_the_scale_survives_the_store(receipt: Callable[..., ReceiptDocument]) -> None:
    made = receipt(counters="3-12-5", scale_marks=("not_for_trade", "check_late"), scale_no="A/7")
    assert msgspec.json.decode(msgspec.json.encode(made), type=ReceiptDocument) == made


def test_papers_that_wait_from_before_the_younger_fields_still_decode(
    bag: Callable[..., BagLabel], receipt: Callable[..., ReceiptDocument]
) -> None:
    younger = {
        BagLabel: (
            "bag_code",
            "producer",
            "seller",
            "grade_ug",
            "grade_zh",
            "grade_en",
            "harvest",
            "gs1",
            "link",
            "copy_no",
        ),
        ReceiptDocument: ("head", "verified_until", "void", "copy_no"),
    }
    for document in (bag(), receipt()):
        body = msgspec.to_builtins(document)
        for name in younger[type(document)]:
            del body[name]
        old = msgspec.json.decode(msgspec.json.encode(body), type=type(document))
        assert not any(getattr(old, name) for name in younger[type(document)])


def test_what_cannot_be_is_refused_on_the_papers_of_the_road(
    crate: Callable[..., CrateLabel], manifest: Callable[..., ManifestDocument], tote: Callable[..., ToteTag]
) -> None:
    for changes in ({"net_g": -1}, {"bags": -1}, {"gross_g": 1}, {"copy_no": -1}):
        with pytest.raises(DocumentProblem):
            crate(**changes)
    for changes in ({"rows": ()}, {"items": 1}, {"net_g": 1}, {"copy_no": -1}):
        with pytest.raises(DocumentProblem):
            manifest(**changes)
    for row in (("T", "Z", -1, 0), ("T", "Z", 1, -1)):
        with pytest.raises(DocumentProblem):
            ManifestRow(*row)
    with pytest.raises(DocumentProblem, match="copy -1"):
        tote(copy_no=-1)


def test_a_receipt_with_half_a_head_or_a_negative_copy_is_refused(receipt: Callable[..., ReceiptDocument]) -> None:
    assert receipt(head="0" * 64).head
    for changes in ({"head": "0" * 63}, {"copy_no": -1}):
        with pytest.raises(DocumentProblem):
            receipt(**changes)
