"""The desk step by step: what is booked, what is refused, and that nothing else happens."""

from __future__ import annotations

import threading
from decimal import Decimal
from typing import Any

import pytest

from kiosk.devices.ports import LinkState
from kiosk.domain.intake import TareSource
from kiosk.domain.metrology.pan import STALE_S, PanState
from kiosk.domain.trade import Party
from kiosk.protocols.scales.shared.reading import Reading
from kiosk.station.desk.view import DeskRefused, DeskStep, DeskView, PanPhase, PhotoRequest, PhotoView
from kiosk.store.shared.errors import DiskFull
from tests.station.fakes import CARD, Rig, labels
from tests.station.hardware import BLUR, FACE, TILT, asked, judged


def refused(code: str) -> pytest.RaisesExc[DeskRefused]:
    return pytest.RaisesExc(DeskRefused, check=lambda error: error.code == code)


def at_agree(rig: Rig, grams: int = 12_450, product: str = "BADAM") -> DeskView:
    rig.rest(0)
    rig.desk.choices.begin()
    rig.desk.choices.choose_party("04412")
    rig.rest(grams)
    rig.desk.choices.choose_product(product, 1)
    return rig.desk.view()


def test_two_taps_for_a_member_with_a_card() -> None:
    rig = Rig()
    rig.rest(0)
    assert rig.desk.choices.scan(CARD + "\n").step is DeskStep.WHAT
    rig.rest(12_450)
    shown = rig.desk.choices.choose_product("BADAM", 1)
    assert (shown.pan.state, shown.pan.grams, shown.can_agree) == (PanState.HELD, 12_450, True)
    taken = rig.desk.agreement.agree(shown.reading_no, shown.token)
    assert taken.step is DeskStep.TAKE
    confirmed, _, jobs = rig.store.booked[0]
    assert (confirmed.intake.net_g, confirmed.intake.amount_fen) == (12_450, 29_880)
    assert len(jobs) == 1


def test_a_name_is_told_to_whoever_has_the_card_and_to_nobody_who_types_a_number() -> None:
    """Numbers run on: a stranger could walk through the names of all members on the pad."""
    rig = Rig()
    rig.rest(0)
    assert rig.desk.choices.scan(CARD).member_name == "Aygul <script>"
    rig.desk.intake_exit.back()
    typed = rig.desk.choices.choose_party("04412")
    assert (typed.party, typed.member_name) == (Party("M-04412"), None)
    rig.rest(12_450)
    rig.desk.choices.choose_product("BADAM", 1)
    shown = rig.desk.loads.another_bag(rig.desk.view().reading_no, rig.desk.view().token)
    assert shown.member_name is None
    rig.rest(0)
    rig.desk.intake_exit.leave(idle=True)
    assert rig.desk.intake_exit.take_up("0147-A-000001").member_name is None, (
        "nor to the clerk's villager, who has no card either"
    )
    rig.desk.intake_exit.leave()
    assert rig.desk.choices.scan(CARD).member_name == "Aygul <script>"


def test_goods_on_the_empty_pan_start_by_themselves_once_per_load() -> None:
    rig = Rig()
    rig.rest(0)
    assert rig.read(2000).step is DeskStep.WHO
    assert rig.desk.intake_exit.leave().step is DeskStep.HOME
    assert rig.rest(2000).step is DeskStep.HOME, "the same load does not start again"
    rig.rest(0)
    assert rig.read(2000).step is DeskStep.WHO


def test_leaving_an_empty_pan_does_not_spoil_the_next_load() -> None:
    rig = Rig()
    rig.rest(0)
    rig.desk.choices.begin()
    rig.desk.intake_exit.leave()
    assert rig.read(2000).step is DeskStep.WHO


def test_a_feather_does_not_start() -> None:
    rig = Rig()
    rig.rest(0)
    assert rig.rest(95).step is DeskStep.HOME


def test_a_second_tap_gives_the_first_result() -> None:
    rig = Rig()
    shown = at_agree(rig)
    first = rig.desk.agreement.agree(shown.reading_no, shown.token)
    second = rig.desk.agreement.agree(shown.reading_no, shown.token)
    assert second.result == first.result
    assert len(rig.store.booked) == 1


