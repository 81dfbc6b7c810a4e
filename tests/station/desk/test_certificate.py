"""The certificate of a batch: shown under the scanner, said whose it is, booked; or none, with a reason."""

from __future__ import annotations

import pytest

from kiosk.domain.trade import Certificate, CertificateKind, NoCertificateReason
from kiosk.station.desk.view import DeskRefused, DeskStep
from tests.station.fakes import CARD, Rig

REF = "C-0147-260914-11"


def at_agree(rig: Rig) -> None:
    rig.rest(0)
    rig.desk.choices.scan(CARD)
    rig.rest(12_450)
    rig.desk.choices.choose_product("BADAM", 1)


def agreed(rig: Rig) -> Certificate:
    view = rig.desk.view()
    rig.desk.agreement.agree(view.reading_no, view.token)
    return rig.store.booked[-1][0].certificate


@pytest.mark.parametrize("kind", ["producer", "cooperative"])
def test_it_is_booked_with_the_goods(kind: str) -> None:
    rig = Rig()
    at_agree(rig)
    assert rig.desk.choices.show_certificate(f" {REF.lower()}\r").shown_ref == REF
    view = rig.desk.choices.choose_certificate(kind)
    assert (view.shown_ref, view.certificate) == ("", Certificate(CertificateKind(kind), REF))
    assert agreed(rig) == Certificate(CertificateKind(kind), REF)


def test_nothing_is_agreed_on_before_it_is_said_whose_it_is() -> None:
    rig = Rig()
    at_agree(rig)
    before = rig.desk.view()
    view = rig.desk.choices.show_certificate(REF)
    assert not view.can_agree
    for token in (before.token, view.token):
        with pytest.raises(DeskRefused):
            rig.desk.agreement.agree(view.reading_no, token)
    rig.desk.choices.choose_certificate("producer")
    assert agreed(rig).ref == REF


@pytest.mark.parametrize("first", [False, True])
def test_what_is_not_of_these_goods_is_taken_back(first: bool) -> None:
    rig = Rig()
    at_agree(rig)
    if first:
        rig.desk.choices.show_certificate("OTHER-17")
        rig.desk.choices.choose_certificate("cooperative")
    rig.desk.choices.show_certificate(REF)
    rig.desk.choices.choose_certificate("none")
    assert agreed(rig) == Certificate(CertificateKind.NONE, reason=NoCertificateReason.NOT_PRESENTED)


def test_one_shown_early_is_asked_about_when_it_comes_to_agreeing() -> None:
    rig = Rig()
    rig.rest(0)
    rig.desk.choices.begin()
    rig.desk.choices.show_certificate(REF)
    with pytest.raises(DeskRefused):
        rig.desk.choices.choose_certificate("producer")
    rig.desk.choices.choose_party("04412")
    rig.rest(12_450)
    view = rig.desk.choices.choose_product("BADAM", 1)
    assert (view.step, view.shown_ref, view.can_agree) == (DeskStep.AGREE, REF, False)


def test_the_next_villager_starts_without_one() -> None:
    rig = Rig()
    at_agree(rig)
    rig.desk.choices.show_certificate(REF)
    rig.desk.choices.choose_certificate("producer")
    rig.desk.intake_exit.leave()
    rig.rest(0)
    at_agree(rig)
    assert agreed(rig).kind is CertificateKind.NONE


def test_it_stays_with_bags_that_were_left_and_gone_on_with() -> None:
    rig = Rig()
    at_agree(rig)
    rig.desk.choices.show_certificate(REF)
    view = rig.desk.choices.choose_certificate("producer")
    rig.desk.loads.another_bag(view.reading_no, view.token)
    rig.rest(0)
    rig.desk.intake_exit.leave(idle=True)
    left = rig.desk.intake_exit.unfinished()
    assert left is not None
    rig.desk.intake_exit.take_up(left.receipt)
    assert agreed(rig).ref == REF


@pytest.mark.parametrize(
    "text", ["", "BADAM", "A-17", "C 0147", "<SCRIPT>1", "^XZ123456", "7" * 41, "١٢٣٤٥٦٧", "c\x1b12345"]
)
def test_what_is_no_reference_changes_nothing(text: str) -> None:
    rig = Rig()
    at_agree(rig)
    before = rig.desk.view()
    with pytest.raises(DeskRefused) as error:
        rig.desk.choices.show_certificate(text)
    assert error.value.code == "not_a_certificate"
    assert rig.desk.view() == before


@pytest.mark.parametrize("kind", ["", "none", "producer", "nobody"])
def test_nothing_is_said_of_one_that_nobody_showed(kind: str) -> None:
    rig = Rig()
    at_agree(rig)
    with pytest.raises(DeskRefused):
        rig.desk.choices.choose_certificate(kind)


def test_at_home_and_after_the_papers_it_belongs_to_nothing() -> None:
    rig = Rig()
    with pytest.raises(DeskRefused):
        rig.desk.choices.show_certificate(REF)
    at_agree(rig)
    agreed(rig)
    with pytest.raises(DeskRefused):
        rig.desk.choices.show_certificate(REF)
