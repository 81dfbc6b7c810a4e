"""A program ends, whenever the signal comes."""

from __future__ import annotations

import threading

from kiosk.base.shutdown import ShutdownEvent


def test_who_waits_for_ever_looks_again_though_nobody_wakes_it() -> None:
    """The flag is up, as by a handler that ran in the instant before the thread fell asleep: it was not woken."""
    ending, ended = ShutdownEvent(), threading.Event()

    def wait() -> None:
        assert ending.wait()
        ended.set()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    ending._flag = True  # type: ignore[attr-defined]
    assert ended.wait(60)
    thread.join()
    assert not ShutdownEvent().wait(0)
