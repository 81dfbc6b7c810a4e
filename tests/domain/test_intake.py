from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.domain.events import IntakeConfirmed
from kiosk.domain.identifiers import MAX_BAGS, ReceiptNumber
from kiosk.domain.intake import Intake, IntakeRefused, TareSource, Weighing
from kiosk.domain.mass import NotWholeGrams, UnitRefused, grams
from kiosk.domain.money import amount_fen
from kiosk.domain.trade import Certificate, CertificateKind, Mode, NoCertificateReason, Party
from kiosk.domain.void import Void, VoidReason

RECEIPT = ReceiptNumber("S0147", "A", 1)
NONE = Certificate(CertificateKind.NONE, reason=NoCertificateReason.NOT_PRESENTED)


def intake(price: int = 2400, mode: Mode = Mode.CONSIGNMENT) -> Intake:
    return Intake(RECEIPT, Party("M-04412"), "BADAM", mode, 1, price)


def weighing(gross_g: int, load: int = 1) -> Weighing:
    return Weighing(gross_g, load, load, 600, 7)


def test_golden_amount() -> None:
    # The worked example of the domain sheet: 50,159 g at CNY 24.00 a kilogram.
    assert amount_fen(50_159, 2400) == 120_382


@given(st.integers(0, 10**7), st.integers(0, 10**7))
def test_amount_is_half_up(net: int, price: int) -> None:
    exact = Fraction(net * price, 1000)
    assert Fraction(-1, 2) < exact - amount_fen(net, price) <= Fraction(1, 2) or (
        amount_fen(net, price) - exact == Fraction(1, 2)
    )
    assert amount_fen(net, price) == int(exact + Fraction(1, 2))


@given(
    st.lists(st.tuples(st.integers(20, 60_000), st.integers(0, 60_000)), min_size=1, max_size=8), st.integers(0, 10**6)
)
def test_sums_are_sums_of_rounded_lines(bags: list[tuple[int, int]], price: int) -> None:
    value = intake(price)
    for load, (gross, tare) in enumerate(bags, 1):
        if tare >= gross:
            with pytest.raises(IntakeRefused, match="container"):
                value.with_bag(weighing(gross, load), "SACK", TareSource.PRESET, tare)
        else:
            value = value.with_bag(weighing(gross, load), "SACK", TareSource.PRESET, tare)
    if not value.lines:
        with pytest.raises(IntakeRefused):
            value.confirm(NONE)
        return
    assert value.net_g == value.gross_g - value.tare_g > 0
    assert value.amount_fen == sum(amount_fen(line.net_g, price) for line in value.lines)
    event = IntakeConfirmed.of(value.confirm(NONE), "1+00000000")
    assert (event.net_g, event.amount_fen, len(event.bags)) == (value.net_g, value.amount_fen, len(value.lines))
    assert [bag.bag for bag in event.bags] == list(range(1, len(value.lines) + 1))


def test_a_load_counts_once() -> None:
    once = intake().with_bag(weighing(12_450, 3), "SACK", TareSource.PRESET, 160)
    with pytest.raises(IntakeRefused) as refused:
        once.with_bag(weighing(12_450, 3), "SACK", TareSource.PRESET, 160)
    assert refused.value.code == "load_already_counted"


def test_a_receipt_holds_so_many_bags() -> None:
    value = intake()
    for load in range(1, MAX_BAGS + 1):
        value = value.with_bag(weighing(1000, load), "SACK", TareSource.PRESET, 0)
    with pytest.raises(IntakeRefused) as refused:
        value.with_bag(weighing(1000, MAX_BAGS + 1), "SACK", TareSource.PRESET, 0)
    assert refused.value.code == "too_many_bags"


def test_the_mode_decides_the_owner() -> None:
    for mode, owner in ((Mode.PURCHASE, "cooperative"), (Mode.CONSIGNMENT, "M-04412")):
        value = intake(mode=mode).with_bag(weighing(1000), "SACK", TareSource.PRESET, 0)
        assert value.confirm(NONE).owner == owner


def test_other_member_numbers_are_refused(subtests: pytest.Subtests) -> None:
    for number in ["M-4412", "m-04412", "13800000000", "M-04412 ", "M-٠٤٤١٢", "<script>"]:
        with subtests.test(number=number), pytest.raises(ValueError, match="member number"):
            Party(number)


def test_certificate_is_never_neither() -> None:
    with pytest.raises(ValueError, match="reason"):
        Certificate(CertificateKind.NONE)
    with pytest.raises(ValueError, match="reference"):
        Certificate(CertificateKind.PRODUCER)
    assert Certificate(CertificateKind.PRODUCER, "C-0147-11").ref == "C-0147-11"


def test_void_needs_two_people() -> None:
    with pytest.raises(ValueError, match="two different"):
        Void(RECEIPT, VoidReason.WRONG_PARTY, "clerk:07", "witness:07")
    with pytest.raises(ValueError, match="itself"):
        Void(RECEIPT, VoidReason.WRONG_PARTY, "clerk:07", "witness:02", RECEIPT)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-1000, max_value=1000, places=3))
def test_kilograms_become_grams_exactly(weight: Decimal) -> None:
    assert Decimal(grams(weight, "kg")) == weight * 1000


def test_other_units_and_parts_of_grams_are_refused() -> None:
    for unit in ("lb", "oz", "t", "jin", ""):
        with pytest.raises(UnitRefused):
            grams(Decimal("1.000"), unit)
    with pytest.raises(NotWholeGrams):
        grams(Decimal("0.0005"), "kg")
