"""The list of a delivery: what one waybill is, and what is there twice."""

from __future__ import annotations

import pytest

from kiosk.station.parcels.expected_file import ExpectedError, parse_expected


def test_packages_of_one_waybill_are_expected_once_and_under_it_alone() -> None:
    lines = "waybill,phone_last4\nJD0012345678901-1-2-,4711\nJD0012345678901-2-2-,4711\nJD0012345678902-1-1-,4712\n"
    rows = parse_expected(lines.encode(), "truck.csv")
    assert [(row.waybill, row.carrier, row.phone_last4) for row in rows] == [
        ("JD0012345678901", "JD", "4711"),
        ("JD0012345678902", "JD", "4712"),
    ]


@pytest.mark.parametrize("again", ["JD0012345678901-1-2-", "jd0012345678901-1-2"])
def test_the_same_package_twice_is_refused(again: str) -> None:
    with pytest.raises(ExpectedError, match="line 3: the waybill of line 2 again"):
        parse_expected(f"waybill\nJD0012345678901-1-2-\n{again}\n".encode(), "truck.csv")


def test_an_old_id_number_is_on_no_list() -> None:
    with pytest.raises(ExpectedError, match="telephone or ID number"):
        parse_expected(b"waybill\n653125800101123\n", "truck.csv")
