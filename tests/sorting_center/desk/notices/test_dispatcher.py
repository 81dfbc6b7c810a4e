from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from kiosk.base.refused import Refused
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.notices.dispatcher import POLL_INTERVAL_S, RETRY_FIRST_S, RETRY_MAX_S, NoticeDispatcher
from kiosk.sorting_center.desk.notices.outbound import DeliveryFailed, OutboundNetwork
from kiosk.sorting_center.desk.notices.outbox import NoticeClaim, NoticeState
from kiosk.sorting_center.desk.notices.targets import NoticeChannel, NoticeTarget
from kiosk.sorting_center.desk.notices.webhook import WebhookSender
from kiosk.sorting_center.shared.alarm_texts import format_detail
from tests.sorting_center.desk.notices.receivers import NAME, NOW, Http, case_line, certificates, listening
from tests.sorting_center.desk.notices.test_outbox import opens


class Told:
    """A way that does what it is told to, one after the other."""

    def __init__(self, *outcomes: str | Exception) -> None:
        self.outcomes = list(outcomes)
        self.sent: list[str] = []

    def __call__(self, claim: NoticeClaim) -> str:
        self.sent.append(claim.notice.code)
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def waiting(desk: CenterDesk) -> CenterDesk:
    desk.notice_targets.add(NoticeTarget("hook", NoticeChannel.WEBHOOK, "https://hook.example/", "en"), NOW)
    opens(desk, 1)
    return desk


def test_the_waits_double_up_to_an_hour_and_the_id_stays(waiting: CenterDesk) -> None:
    clock = Clock()
    told = Told(*[DeliveryFailed("answered", values={"host": "x", "n": "500"})] * 10, "answered 200")
    sender = NoticeDispatcher(waiting.notices, {NoticeChannel.WEBHOOK: told}, clock, lambda: 1.0)
    waited = []
    while told.outcomes:
        assert sender.step() == 0.0
        step = 0.0
        while told.outcomes and not sender_is_due(waiting, clock):
            clock.wait(RETRY_FIRST_S)
            step += RETRY_FIRST_S
        waited.append(step)
    assert waited[:-1] == [min(RETRY_FIRST_S * 2**n, RETRY_MAX_S) for n in range(10)]
    assert len(set(told.sent)) == 1
    assert waiting.notices.newest()[0].state is NoticeState.SENT
    assert sender.step() == POLL_INTERVAL_S


def sender_is_due(desk: CenterDesk, clock: Clock) -> bool:
    from sqlalchemy import select

    from kiosk.sorting_center.desk.shared.schema import notice_target
    from kiosk.sorting_center.ledger.database.times import to_rfc3339

    with desk.database.reading() as connection:
        next_at: str = connection.execute(select(notice_target.c.next_at)).scalar_one()
        return next_at <= to_rfc3339(clock())


def test_a_fault_of_its_own_is_told_and_tried_again(waiting: CenterDesk) -> None:
    clock = Clock()
    sender = NoticeDispatcher(waiting.notices, {NoticeChannel.WEBHOOK: Told(RuntimeError("whs_secret"), "well")}, clock)
    assert sender.step() == 0.0
    assert "RuntimeError" in waiting.notices.newest()[0].result
    assert "whs_secret" not in waiting.notices.newest()[0].result
    clock.wait(60)
    assert sender.step() == 0.0
    assert waiting.notices.newest()[0].state is NoticeState.SENT


def test_a_target_that_cannot_be_used_is_told(waiting: CenterDesk) -> None:
    sender = NoticeDispatcher(waiting.notices, {NoticeChannel.WEBHOOK: Told(Refused("bad_url"))}, Clock())
    assert sender.step() == 0.0
    assert waiting.notices.newest()[0].result == format_detail("bad_target")


def test_from_a_case_to_a_program(desk: CenterDesk, tmp_path: Path) -> None:
    here, clock = Http(b"HTTP/1.1 500 X\r\n\r\n"), Clock()
    network = OutboundNetwork((NAME,), lambda *_: ["127.0.0.1"], certificates(tmp_path).client)
    sender = NoticeDispatcher(
        desk.notices, {NoticeChannel.WEBHOOK: WebhookSender(case_line, network, clock).send}, clock
    )
    with listening(here) as port:
        desk.notice_targets.add(NoticeTarget("hook", NoticeChannel.WEBHOOK, f"http://{NAME}:{port}/", "en"), NOW)
        opens(desk, 1, NOW, "fork")
        sender.step()
        here.answer = b"HTTP/1.1 200 OK\r\n\r\n"
        clock.wait(60)
        sender.step()
    first, second = here.asked
    assert first.headers["X-Kiosk-Notice"] == second.headers["X-Kiosk-Notice"]
    assert first.body == second.body
    assert first.headers["X-Kiosk-Signature"] != second.headers["X-Kiosk-Signature"], "the time is signed too"
    assert desk.notices.newest()[0].result == format_detail("answered", host=NAME, n=200)
