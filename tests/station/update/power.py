"""A power cut between any two lines: the next line of the updating code does not run, and none after it does."""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from collections.abc import Callable, Collection
from types import CodeType
from typing import Any

from kiosk.app.update import database, helper, releases, unpack
from kiosk.base import files, root_requests
from kiosk.station.update import journal, messages, updater
from kiosk.store.backup import pre_update_copy

_FILES: Collection[str | None] = {
    module.__file__
    for module in (
        updater,
        database,
        journal,
        messages,
        releases,
        helper,
        unpack,
        pre_update_copy,
        files,
        root_requests,
    )
}
_DONE, _FAILED, _CUT = 0, 1, 9
_TOOL = 4
"""A number of sys.monitoring that neither a debugger nor a profiler takes."""

Place = tuple[str, int]


def run(work: Callable[[], object], cut_at: int = 0, files: Collection[str | None] = _FILES) -> bool:
    """Run it in a child that ends like a killed process before line ``cut_at``; whether that line was reached.

    Lines of ``files`` are counted.

    A process of its own: what is killed closes, flushes and tidies nothing on its way out.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the child goes near no other thread's lock
        child = os.fork()
    if child == 0:
        try:
            _watch(_Supply(cut_at, files).line)
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(_FAILED)
        os._exit(_DONE)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (_DONE, _CUT), "it failed: its traceback is above"
    return code == _CUT


def lines_of(work: Callable[[], object], files: Collection[str | None] = _FILES) -> list[Place]:
    """Every line of it in the order in which they run, here and to the end."""
    supply = _Supply(0, files)
    _watch(supply.line)
    try:
        work()
    finally:
        sys.monitoring.set_events(_TOOL, 0)
        sys.monitoring.register_callback(_TOOL, sys.monitoring.events.LINE, None)
        sys.monitoring.free_tool_id(_TOOL)
    return supply.lines


class _Supply:
    def __init__(self, cut_at: int, files: Collection[str | None]) -> None:
        self._cut_at, self._files = cut_at, files
        self.lines: list[Place] = []

    def line(self, code: CodeType, number: int) -> Any:
        if code.co_filename not in self._files:
            return sys.monitoring.DISABLE
        self.lines.append((code.co_filename, number))
        if len(self.lines) == self._cut_at:
            os._exit(_CUT)
        return None


def _watch(line: Callable[[CodeType, int], Any]) -> None:
    monitoring = sys.monitoring
    monitoring.use_tool_id(_TOOL, "power")
    monitoring.register_callback(_TOOL, monitoring.events.LINE, line)
    monitoring.set_events(_TOOL, monitoring.events.LINE)


def worth_a_cut(lines: list[Place]) -> list[int]:
    """Of each line the first and the last time it runs, from 1: what happens in between is the same again."""
    first: dict[Place, int] = {}
    last: dict[Place, int] = {}
    for number, place in enumerate(lines, 1):
        first.setdefault(place, number)
        last[place] = number
    return sorted({*first.values(), *last.values()})
