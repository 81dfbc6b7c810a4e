from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from kiosk.domain.day import DayTotals
from kiosk.labels.documents import (
    BagLabel,
    DaySlip,
    DocumentProblem,
    ParcelLabel,
    PickupSlip,
    Receipt,
    ReceiptLine,
)


@pytest.mark.parametrize("changes", [{"net_g": -1}, {"bag": 0}, {"bag": 4, "bags": 3}])
def test_an_impossible_label_is_refused(bag: Callable[..., BagLabel], changes: dict[str, Any]) -> None:
    with pytest.raises(DocumentProblem):
        bag(**changes)


@pytest.mark.parametrize("changes", [{"net_g": 12481}, {"tare_g": -1, "net_g": 12901}, {"amount_fen": -1}])
def test_a_line_that_does_not_add_up_is_refused(line: Callable[..., ReceiptLine], changes: dict[str, Any]) -> None:
    with pytest.raises(DocumentProblem, match="bag 1"):
        line(**changes)


@pytest.mark.parametrize("changes", [{"net_g": 1}, {"amount_fen": 1}, {"lines": ()}])
def test_a_receipt_that_does_not_add_up_is_refused(receipt: Callable[..., Receipt], changes: dict[str, Any]) -> None:
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


def test_documents_travel_as_json(
    bag: Callable[..., BagLabel],
    receipt: Callable[..., Receipt],
    parcel: Callable[..., ParcelLabel],
    pickup: Callable[..., PickupSlip],
    day: Callable[..., DaySlip],
) -> None:
    for document in (bag(date=None), receipt(), parcel(), pickup(), day()):
        packed = msgspec.json.encode(document)
        assert msgspec.json.decode(packed, type=type(document)) == document


def test_a_receipt_stored_before_the_scale_was_named_still_decodes(receipt: Callable[..., Receipt]) -> None:
    body = msgspec.to_builtins(receipt(counters="1-0-0", scale_marks=("check_late",), scale_no="7"))
    for name in ("counters", "scale_marks", "scale_no"):
        del body[name]
    old = msgspec.json.decode(msgspec.json.encode(body), type=Receipt)
    assert old == receipt()
    assert (old.counters, old.scale_marks, old.scale_no) == ("", (), "")


def test_what_is_said_of_the_scale_survives_the_store(receipt: Callable[..., Receipt]) -> None:
    made = receipt(counters="3-12-5", scale_marks=("not_for_trade", "check_late"), scale_no="A/7")
    assert msgspec.json.decode(msgspec.json.encode(made), type=Receipt) == made
