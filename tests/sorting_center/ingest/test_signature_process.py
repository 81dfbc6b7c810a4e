"""Signatures are all checked, in the process beside or here: also when that one is gone, stands still or is behind."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from kiosk.messaging.contract.event_signature import message_of
from kiosk.sorting_center.ingest.signature_process import MIN_SENT, SignatureProcess
from kiosk.sorting_center.ledger import Delivery, Ledger
from kiosk.sorting_center.shared.signature_checks import pack_check, verdicts
from tests.sorting_center.brokers import until
from tests.sorting_center.signing_station import SigningStation, key_of, with_signature
from tests.sorting_center.station_journal import NOW

KEY = key_of("first")
BAD = frozenset({0, 3, 16, 17, 200, 599})


def checks(count: int) -> list[bytes]:
    """Those of BAD are signed by another."""
    found = []
    for number in range(count):
        sha256 = f"{number:064x}"
        key = key_of("other") if number in BAD else KEY
        found.append(pack_check(KEY.public.hex(), sha256, key.sign(message_of(sha256))))
    return found


MANY = checks(600)


def expected(count: int) -> bytes:
    return bytes(number not in BAD for number in range(count))


@contextmanager
def running(stall_s: float = 600.0) -> Iterator[SignatureProcess]:
    process = SignatureProcess(stall_s)
    process.start()
    try:
        until(lambda: process.pid is not None)
        yield process
    finally:
        process.stop(5.0)


def test_the_same_checks_have_the_same_verdicts_there_and_here(subtests: pytest.Subtests) -> None:
    with running() as process:
        for count in (0, 1, MIN_SENT - 1, MIN_SENT, 32, 33, 599, 600):
            with subtests.test(count=count):
                assert process.begin(MANY[:count])() == expected(count) == verdicts(b"".join(MANY[:count]))


def test_what_is_answered_is_not_checked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    here: list[bytes] = []
    monkeypatch.setattr(
        "kiosk.sorting_center.ingest.signature_process.verdicts", lambda part: here.append(part) or verdicts(part)
    )
    with running() as process:

        def is_left_to_it() -> bool:
            here.clear()
            collect = process.begin(MANY[:64])
            os.sched_yield()
            assert collect() == expected(64)
            return len(here) < 4

        until(is_left_to_it)


def test_nothing_waits_for_one_that_is_killed_or_stands_still(subtests: pytest.Subtests) -> None:
    with running() as process:
        for sent in (signal.SIGSTOP, signal.SIGKILL):
            with subtests.test(sent.name):
                collect, pid = process.begin(MANY), process.pid
                assert pid is not None
                os.kill(pid, sent)
                assert collect() == expected(600)
                for _ in range(20):  # more than waits between them
                    assert process.begin(MANY)() == expected(600)
        until(lambda: process.pid not in (None, pid))
        assert process.begin(MANY)() == expected(600)


def test_one_that_stands_still_is_replaced() -> None:
    with running(stall_s=0.0) as process:
        pid = process.pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)

        def is_replaced() -> bool:
            assert process.begin(MANY)() == expected(600)
            return process.pid not in (None, pid)

        until(is_replaced)


def test_a_commit_believes_its_verdict(ledger: Ledger) -> None:
    station = SigningStation()
    items = [station.start(), station.make_key(), *(station.intake(number) for number in range(1, 99))]
    items[50] = with_signature(items[50], items[51].signature)
    with running() as process:
        (state,) = ledger.commit(Delivery(events=[("shache", item) for item in items]), NOW, process.begin)
    assert (state.upto, state.quarantined) == (100, (51,))


def test_it_goes_on_here_when_it_was_stopped() -> None:
    with running() as process:
        pass
    assert process.begin(MANY)() == expected(600)
