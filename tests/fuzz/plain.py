"""A fuzz driver of the standard library, for machines that atheris has no wheel for.

It changes good inputs at random and keeps the inputs that run lines of the code under test no input before them ran.
"""

from __future__ import annotations

import math
import random
import sys
import time
from collections.abc import Iterable
from types import CodeType
from typing import Any

from tests.fuzz.targets import HEAD, Target

WATCHED = ("protocols/scales/", "protocols/barcodes/", "messaging/contract/", "ingest/reading")
LONGEST = 400
_TOOL = sys.monitoring.PROFILER_ID if sys.version_info >= (3, 12) else 0


class Lines:
    """Notes which lines of the decoders were run for the first time (Python 3.12 and later; nothing before)."""

    def __init__(self) -> None:
        self.new = 0

    def __enter__(self) -> Lines:
        if sys.version_info >= (3, 12):
            events = sys.monitoring.events
            sys.monitoring.use_tool_id(_TOOL, "fuzz")
            sys.monitoring.register_callback(_TOOL, events.LINE, self._line)
            sys.monitoring.set_events(_TOOL, events.LINE)
        return self

    def _line(self, code: CodeType, _: int) -> Any:
        self.new += any(place in code.co_filename for place in WATCHED)
        return sys.monitoring.DISABLE if sys.version_info >= (3, 12) else None

    def __exit__(self, *_: object) -> None:
        if sys.version_info >= (3, 12):
            sys.monitoring.set_events(_TOOL, 0)
            sys.monitoring.register_callback(_TOOL, sys.monitoring.events.LINE, None)
            sys.monitoring.restart_events()
            sys.monitoring.free_tool_id(_TOOL)


def changed(dice: random.Random, data: bytes, other: bytes, longest: int = LONGEST) -> bytes:
    """One to four small changes: lost, doubled, turned, inserted, joined with another input."""
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(data) + 1)
        match dice.randrange(6):
            case 0:
                data = data[:at] + data[at + dice.randint(1, 4) :]
            case 1:
                data = data[:at] + data[max(0, at - dice.randint(1, 8)) :]
            case 2 if at < len(data):
                data = data[:at] + bytes((data[at] ^ 1 << dice.randrange(8),)) + data[at + 1 :]
            case 3:
                data = data[:at] + dice.randbytes(dice.randint(1, 6)) + data[at:]
            case 4:
                data = data[:at] + other[HEAD:]
            case _:
                data = dice.randbytes(2) + data[2:]
    return data[:longest]


def _give(run: Target, data: bytes) -> None:
    try:
        run(data)
    except Exception as error:
        error.add_note(f"the input: {data.hex()}")
        raise


def fuzz(run: Target, seeds: Iterable[bytes], seconds: float, most: float = math.inf, seed: int = 1) -> tuple[int, int]:
    """Give the target changed inputs for so long, at most so many; inputs tried and kept. Raises what it raises."""
    dice, corpus, tried = random.Random(seed), list(seeds), 0
    longest = max([LONGEST, *map(len, corpus)])
    deadline = time.monotonic() + seconds
    with Lines() as lines:
        for data in corpus:
            _give(run, data)
        while tried < most and time.monotonic() < deadline:
            data = changed(dice, dice.choice(corpus), dice.choice(corpus), longest)
            seen = lines.new
            _give(run, data)
            tried += 1
            if lines.new > seen:
                corpus.append(data)
    return tried, len(corpus)
