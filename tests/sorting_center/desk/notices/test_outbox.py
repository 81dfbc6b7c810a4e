from __future__ import annotations

import threading
from datetime import datetime, timedelta

import pytest

from kiosk.base.refused import Refused
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.notices import outbox
from kiosk.sorting_center.desk.notices.outbox import (
    LEASE_TIME,
    MAX_CASES_PER_NOTICE,
    MIN_TRIES,
    NoticeClaim,
    NoticeState,
)
from kiosk.sorting_center.desk.notices.targets import NoticeChannel, NoticeTarget
from kiosk.sorting_center.desk.shared.cases import Condition
from tests.sorting_center.desk.notices.receivers import NOW


def later(**by: float) -> datetime:
    return NOW + timedelta(**by)


def hook(desk: CenterDesk, name: str = "hook", *kinds: str) -> None:
    desk.notice_targets.add(
        NoticeTarget(name, NoticeChannel.WEBHOOK, f"https://{name}.example/", "en", frozenset(kinds)), NOW
    )


def opens(desk: CenterDesk, number: int, now: datetime = NOW, kind: str = "quiet") -> int:
    """So many cases that were not there before; how many notices that makes."""
    subject = str(sum(desk.cases.counts().values()))
    at = [Condition(kind, "shache", f"S{station:04}", subject) for station in range(1, number + 1)]
    desk.cases.observe(at, now)
    return collects(desk, now)


def collects(desk: CenterDesk, now: datetime = NOW) -> int:
    """Until nothing is new."""
    return sum(iter(lambda: desk.notices.collect(now), 0))


def claimed(desk: CenterDesk, now: datetime) -> NoticeClaim:
    found = desk.notices.claim(now)
    assert found is not None
    return found


def test_cases_go_to_each_target_that_wants_their_kind(desk: CenterDesk) -> None:
    hook(desk, "all")
    hook(desk, "forks", "fork")
    hook(desk, "paused")
    desk.notice_targets.set_paused("paused", True)
    desk.cases.observe([Condition("fork", "shache", "S0147", "x", "y"), Condition("quiet", "s", "S0002")], NOW)
    assert collects(desk) == 2
    told = {row.target: [case.kind for case in row.cases] for row in desk.notices.newest()}
    assert told == {"all": ["fork", "quiet"], "forks": ["fork"]}
    assert collects(desk) == 0, "each is told once"


def test_one_that_has_come_back_says_so(desk: CenterDesk) -> None:
    hook(desk)
    fork = Condition("fork", "shache", "S0147")
    (case,) = desk.cases.observe([fork], NOW)
    desk.cases.claim(case.id, 1, "turdi", NOW)
    assert collects(desk) == 1
    first = claimed(desk, NOW)
    assert [case.again for case in first.notice.cases] == [False], "somebody was quick, and it is the first time"
    desk.notices.mark_sent(first, "yes", NOW)
    desk.cases.close(case.id, 2, "turdi", "looked after", NOW)
    desk.cases.observe([], NOW)
    desk.cases.observe([fork], later(minutes=1))
    assert collects(desk) == 1
    assert [case.again for case in claimed(desk, NOW).notice.cases] == [True]


def test_hundreds_of_cases_are_a_few_notices(desk: CenterDesk) -> None:
    hook(desk)
    assert opens(desk, MAX_CASES_PER_NOTICE * 2 + 1, NOW) == 3
    assert [row.number for row in desk.notices.newest()] == [1, MAX_CASES_PER_NOTICE, MAX_CASES_PER_NOTICE]


def test_what_came_through_is_over_and_what_did_not_is_tried_again(desk: CenterDesk) -> None:
    hook(desk)
    opens(desk, 1, NOW)
    first = claimed(desk, NOW)
    desk.notices.mark_failed(first, "answered 500", 30.0, NOW)
    assert desk.notices.claim(later(seconds=29)) is None
    second = claimed(desk, later(seconds=30))
    assert (second.notice.code, second.notice.tries, second.target.failures) == (first.notice.code, 2, 1)
    desk.notices.mark_sent(second, "answered 204", later(seconds=31))
    assert desk.notices.claim(later(days=9)) is None
    (row,) = desk.notices.newest()
    assert (row.state, row.result, row.tries) == (NoticeState.SENT, "answered 204", 2)
    assert desk.notice_targets.all()[0].failures == 0


def test_what_somebody_is_sending_nobody_else_sends_until_the_lease_is_over(desk: CenterDesk) -> None:
    hook(desk)
    opens(desk, 1, NOW)
    died = claimed(desk, NOW)
    assert desk.notices.claim(later(seconds=1)) is None
    after = NOW + LEASE_TIME
    again = claimed(desk, after)
    assert again.notice.code == died.notice.code
    desk.notices.mark_sent(died, "late", after)
    assert desk.notices.newest()[0].state is NoticeState.WAITING, "who has it now says how it went"
    desk.notices.mark_sent(again, "well", after)
    assert desk.notices.newest()[0].result == "well"


