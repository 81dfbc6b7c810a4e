"""Progress shows on a terminal, and nothing of it in a pipe."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from kiosk.cli.shared.one_line import counted, progress


@contextmanager
def terminal() -> Iterator[Callable[[bytes], bytes]]:
    """Standard error is a pseudo-terminal; yields a function that reads what it shows up to these bytes."""
    ours, theirs = os.openpty()
    shown = b""

    def read_to(end: bytes) -> bytes:
        nonlocal shown
        while end not in shown:
            shown += os.read(ours, 1000)
        before, _, shown = shown.partition(end)
        return before + end

    with os.fdopen(theirs, "w", encoding="utf-8") as written, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stderr", written)
        try:
            yield read_to
        finally:
            os.close(ours)


def test_time_and_number_are_shown_and_the_line_is_removed() -> None:
    with terminal() as read_to:
        with progress("copying", "rows", interval_s=0.01) as show:
            show(1234)
            read_to(b"\r\x1b[Kcopying: 0:00")
            read_to(b", 1,234 rows")
        read_to(b"\r\x1b[K")


def test_the_line_is_removed_when_the_work_fails() -> None:
    def work() -> None:
        with progress("copying", interval_s=0.01):
            read_to(b"copying: 0:0")
            raise OSError("the disk is full")

    with terminal() as read_to:
        with pytest.raises(OSError, match="full"):
            work()
        read_to(b"\r\x1b[K")


def test_nothing_is_written_into_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = io.StringIO()
    monkeypatch.setattr(sys, "stderr", pipe)
    with progress("copying", "rows", interval_s=0.001) as show:
        assert list(counted("abc", show)) == ["a", "b", "c"]
    assert pipe.getvalue() == ""


def test_items_are_counted_after_they_were_used() -> None:
    shown: list[int] = []
    items = counted("ab", shown.append)
    assert (next(items), shown) == ("a", [])
    assert (next(items), shown) == ("b", [1])
    assert (list(items), shown) == ([], [1, 2])
