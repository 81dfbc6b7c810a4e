"""The board: the newest value wins, no reader sleeps through it, and old news change nothing."""

from __future__ import annotations

import threading
from dataclasses import replace
from time import monotonic

from kiosk.station.desk.live import LiveBoard, Marks, Snapshot
from tests.station.fakes import Rig


def board() -> LiveBoard:
    return LiveBoard(Rig().desk.view())


def test_numbers_grow_by_one_and_only_when_something_changed() -> None:
    live = board()
    assert live.snapshot().number == 1
    assert live.snapshot().marks == Marks(scale="scale_missing", printer="ok", link="ok", camera="ok")
    live.mark(scale="ok")
    live.mark(scale="ok")
    live.count_pending(3)
    live.count_pending(3)
    snapshot = live.snapshot()
    assert (snapshot.number, snapshot.marks.scale, snapshot.pending) == (3, "ok", 3)


def test_an_older_view_never_covers_a_newer_one() -> None:
    live = board()
    view = live.snapshot().view
    live.show(replace(view, revision=9))
    live.show(replace(view, revision=8))
    assert (live.snapshot().view.revision, live.snapshot().number) == (9, 2)
    live.show(replace(view, revision=9, tare_g=7))
    assert live.snapshot().view.tare_g == 7, "the weight moves without a new page"


def test_wait_gives_at_once_what_is_already_there_and_none_when_the_time_is_up() -> None:
    live = board()
    assert live.wait(0, 0) == live.snapshot()
    began = monotonic()
    assert live.wait(1, 0.05) is None
    assert monotonic() - began >= 0.05


def test_no_reader_misses_the_newest_whatever_the_speed() -> None:
    live = board()
    last = 2001
    seen: list[list[Snapshot]] = [[] for _ in range(8)]

    def read(mine: list[Snapshot]) -> None:
        number = 1
        while number < last:
            snapshot = live.wait(number, 10)
            if snapshot is None:
                return
            mine.append(snapshot)
            number = snapshot.number

    def link() -> None:
        for number in range(1000):
            live.mark(link=f"word-{number}")

    def pending() -> None:
        for number in range(1000):
            live.count_pending(number + 1)

    readers = [threading.Thread(target=read, args=(mine,)) for mine in seen]
    writers = [threading.Thread(target=link), threading.Thread(target=pending)]
    for thread in (*readers, *writers):
        thread.start()
    for thread in (*readers, *writers):
        thread.join(20)
    for mine in seen:
        numbers = [snapshot.number for snapshot in mine]
        assert numbers == sorted(set(numbers))
        assert numbers[-1] == last
        assert mine[-1].pending == 1000


def test_one_change_wakes_every_reader() -> None:
    live = board()
    woken: list[Snapshot | None] = []
    ready = threading.Barrier(9)

    def read() -> None:
        ready.wait(10)
        woken.append(live.wait(1, 10))

    readers = [threading.Thread(target=read) for _ in range(8)]
    for reader in readers:
        reader.start()
    ready.wait(10)
    live.wake()
    for reader in readers:
        reader.join(10)
    assert [snapshot.number for snapshot in woken if snapshot] == [2] * 8


def test_every_notice_counts_even_when_it_says_the_same() -> None:
    live = board()
    live.notify("url")
    live.notify("url")
    live.notify("code_locked", wait_s=600)
    notice = live.snapshot().notice
    assert (notice.count, notice.word, notice.wait_s, notice.parcel) == (3, "code_locked", 600, None)