def test_two_who_look_at_once_do_not_both_get_it(desk: CenterDesk) -> None:
    for name in ("one", "two", "three"):
        hook(desk, name)
    opens(desk, 1, NOW)
    barrier, found = threading.Barrier(6), list[NoticeClaim]()

    def look() -> None:
        barrier.wait()
        if (claim := desk.notices.claim(NOW)) is not None:
            found.append(claim)

    threads = [threading.Thread(target=look) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    names = [claim.target.name for claim in found]
    assert len(names) == len(set(names)) >= 1


def test_a_target_that_does_not_answer_keeps_no_other_waiting(desk: CenterDesk) -> None:
    hook(desk, "dead")
    hook(desk, "well")
    opens(desk, MAX_CASES_PER_NOTICE * 2, NOW)
    served = []
    while (claim := desk.notices.claim(NOW)) is not None:
        served.append(claim.target.name)
        if claim.target.name == "dead":
            desk.notices.mark_failed(claim, "no", 60.0, NOW)
        else:
            desk.notices.mark_sent(claim, "yes", NOW)
    assert sorted(served) == ["dead", "well", "well"]


def test_a_notice_that_is_never_taken_keeps_no_other_waiting(desk: CenterDesk) -> None:
    hook(desk)
    opens(desk, MAX_CASES_PER_NOTICE + 1, NOW)
    poison = claimed(desk, NOW)
    desk.notices.mark_failed(poison, "answered 400", 30.0, NOW)
    assert claimed(desk, later(seconds=30)).notice.code != poison.notice.code


def fail_until(desk: CenterDesk, now: datetime, step: timedelta) -> datetime:
    while (claim := desk.notices.claim(now)) is not None:
        desk.notices.mark_failed(claim, "answered 500", step.total_seconds(), now)
        now += step
    return now


def test_after_three_days_all_that_waits_for_it_is_given_up_and_said(desk: CenterDesk) -> None:
    hook(desk)
    opens(desk, MAX_CASES_PER_NOTICE * 3, NOW)
    ended = fail_until(desk, NOW, timedelta(hours=1))
    assert timedelta(days=3) < ended - NOW < timedelta(days=3, hours=3)
    assert {row.state for row in desk.notices.newest()} == {NoticeState.GIVEN_UP}
    assert desk.notices.counts() == {("hook", NoticeState.GIVEN_UP): 3}


def test_a_clock_that_jumps_by_years_gives_up_nothing_that_was_not_tried(desk: CenterDesk) -> None:
    hook(desk)
    opens(desk, 1, NOW.replace(year=1970))
    for number in range(MIN_TRIES - 1):
        desk.notices.mark_failed(claimed(desk, later(hours=number)), "no", 60.0, later(hours=number))
    assert desk.notices.newest()[0].state is NoticeState.WAITING


def test_a_clock_that_was_ahead_holds_nothing_for_ever(desk: CenterDesk) -> None:
    hook(desk)
    opens(desk, 1, NOW)
    ahead = later(days=4_000)
    desk.notices.mark_failed(claimed(desk, ahead), "no", 60.0, ahead)
    claimed(desk, later(minutes=1))


def test_the_outbox_is_bounded_and_says_what_it_had_no_room_for(
    desk: CenterDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "MAX_WAITING", 3)
    monkeypatch.setattr(outbox, "MAX_ENDED", 4)
    hook(desk)
    assert [opens(desk, 1, NOW) for _ in range(12)] == [1, 1, 1, *[0] * 9]
    assert desk.notices.counts() == {("hook", NoticeState.WAITING): 3, ("hook", NoticeState.DROPPED): 4}
    with pytest.raises(Refused, match="wait already"):
        desk.notices.test("hook", NOW)


def test_a_test_goes_to_its_target_alone_and_at_once(desk: CenterDesk) -> None:
    hook(desk)
    hook(desk, "other")
    opens(desk, 1, NOW)
    desk.notices.mark_failed(claimed(desk, NOW), "no", 3600.0, NOW)
    desk.notices.mark_sent(claimed(desk, NOW), "yes", NOW)
    desk.notices.test("hook", NOW)
    test = claimed(desk, NOW)
    assert (test.target.name, test.notice.cases, test.notice.number) == ("hook", (), 0)
    desk.notice_targets.set_paused("other", True)
    with pytest.raises(Refused, match="paused"):
        desk.notices.test("other", NOW)


def test_a_target_that_is_removed_takes_its_notices_with_it(desk: CenterDesk) -> None:
    hook(desk)
    opens(desk, 2, NOW)
    claim = claimed(desk, NOW)
    desk.notice_targets.remove("hook")
    desk.notices.mark_failed(claim, "no", 1.0, NOW)
    assert desk.notices.newest() == []
    assert desk.notices.claim(later(days=1)) is None


def test_what_a_receiver_says_cannot_act_on_a_screen(desk: CenterDesk) -> None:
    hook(desk)
    opens(desk, 1, NOW)
    desk.notices.mark_failed(claimed(desk, NOW), "\x1b[31m\u202e" + "x" * 10_000, 1.0, NOW)
    result = desk.notices.newest()[0].result
    assert "\x1b" not in result
    assert len(result) <= 1_000


def test_what_was_there_before_the_first_target_is_not_told(desk: CenterDesk) -> None:
    assert opens(desk, 3) == 0
    hook(desk)
    assert collects(desk) == 0
    assert opens(desk, 1) == 1


def test_two_who_collect_at_once_tell_each_case_once(desk: CenterDesk) -> None:
    hook(desk)
    desk.cases.observe([Condition("quiet", "shache", f"S{number:04}") for number in range(1, 1_201)], NOW)
    barrier = threading.Barrier(4)

    def collect() -> None:
        barrier.wait()
        collects(desk)

    threads = [threading.Thread(target=collect) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told = [case.number for row in desk.notices.newest(500) for case in row.cases]
    assert len(told) == len(set(told)) == 1_200
