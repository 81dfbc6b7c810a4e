"""Bags that were fixed and left: kept for the clerk for ten minutes, booked once or given up once."""

from __future__ import annotations

import pytest

from kiosk.station.desk.unfinished import KEEP_UNFINISHED_S, RETRY_S
from kiosk.station.desk.view import DeskRefused, DeskStep, DeskView, PanPhase
from kiosk.store.shared.errors import DiskFull
from tests.station.fakes import CARD, Rig


def fixed(rig: Rig, *grams: int, container: str = "BARE") -> DeskView:
    """An intake with so many bags, at the next one, with an empty pan."""
    rig.desk.choices.scan(CARD)
    rig.desk.choices.choose_product("BADAM", 1)
    rig.desk.choices.choose_container(container)
    for one in grams:
        rig.rest(0)
        view = rig.rest(one)
        rig.desk.loads.another_bag(view.reading_no, view.token)
    return rig.rest(0)


def left(*grams: int) -> Rig:
    rig = Rig()
    fixed(rig, *grams)
    rig.desk.intake_exit.leave(idle=True)
    return rig


def test_the_screen_is_empty_and_the_clerk_has_it() -> None:
    rig = left(12_480, 20_000)
    view = rig.desk.view()
    assert (view.step, view.party, view.member_name, view.bags, view.receipt) == (DeskStep.HOME, None, None, (), None)
    kept = rig.desk.intake_exit.unfinished()
    assert kept is not None
    assert (kept.receipt, kept.product, kept.bags, kept.net_g) == ("0147-A-000001", "BADAM", 2, 32_480)
    assert kept.until == pytest.approx(rig.now + KEEP_UNFINISHED_S)
    assert rig.store.opened == {1: "opened"}


def test_the_clerk_goes_on_and_the_same_receipt_is_booked_whole() -> None:
    rig = left(12_480)
    view = rig.desk.intake_exit.take_up("0147-A-000001")
    assert (view.step, view.phase, view.receipt, len(view.bags)) == (DeskStep.AGREE, PanPhase.LOAD, "0147-A-000001", 1)
    assert view.member_name == "Aygul <script>"
    view = rig.rest(20_000)
    result = rig.desk.agreement.agree(view.reading_no, view.token).result
    assert result is not None
    assert (result.receipt, result.net_g) == ("0147-A-000001", 32_480)
    assert rig.desk.intake_exit.unfinished() is None
    assert rig.store.opened == {1: "confirmed"}


def test_it_can_be_agreed_to_without_another_bag() -> None:
    rig = left(12_480)
    view = rig.desk.intake_exit.take_up("0147-A-000001")
    assert view.can_agree
    assert rig.desk.agreement.agree(view.reading_no, view.token).step is DeskStep.TAKE


def test_a_weighed_container_is_weighed_again_for_the_next_bag() -> None:
    rig = Rig()
    rig.desk.choices.scan(CARD)
    rig.desk.choices.choose_product("BADAM", 1)
    rig.desk.choices.choose_container("OWN")
    rig.rest(0)
    view = rig.rest(500)
    rig.desk.loads.take_container(view.reading_no, view.token)
    rig.rest(0)
    view = rig.rest(12_500)
    rig.desk.loads.another_bag(view.reading_no, view.token)
    rig.rest(0)
    rig.desk.intake_exit.leave(idle=True)
    assert rig.desk.intake_exit.take_up("0147-A-000001").phase is PanPhase.CONTAINER


@pytest.mark.parametrize("idle", [True, False])
def test_without_a_bag_there_is_nothing_to_keep(idle: bool) -> None:
    rig = Rig()
    rig.desk.choices.scan(CARD)
    rig.desk.choices.choose_product("BADAM", 1)
    rig.desk.intake_exit.leave(idle=idle)
    assert rig.desk.intake_exit.unfinished() is None
    assert rig.store.opened == {1: "abandoned"}


def test_who_leaves_by_a_tap_gives_it_up() -> None:
    rig = Rig()
    fixed(rig, 12_480)
    rig.desk.intake_exit.leave()
    assert rig.desk.intake_exit.unfinished() is None
    assert rig.store.opened == {1: "abandoned"}


