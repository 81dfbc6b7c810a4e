"""A further process that does not end as it should."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import pytest

from kiosk.sorting_center.child import Child, ChildPlan
from tests.sorting_center.brokers import until

LINGERS = """
import os, signal, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.write(1, b"here\\n")
sys.stdin.buffer.read()
os.close(1)
signal.pause()
"""


def test_one_that_closes_its_output_and_stays_is_killed() -> None:
    here = threading.Event()
    command = (sys.executable, "-c", LINGERS)
    child = Child(ChildPlan("one that stays", command, b"{}\n", lambda _line: here.set(), lambda _status: None))
    child.start()
    assert here.wait(60)
    pid = child.pid
    assert pid is not None
    child.end()
    until(lambda: not os.path.lexists(f"/proc/{pid}/fd/1"))
    child.stop(0.5)
    until(lambda: not Path(f"/proc/{pid}").exists())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