def test_two_taps_at_the_same_time_book_once() -> None:
    rig = Rig()
    shown = at_agree(rig)
    results: list[DeskView] = []
    threads = [
        threading.Thread(target=lambda: results.append(rig.desk.agreement.agree(shown.reading_no, shown.token)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 8
    assert len(rig.store.booked) == 1
    assert {view.result.receipt for view in results if view.result} == {"0147-A-000001"}


def test_a_repeated_post_after_a_restart_gives_the_first_result() -> None:
    rig = Rig()
    shown = at_agree(rig)
    rig.desk.agreement.agree(shown.reading_no, shown.token)
    fresh = Rig()
    fresh.store.__dict__.update(rig.store.__dict__)
    view = fresh.desk.agreement.agree(shown.reading_no, shown.token)
    assert view.step is DeskStep.TAKE
    assert view.result is not None
    assert view.result.receipt == "0147-A-000001"
    assert len(fresh.store.booked) == 1


def test_a_stale_page_books_nothing() -> None:
    rig = Rig()
    shown = at_agree(rig)
    rig.read(13_000)
    later = rig.rest(13_000)
    assert later.pan.state is PanState.HELD
    for reading_no, token in (
        (shown.reading_no, shown.token),
        (later.reading_no, shown.token),
        (shown.reading_no, later.token),
    ):
        with refused("stale_page"):
            rig.desk.agreement.agree(reading_no, token)
    assert rig.store.booked == []
    rig.desk.agreement.agree(later.reading_no, later.token)
    assert rig.store.booked[0][0].intake.gross_g == 13_000


@pytest.mark.parametrize("end", ["moving", "expired", "unplugged", "pounds", "taken off"])
def test_nothing_is_booked_once_the_hold_is_gone(end: str) -> None:
    rig = Rig()
    shown = at_agree(rig)
    if end == "moving":
        rig.read(12_500)
    elif end == "expired":
        rig.desk.readings.on_expired(rig.now + 1)
    elif end == "unplugged":
        rig.desk.readings.on_link(LinkState.MISSING, "the scale at /dev/x is not there", rig.now)
    elif end == "pounds":
        rig.read(12_450, unit="lb")
    else:
        rig.rest(0)
    with pytest.raises(DeskRefused):
        rig.desk.agreement.agree(shown.reading_no, shown.token)
    now = rig.desk.view()
    with pytest.raises(DeskRefused):
        rig.desk.agreement.agree(now.reading_no, now.token)
    assert rig.store.booked == []


def test_more_bags_each_from_a_load_of_its_own() -> None:
    rig = Rig()
    shown = at_agree(rig, 10_000)
    shown = rig.desk.choices.choose_container("SACK")
    fixed = rig.desk.loads.another_bag(shown.reading_no, shown.token)
    assert [bag.net_g for bag in fixed.bags] == [9840]
    assert not fixed.can_agree, "the bag that is counted still lies there"
    with refused("load_already_counted"):
        rig.desk.agreement.agree(fixed.reading_no, fixed.token)
    rig.rest(0)
    assert rig.desk.view().can_agree
    both = rig.rest(20_000)
    assert [bag.net_g for bag in both.bags] == [9840]
    assert both.current is not None
    assert both.total_net_g == 9840 + 19_840
    taken = rig.desk.agreement.agree(both.reading_no, both.token)
    assert [line.net_g for line in rig.store.booked[0][0].intake.lines] == [9840, 19_840]
    assert taken.total_amount_fen == both.total_amount_fen


def test_agree_on_the_fixed_bags_with_an_empty_pan() -> None:
    rig = Rig()
    shown = at_agree(rig, 10_000)
    rig.desk.loads.another_bag(shown.reading_no, shown.token)
    view = rig.rest(0)
    rig.desk.agreement.agree(view.reading_no, view.token)
    assert rig.store.booked[0][0].intake.gross_g == 10_000


def test_a_container_weighed_empty_first() -> None:
    rig = Rig()
    at_agree(rig, 12_000)
    view = rig.desk.choices.choose_container("OWN")
    assert view.phase is PanPhase.CONTAINER
    with refused("wrong_step"):
        rig.desk.agreement.agree(view.reading_no, view.token)
    rig.rest(0)
    empty = rig.rest(1500)
    weighed = rig.desk.loads.take_container(empty.reading_no, empty.token)
    assert (weighed.phase, weighed.tare_g, weighed.can_agree) == (PanPhase.LOAD, 1500, False)
    rig.rest(0)
    full = rig.rest(12_000)
    assert full.current is not None
    assert full.current.net_g == 10_500
    rig.desk.agreement.agree(full.reading_no, full.token)
    line = rig.store.booked[0][0].intake.lines[0]
    assert (line.tare_g, line.tare_source) == (1500, TareSource.WEIGHED)


def test_a_container_heavier_than_the_load_cannot_be_agreed() -> None:
    rig = Rig()
    at_agree(rig, 12_000)
    view = rig.desk.choices.choose_container("BARREL")
    assert (view.tare_problem, view.can_agree) == ("tare_too_heavy", False)
    with refused("tare_too_heavy"):
        rig.desk.agreement.agree(view.reading_no, view.token)


def test_changing_container_or_mode_makes_the_page_stale() -> None:
    rig = Rig()
    shown = at_agree(rig)
    rig.desk.choices.choose_container("SACK")
    with refused("stale_page"):
        rig.desk.agreement.agree(shown.reading_no, shown.token)
    view = rig.desk.choices.choose_mode("purchase")
    assert view.price_fen_per_kg == 2200
    rig.desk.agreement.agree(view.reading_no, view.token)
    assert rig.store.booked[0][0].intake.mode.value == "purchase"


def test_the_version_on_the_screen_is_the_version_booked() -> None:
    rig = Rig()
    rig.rest(0)
    rig.desk.choices.begin()
    rig.desk.choices.choose_party("non_member")
    rig.store.version, rig.store.current = 2, type(rig.store.current)((), (), (), ())
    rig.rest(5000)
    with refused("stale_page"):
        rig.desk.choices.choose_product("BADAM", 2)
    view = rig.desk.choices.choose_product("BADAM", 1)
    rig.desk.agreement.agree(view.reading_no, view.token)
    assert rig.store.booked[0][0].intake.catalog_version == 1


def test_the_receipt_number_is_taken_once_and_abandoned_visibly() -> None:
    rig = Rig()
    at_agree(rig)
    assert rig.desk.intake_exit.back().step is DeskStep.WHAT
    rig.desk.choices.choose_product("HONEY", 1)
    assert rig.desk.view().receipt == "0147-A-000001"
    rig.desk.intake_exit.leave()
    assert rig.store.opened == {1: "abandoned"}
    at_agree(rig)
    assert rig.desk.view().receipt == "0147-A-000002"


def test_fixed_bags_are_not_thrown_away_by_back() -> None:
    rig = Rig()
    shown = at_agree(rig)
    rig.desk.loads.another_bag(shown.reading_no, shown.token)
    with refused("bags_counted"):
        rig.desk.intake_exit.back()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("6923450657713", "not_a_member_card"),
        ("Y1L0147A000381V", "not_a_member_card"),
        ("Y1P04412X", "not_a_member_card"),
        ("<script>", "not_a_member_card"),
        ("", "not_a_member_card"),
    ],
)
def test_other_scans_open_nothing(text: str, code: str) -> None:
    rig = Rig()
    with refused(code):
        rig.desk.choices.scan(text)
    assert rig.desk.view().step is DeskStep.HOME


@pytest.mark.parametrize("text", ["99999", "4412", "13800138000", "'; DROP TABLE", "M-99999", ""])
def test_unknown_members_are_refused(text: str) -> None:
    rig = Rig()
    rig.desk.choices.begin()
    with refused("unknown_member"):
        rig.desk.choices.choose_party(text)


def test_unknown_goods_and_goods_without_a_price() -> None:
    rig = Rig()
    rig.desk.choices.begin()
    rig.desk.choices.choose_party("non_member")
    with refused("unknown_product"):
        rig.desk.choices.choose_product("GOLD", 1)
    rig.desk.intake_exit.leave()
    catalog = rig.store.current
    rig.store.current = type(catalog)(catalog.products, catalog.prices[:2], catalog.containers, catalog.members)
    rig.desk.choices.begin()
    rig.desk.choices.choose_party("non_member")
    with refused("no_price"):
        rig.desk.choices.choose_product("HONEY", 1)
    assert rig.store.opened == {}


def test_a_full_disk_loses_nothing_and_the_same_tap_works_later() -> None:
    rig = Rig()
    shown = at_agree(rig)
    rig.store.fail = DiskFull("full")
    with refused("disk_full"):
        rig.desk.agreement.agree(shown.reading_no, shown.token)
    assert rig.desk.view().step is DeskStep.AGREE
    assert rig.desk.agreement.agree(shown.reading_no, shown.token).step is DeskStep.TAKE
    assert len(rig.store.booked) == 1


def test_an_answer_lost_after_the_commit_is_found_again() -> None:
    rig = Rig()
    shown = at_agree(rig)
    rig.store.fail_after_commit = DiskFull("full")
    assert rig.desk.agreement.agree(shown.reading_no, shown.token).step is DeskStep.TAKE
    assert len(rig.store.booked) == 1


def test_a_booked_intake_is_shown_even_when_its_papers_cannot_be_read() -> None:
    rig = Rig()
    shown = at_agree(rig)
    rig.store.unreadable = 1
    taken = rig.desk.agreement.agree(shown.reading_no, shown.token)
    assert (taken.step, taken.prints) == (DeskStep.TAKE, ())
    rig.desk.result_screen.refresh()
    assert len(rig.desk.view().prints) == 1


def test_a_bag_added_after_a_lost_answer_is_not_counted_as_booked() -> None:
    rig = Rig()
    first = at_agree(rig, 10_000)
    rig.store.fail_after_commit, rig.store.unreadable = DiskFull("full"), 1
    with refused("store_failed"):
        rig.desk.agreement.agree(first.reading_no, first.token)
    rig.desk.loads.another_bag(first.reading_no, first.token)
    rig.rest(0)
    second = rig.rest(20_000)
    taken = rig.desk.agreement.agree(second.reading_no, second.token)
    assert taken.result is not None
    assert taken.result.gross_g == 10_000, "the screen shows what is booked, not what was hoped for"
    assert taken.pan.why_not is None, "the second load can still be booked, on a receipt of its own"
    assert len(rig.store.booked) == 1


@pytest.mark.parametrize("fault", ["overload", "silent", "tare key"])
def test_bags_are_not_agreed_on_while_nobody_knows_what_lies_on_the_pan(fault: str) -> None:
    """The bag that lies there would be missing on the receipt."""
    rig = Rig()
    shown = at_agree(rig)
    rig.desk.loads.another_bag(shown.reading_no, shown.token)
    rig.rest(0)
    assert rig.desk.view().can_agree
    rig.rest(20_000)
    spoil(rig, fault)
    view = rig.desk.view()
    assert (view.can_agree, view.reading_no) == (False, 0)
    with refused({"overload": "above_max", "silent": "lost", "tare key": "net_on_scale"}[fault]):
        rig.desk.agreement.agree(view.reading_no, view.token)
    with refused("goods_on_pan"):
        rig.desk.intake_exit.leave(idle=True)
    assert rig.store.booked == []
    view = rig.rest(20_000)
    assert rig.desk.agreement.agree(view.reading_no, view.token).total_net_g == shown.total_net_g + 20_000


def test_an_empty_pan_that_falls_silent_lets_the_screen_go_home_but_books_nothing() -> None:
    rig = Rig()
    shown = at_agree(rig)
    rig.desk.loads.another_bag(shown.reading_no, shown.token)
    rig.rest(0)
    spoil(rig, "silent")
    view = rig.desk.view()
    assert not view.can_agree
    with refused("lost"):
        rig.desk.agreement.agree(0, view.token)
    assert rig.desk.intake_exit.leave(idle=True).step is DeskStep.HOME


def spoil(rig: Rig, fault: str) -> None:
    rig.now += 0.1
    if fault == "silent":
        rig.desk.readings.on_expired(rig.now)
    elif fault == "overload":
        rig.desk.readings.on_reading(Reading(None, None, None, None, True, False, raw=b""), rig.now)
    else:
        rig.desk.readings.on_reading(Reading(Decimal("19.840"), "kg", True, True, False, False, raw=b""), rig.now)


def test_idle_never_resets_with_goods_on_the_pan_or_papers_on_their_way() -> None:
    rig = Rig()
    shown = at_agree(rig)
    with refused("goods_on_pan"):
        rig.desk.intake_exit.leave(idle=True)
    rig.desk.agreement.agree(shown.reading_no, shown.token)
    rig.rest(0)
    with refused("printing"):
        rig.desk.intake_exit.leave(idle=True)


def test_a_photo_answers_the_intake_it_was_asked_for() -> None:
    rig = Rig()
    shown = at_agree(rig)
    result = rig.desk.agreement.agree(shown.reading_no, shown.token).result
    assert result is not None
    assert rig.desk.result_screen.take_photo().photo.state == "taking"
    rig.desk.result_screen.photo_done(PhotoRequest("Y1L0147A000999X"), "0" * 64)
    assert rig.desk.view().photo.state == "taking"
    rig.desk.result_screen.photo_done(asked(result.lot, rig.desk.view().photo), "0" * 64)
    assert rig.desk.view().photo.state == "done"


def test_one_shot_is_kept_at_take_and_a_failed_one_may_be_repeated() -> None:
    rig = Rig()
    shown = at_agree(rig)
    result = rig.desk.agreement.agree(shown.reading_no, shown.token).result
    assert result is not None
    rig.desk.result_screen.take_photo()
    rig.desk.result_screen.photo_failed(asked(result.lot, rig.desk.view().photo), "camera_failed")
    rig.desk.result_screen.take_photo()
    rig.desk.result_screen.photo_done(asked(result.lot, rig.desk.view().photo), "0" * 64)
    for _ in range(3):
        with refused("photo_kept"):
            rig.desk.result_screen.take_photo()
    assert (rig.desk.view().photo.state, rig.desk.view().photo.sha256) == ("done", "0" * 64)


def test_three_shots_are_judged_and_then_a_clerk_helps() -> None:
    rig = Rig()
    shown = at_agree(rig)
    result = rig.desk.agreement.agree(shown.reading_no, shown.token).result
    assert result is not None
    booked = rig.desk.result_screen
    for tries, state in ((1, "retake"), (2, "retake"), (3, "help")):
        taking = booked.take_photo().photo
        assert taking == PhotoView("taking", tries=tries - 1, token=taking.token)
        booked.photo_retake(asked(result.lot, rig.desk.view().photo), judged(b"", BLUR, TILT))
        assert rig.desk.view().photo == PhotoView(state, findings=(BLUR, TILT), tries=tries)
    with refused("photo_help"):
        booked.take_photo()
    assert len(rig.photos) == 3
    booked.photo_retake(PhotoRequest(result.lot), judged(b"", FACE))
    booked.photo_failed(PhotoRequest(result.lot), "camera_failed")
    assert rig.desk.view().photo.findings == (BLUR, TILT), "what the clerk tries is told at the counter"
    booked.photo_done(asked(result.lot, rig.desk.view().photo), "0" * 64)
    assert rig.desk.view().photo == PhotoView("done", "0" * 64)


def test_goods_that_lie_still_are_shot_only_where_the_screen_asks_for_it() -> None:
    rig = Rig()
    shown = at_agree(rig)
    result = rig.desk.agreement.agree(shown.reading_no, shown.token).result
    assert result is not None
    booked = rig.desk.result_screen
    booked.photo_when_still("Y1L0147A000999X")
    assert rig.photos == []
    for tries in (1, 2, 3):
        booked.photo_when_still(result.lot)
        booked.photo_when_still(result.lot)
        assert len(rig.photos) == tries, "one at a time"
        booked.photo_retake(asked(result.lot, rig.desk.view().photo), judged(b"", BLUR))
    booked.photo_when_still(result.lot)
    booked.skip_photo()
    booked.photo_when_still(result.lot)
    booked.finish()
    booked.photo_when_still(result.lot)
    assert len(rig.photos) == 3


def test_a_shot_that_failed_is_no_try() -> None:
    rig = Rig()
    shown = at_agree(rig)
    result = rig.desk.agreement.agree(shown.reading_no, shown.token).result
    assert result is not None
    for _ in range(5):
        rig.desk.result_screen.take_photo()
        rig.desk.result_screen.photo_failed(asked(result.lot, rig.desk.view().photo), "camera_failed")
    rig.desk.result_screen.take_photo()
    rig.desk.result_screen.photo_retake(asked(result.lot, rig.desk.view().photo), judged(b"", BLUR))
    rig.desk.result_screen.photo_retake(PhotoRequest("Y1L0147A000999X"), judged(b"", BLUR))
    assert rig.desk.view().photo.tries == 1
    assert rig.desk.result_screen.skip_photo().photo == PhotoView("none", tries=1)


def test_only_the_shot_that_the_screen_waits_for_is_a_try() -> None:
    rig = Rig()
    shown = at_agree(rig)
    result = rig.desk.agreement.agree(shown.reading_no, shown.token).result
    assert result is not None
    booked = rig.desk.result_screen
    booked.take_photo()
    booked.skip_photo()
    booked.take_photo()
    (skipped, mine), before = rig.shots, rig.desk.view().photo
    for other in (skipped, PhotoRequest(result.lot)):
        booked.photo_retake(other, judged(b"", BLUR))
        booked.photo_failed(other, "camera_failed")
        assert rig.desk.view().photo == before
    booked.photo_retake(mine, judged(b"", BLUR))
    assert (rig.desk.view().photo.state, rig.desk.view().photo.tries) == ("retake", 1)
    booked.photo_done(PhotoRequest(result.lot), "0" * 64)
    assert rig.desk.view().photo.state == "done", "a clerk's own shot counts as well"


def test_an_unchanged_weight_tells_nobody() -> None:
    rig = Rig()
    rig.rest(0)
    told = len(rig.views)
    rig.read(0, 50)
    assert len(rig.views) == told


# --- a process that was stopped ---------------------------------------------------------------------------------------


def own_container(rig: Rig) -> DeskView:
    rig.rest(0)
    rig.desk.choices.begin()
    rig.desk.choices.choose_party("04412")
    rig.desk.choices.choose_product("BADAM", 1)
    rig.desk.choices.choose_container("OWN")
    return rig.rest(640)


def counted_and_taken_off(rig: Rig) -> DeskView:
    shown = at_agree(rig)
    rig.desk.loads.another_bag(shown.reading_no, shown.token)
    return rig.rest(0)


def check(rig: Rig, _: DeskView) -> None:
    rig.desk.loads.check(lambda load: load)


def bag(rig: Rig, shown: DeskView) -> None:
    rig.desk.loads.another_bag(shown.reading_no, shown.token)


def agree(rig: Rig, shown: DeskView) -> None:
    rig.desk.agreement.agree(shown.reading_no, shown.token)


def container(rig: Rig, shown: DeskView) -> None:
    rig.desk.loads.take_container(shown.reading_no, shown.token)


def at_home(rig: Rig) -> DeskView:
    rig.rest(0)
    rig.rest(5_000)
    return rig.desk.intake_exit.leave()


ACTS = {
    "agree": (at_agree, agree),
    "agree with an empty pan": (counted_and_taken_off, agree),
    "bag": (at_agree, bag),
    "container": (own_container, container),
    "check": (at_home, check),
}


@pytest.mark.parametrize("act", ACTS)
def test_no_act_trusts_a_reading_from_before_the_process_was_stopped(act: str) -> None:
    prepare, do = ACTS[act]
    rig = Rig()
    shown = prepare(rig)
    told = len(rig.views)
    before = rig.desk.intake_exit.unfinished(), rig.store.booked
    rig.now += STALE_S + 0.001
    with pytest.raises(DeskRefused) as refused_as:
        do(rig, shown)
    assert refused_as.value.code in ("stale_page", "lost")
    assert rig.views[told].pan.state is PanState.LOST, "the page is told first"
    assert (rig.desk.intake_exit.unfinished(), rig.store.booked) == before
    assert rig.desk.view().bags == shown.bags


@pytest.mark.parametrize("act", ACTS)
def test_up_to_the_stale_time_an_act_is_done(act: str) -> None:
    prepare, do = ACTS[act]
    rig = Rig()
    shown = prepare(rig)
    rig.now += STALE_S - 0.001
    do(rig, shown)


def test_a_page_that_is_drawn_after_a_stop_shows_dashes_and_no_weight_to_agree_on() -> None:
    rig = Rig()
    at_agree(rig)
    rig.now += STALE_S + 0.001
    shown = rig.desk.view()
    assert (shown.pan.state, shown.pan.grams, shown.can_agree, shown.can_add_bag) == (PanState.LOST, None, False, False)
    assert rig.desk.loads.check_view()[0].state is PanState.LOST
    again = rig.rest(12_450)
    assert again.can_agree, "the goods still lie there, and are seen to"
    rig.desk.agreement.agree(again.reading_no, again.token)


def test_goods_chosen_after_a_stop_hold_no_weight_from_before() -> None:
    rig = Rig()
    rig.rest(0)
    rig.desk.choices.begin()
    rig.desk.choices.choose_party("04412")
    rig.rest(12_450)
    rig.now += STALE_S + 0.001
    assert rig.desk.choices.choose_product("BADAM", 1).pan.hold is None


def test_a_reading_that_was_dated_before_the_stop_shows_nothing() -> None:
    """Its thread was stopped between the port and the desk."""
    rig = Rig()
    at_agree(rig)
    dated = rig.now + 0.1
    rig.now += 3.0
    rig.desk.readings.on_reading(Reading(Decimal("12.450"), "kg", None, None, None, None, b""), dated)
    assert rig.desk.view().pan.state is PanState.LOST
    rig = Rig()
    rig.rest(0)
    rig.now += 3.0
    rig.desk.readings.on_reading(Reading(Decimal("12.450"), "kg", None, None, None, None, b""), rig.now - 2.9)
    assert rig.desk.view().step is DeskStep.HOME, "nobody is asked who comes with goods that may be gone"


def test_a_stop_between_the_check_and_the_booking_books_nothing() -> None:
    """It is looked at once more when the papers are made; what is left is the commit itself."""
    rig = Rig()
    shown = at_agree(rig)

    def slow(*arguments: Any) -> Any:
        rig.now += STALE_S + 0.001
        return labels(*arguments)

    rig.documents = slow
    with refused("lost"):
        rig.desk.agreement.agree(shown.reading_no, shown.token)
    assert rig.store.booked == []
    rig.documents = labels
    again = rig.rest(12_450)
    rig.desk.agreement.agree(again.reading_no, again.token)
    assert len(rig.store.booked) == 1


def test_a_scale_that_is_lost_and_back_before_the_booking_books_nothing() -> None:
    """The scale's thread went on first, threw the backlog away and has read a new weight already."""
    rig = Rig()
    shown = at_agree(rig)

    def lost_and_back(*arguments: Any) -> Any:
        rig.desk.readings.on_expired(rig.now)
        rig.rest(0)
        return labels(*arguments)

    rig.documents = lost_and_back
    with refused("lost"):
        rig.desk.agreement.agree(shown.reading_no, shown.token)
    assert rig.store.booked == []


def test_goods_lifted_right_after_the_tap_are_booked() -> None:
    """A quick hand is no stop: the scale was heard all the time."""
    rig = Rig()
    shown = at_agree(rig)

    def lifted(*arguments: Any) -> Any:
        rig.rest(0)
        return labels(*arguments)

    rig.documents = lifted
    assert rig.desk.agreement.agree(shown.reading_no, shown.token).step is DeskStep.TAKE


def test_a_screen_is_not_cleared_by_itself_before_the_pan_was_seen_again() -> None:
    rig = Rig()
    at_agree(rig)
    rig.rest(0)
    rig.now += STALE_S + 0.001
    with refused("goods_on_pan"):
        rig.desk.intake_exit.leave(idle=True)
    assert rig.desk.intake_exit.leave(idle=True).step is DeskStep.HOME, (
        "a scale that is really gone keeps no screen for ever"
    )