def test_after_ten_minutes_it_is_given_up_and_not_before() -> None:
    rig = left(12_480)
    rig.now += KEEP_UNFINISHED_S - 1
    rig.desk.intake_exit.give_up_expired()
    assert rig.desk.intake_exit.unfinished() is not None
    rig.now += 1
    rig.desk.intake_exit.give_up_expired()
    rig.desk.intake_exit.give_up_expired()
    assert rig.desk.intake_exit.unfinished() is None
    assert rig.store.opened == {1: "abandoned"}
    with pytest.raises(DeskRefused, match="stale_page"):
        rig.desk.intake_exit.take_up("0147-A-000001")


def test_a_full_card_is_asked_again_a_minute_later() -> None:
    rig = left(12_480)
    rig.now += KEEP_UNFINISHED_S
    rig.store.fail = DiskFull("no room")
    with pytest.raises(DeskRefused, match="no room"):
        rig.desk.intake_exit.give_up_expired()
    assert rig.desk.intake_exit.unfinished() is not None
    rig.desk.intake_exit.give_up_expired()
    assert rig.store.opened == {1: "opened"}
    rig.now += RETRY_S
    rig.desk.intake_exit.give_up_expired()
    assert rig.store.opened == {1: "abandoned"}


def test_the_next_villager_does_not_wait_and_the_clerk_does() -> None:
    rig = left(12_480)
    rig.desk.choices.scan(CARD)
    view = rig.desk.choices.choose_product("HONEY", 1)
    assert view.bags == ()
    with pytest.raises(DeskRefused, match="intake_open"):
        rig.desk.intake_exit.take_up("0147-A-000001")
    rig.desk.intake_exit.leave()
    assert rig.desk.intake_exit.take_up("0147-A-000001").total_net_g == 12_480
    assert rig.store.opened == {1: "opened", 2: "abandoned"}


def test_one_is_kept_the_older_is_given_up() -> None:
    rig = left(12_480)
    fixed(rig, 7_000)
    rig.desk.intake_exit.leave(idle=True)
    kept = rig.desk.intake_exit.unfinished()
    assert kept is not None
    assert kept.receipt == "0147-A-000002"
    assert rig.store.opened == {1: "abandoned", 2: "opened"}


def test_when_the_older_cannot_be_given_up_nothing_changes() -> None:
    rig = left(12_480)
    before = fixed(rig, 7_000)
    rig.store.fail = DiskFull("no room")
    with pytest.raises(DeskRefused, match="no room"):
        rig.desk.intake_exit.leave(idle=True)
    kept = rig.desk.intake_exit.unfinished()
    assert kept is not None
    assert kept.receipt == "0147-A-000001"
    assert rig.desk.view().receipt == before.receipt == "0147-A-000002"


@pytest.mark.parametrize("receipt", ["0147-A-000002", "", "0147-B-000001"])
def test_another_receipt_is_not_kept(receipt: str) -> None:
    rig = left(12_480)
    with pytest.raises(DeskRefused, match="stale_page"):
        rig.desk.intake_exit.take_up(receipt)
    assert rig.desk.intake_exit.unfinished() is not None


def test_a_second_tap_finds_it_gone_on_with_already() -> None:
    rig = left(12_480)
    rig.desk.intake_exit.take_up("0147-A-000001")
    with pytest.raises(DeskRefused, match="stale_page"):
        rig.desk.intake_exit.take_up("0147-A-000001")
    assert rig.desk.view().step is DeskStep.AGREE


def test_a_page_from_before_books_nothing() -> None:
    """The token of the screen that was left is not the one of the screen it is gone on with."""
    rig = Rig()
    fixed(rig, 12_480)
    before = rig.desk.view()
    rig.desk.intake_exit.leave(idle=True)
    rig.desk.intake_exit.take_up("0147-A-000001")
    with pytest.raises(DeskRefused, match="stale_page"):
        rig.desk.agreement.agree(before.reading_no, before.token)
